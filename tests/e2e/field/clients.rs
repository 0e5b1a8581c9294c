//! Who the client is behind proxies that are trusted: the same for the app, the log, and everybody who is let in (F2).

use super::{PLAIN, Pair, TRUSTED, get, get_h2, values};
use greengate::model::api::exit;

/// Field lines of a trusted proxy at 127.0.0.1, and the client that they name. 192.0.2.0/24 is trusted too.
const CHAINS: &[(&str, &str)] = &[
    ("", "127.0.0.1"),
    ("X-Forwarded-For: 203.0.113.7\r\n", "203.0.113.7"),
    ("X-Forwarded-For: 198.51.100.1, 203.0.113.7\r\n", "203.0.113.7"),
    ("X-Forwarded-For: 203.0.113.7, 192.0.2.1,192.0.2.2\r\n", "203.0.113.7"),
    (
        "X-Forwarded-For: 198.51.100.1\r\nX-Forwarded-For: 203.0.113.7\r\nX-Forwarded-For: 192.0.2.1\r\n",
        "203.0.113.7",
    ),
    // One of the proxies itself asks.
    ("X-Forwarded-For: 192.0.2.9\r\n", "192.0.2.9"),
    // With ports, in brackets, and IPv4 in the clothes of IPv6.
    ("X-Forwarded-For: 203.0.113.7:4711\r\n", "203.0.113.7"),
    ("X-Forwarded-For: 203.0.113.7, 192.0.2.1:80\r\n", "203.0.113.7"),
    ("X-Forwarded-For: 2001:DB8::7\r\n", "2001:db8::7"),
    ("X-Forwarded-For: [2001:db8::7]\r\n", "2001:db8::7"),
    ("X-Forwarded-For: [2001:db8::7]:4711\r\n", "2001:db8::7"),
    ("X-Forwarded-For: ::ffff:203.0.113.7\r\n", "203.0.113.7"),
    // Garbage ends the search: nobody knows who wrote what stands before it.
    ("X-Forwarded-For: 203.0.113.7, unknown\r\n", "127.0.0.1"),
    ("X-Forwarded-For: 203.0.113.7, unknown, 192.0.2.1\r\n", "192.0.2.1"),
    ("X-Forwarded-For: 203.0.113.7:x\r\n", "127.0.0.1"),
    ("X-Forwarded-For: , ,203.0.113.7 ,\r\n", "203.0.113.7"),
    // X-Real-IP counts only where there is no list.
    ("X-Real-IP: 203.0.113.7\r\n", "203.0.113.7"),
    (
        "X-Real-IP: 198.51.100.1\r\nX-Forwarded-For: 203.0.113.7\r\n",
        "203.0.113.7",
    ),
    ("X-Real-IP: 198.51.100.1\r\nX-Forwarded-For: unknown\r\n", "127.0.0.1"),
    // These are not what is agreed upon.
    (
        "Forwarded: for=203.0.113.7\r\nX-Client-IP: 203.0.113.7\r\n",
        "127.0.0.1",
    ),
];

const TWO_NETWORKS: &str = "trusted_proxies = [\"127.0.0.0/8\", \"192.0.2.0/24\"]\n";

#[tokio::test(flavor = "multi_thread")]
async fn f2_app_and_log_are_told_the_same_client() {
    let (plain, tls) = (
        Pair::plain_with(TWO_NETWORKS, "").await,
        Pair::tls_with(TWO_NETWORKS, "").await,
    );
    for (n, (fields, client)) in CHAINS.iter().enumerate() {
        let target = format!("/head?chain={n}-");
        let answers = [
            (&plain, get(&plain, &target, fields).await),
            (&tls, get(&tls, &target, fields).await),
            (&tls, get_h2(&tls, &target, fields).await),
        ];
        for (_, answer) in &answers {
            assert_eq!(values(&answer.text(), "x-real-ip"), [*client], "{fields}");
        }
        for (pair, lines) in [(&plain, 1), (&tls, 2)] {
            for line in pair.door.logged(&format!("chain={n}-"), lines).await {
                assert_eq!(line["client"], *client, "{fields}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f2_answers_of_our_own_and_requests_that_have_waited_are_logged_with_the_client() {
    let pair = Pair::plain_with(TRUSTED, "").await;
    let fields = "X-Forwarded-For: 203.0.113.7\r\n";
    let mut client = pair.door.plain().await;
    let unknown = client
        .request("GET", "unknown.test", "/nobody", fields, b"")
        .await
        .unwrap();
    assert_eq!(unknown.status, 404);
    assert_eq!(pair.door.logged("/nobody", 1).await[0]["client"], "203.0.113.7");

    pair.blue.stop_hard().await;
    client
        .send(format!("GET /head?waited HTTP/1.1\r\nHost: {PLAIN}\r\n{fields}\r\n"))
        .await
        .unwrap();
    pair.door.held("prod", 1).await;
    pair.blue.listen().await;
    let head = client.response("GET").await.unwrap().text();
    assert_eq!(values(&head, "x-real-ip"), ["203.0.113.7"], "{head}");
    assert_eq!(pair.door.logged("/head?waited", 1).await[0]["client"], "203.0.113.7");
}

#[tokio::test(flavor = "multi_thread")]
async fn f2_maintenance_lets_the_client_in_and_not_the_proxy_before_it() {
    let (plain, tls) = (Pair::plain_with(TRUSTED, "").await, Pair::tls_with(TRUSTED, "").await);
    for (allow, fields, status) in [
        ("203.0.113.0/24", "X-Forwarded-For: 203.0.113.7:4711\r\n", 200),
        ("203.0.113.0/24", "X-Forwarded-For: 203.0.113.7, 198.51.100.1\r\n", 503),
        ("203.0.113.0/24", "", 503),
        ("127.0.0.1", "X-Forwarded-For: 203.0.113.7\r\n", 503),
        ("127.0.0.1", "", 200),
    ] {
        for pair in [&plain, &tls] {
            let switched = pair
                .door
                .proxyctl(&["maintenance", "prod", "on", "--allow", allow])
                .await;
            switched.assert_code(exit::DONE);
        }
        assert_eq!(get(&plain, "/", fields).await.status, status, "{allow}, {fields:?}");
        assert_eq!(
            get(&tls, "/", fields).await.status,
            status,
            "{allow}, {fields:?} over TLS"
        );
        assert_eq!(
            get_h2(&tls, "/", fields).await.status,
            status,
            "{allow}, {fields:?} over HTTP/2"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f2_a_client_that_nobody_vouches_for_is_whom_it_connects_as() {
    let (plain, tls) = (Pair::plain("").await, Pair::tls("").await);
    let fields = "X-Forwarded-For: 203.0.113.7\r\nX-Real-IP: 203.0.113.7\r\n";
    for head in [
        get(&plain, "/head", fields).await.text(),
        get(&tls, "/head", fields).await.text(),
        get_h2(&tls, "/head", fields).await.text(),
    ] {
        assert_eq!(values(&head, "x-real-ip"), ["127.0.0.1"], "{head}");
        assert_eq!(values(&head, "x-forwarded-for"), ["127.0.0.1"], "{head}");
    }
    assert_eq!(plain.door.logged("/head", 1).await[0]["client"], "127.0.0.1");
}

#[tokio::test(flavor = "multi_thread")]
async fn f2_the_proxy_header_names_the_client_and_only_a_trusted_one_may_name_another() {
    let server = format!("{TWO_NETWORKS}proxy_protocol = true\n");
    let pair = Pair::plain_with(&server, "").await;
    let says = "X-Forwarded-For: 198.51.100.1\r\nX-Forwarded-Proto: https\r\nX-Client-IP: 198.51.100.1\r\n";
    let headers = [
        (
            "PROXY TCP4 203.0.113.7 192.0.2.1 4711 80\r\n",
            "203.0.113.7",
            "203.0.113.7",
            "http",
        ),
        (
            "PROXY TCP6 2001:db8::7 ::1 4711 80\r\n",
            "2001:db8::7",
            "2001:db8::7",
            "http",
        ),
        (
            "PROXY TCP4 192.0.2.9 192.0.2.1 4711 80\r\n",
            "198.51.100.1",
            "198.51.100.1, 192.0.2.9",
            "https",
        ),
        ("PROXY UNKNOWN\r\n", "198.51.100.1", "198.51.100.1, 127.0.0.1", "https"),
    ];
    for (n, (header, client, chain, proto)) in headers.into_iter().enumerate() {
        let mut connection = pair.door.plain().await;
        let target = format!("/head?header={n}-");
        connection
            .send(format!("{header}GET {target} HTTP/1.1\r\nHost: {PLAIN}\r\n{says}\r\n"))
            .await
            .unwrap();
        let head = connection.response("GET").await.unwrap().text();
        assert_eq!(values(&head, "x-real-ip"), [client], "{header}");
        assert_eq!(values(&head, "x-forwarded-for"), [chain], "{header}");
        assert_eq!(values(&head, "x-forwarded-proto"), [proto], "{header}");
        assert_eq!(
            values(&head, "x-client-ip").len(),
            usize::from(proto == "https"),
            "{header}"
        );
        assert_eq!(pair.door.logged(&target, 1).await[0]["client"], client, "{header}");
    }
}
