//! Names of hosts, in their many forms (E17, E18, E19, E21).

use crate::common::app::App;
use crate::common::client::WEB_SOCKET;
use crate::common::door::{Door, QUICK, environment};
use crate::common::fixture::{HOST, PLAIN, Pair};

const DEV: &str = "dev.localhost";

/// Production, and development beside it with a second host and a wildcard.
async fn two() -> (Door, [App; 3]) {
    let [prod, dev, spare] = [
        App::start("prod", "v1").await,
        App::start("dev", "v1").await,
        App::stopped("spare", "v2"),
    ];
    let dev_env = format!(
        "[env.dev]\nhost = [\"{DEV}\", \"*.wild.localhost\"]\nupstream = \"{}\"\n",
        dev.address()
    );
    let door = Door::start(&format!("{QUICK}{}{dev_env}", environment("prod", HOST, &prod, &spare))).await;
    (door, [prod, dev, spare])
}

#[tokio::test(flavor = "multi_thread")]
async fn e17_over_tls_and_http2_a_host_matches_in_any_case_with_port_and_trailing_dot() {
    let pair = Pair::tls("").await;
    let upper = HOST.to_uppercase();
    let port = pair.door.https().port();
    for host in [
        HOST.to_owned(),
        upper.clone(),
        format!("{HOST}:443"),
        format!("{HOST}:{port}"),
        format!("{HOST}."),
        format!("{HOST}.:{port}"),
        format!("{upper}.:443"),
    ] {
        let answer = pair.door.tls(HOST).await.unwrap().get(&host, "/").await.unwrap();
        assert_eq!((answer.status, answer.app()), (200, "blue"), "{host}");
        let answer = pair.door.h2(HOST).await.unwrap().get(&host, "/").await.unwrap();
        assert_eq!((answer.status, answer.app()), (200, "blue"), "{host} over h2");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn e18_whatever_a_host_looks_like_it_leads_to_its_own_environment_or_nowhere() {
    let pair = Pair::plain("").await;
    for host in [
        "[::1]",
        "[::1]:80",
        "localhost",
        "app.test.evil.test",
        "evil.test.app.test",
        "app-test",
        "xn--app.test",
        "app.tes",
        "app.test1",
        "1.app.test",
    ] {
        let answer = pair.door.plain().await.get(host, "/").await.unwrap();
        assert_eq!((answer.status, answer.app()), (404, ""), "{host}");
    }
    // The target decides where it is absolute, and has to agree with the field (E12).
    let unknown = "http://unknown.test/";
    let answer = pair.door.plain().await.get("unknown.test", unknown).await.unwrap();
    assert_eq!((answer.status, answer.app()), (404, ""));
    assert_eq!(pair.blue.requests(), 0);
    for host in [PLAIN.to_uppercase(), format!("{PLAIN}."), format!("{PLAIN}:80")] {
        let answer = pair.door.plain().await.get(&host, "/").await.unwrap();
        assert_eq!(answer.app(), "blue", "{host}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn e19_no_form_of_another_environments_host_slips_past_the_handshake() {
    let (door, [prod, dev, _spare]) = two().await;
    let forms = |host: &str| {
        [
            host.to_owned(),
            host.to_uppercase(),
            format!("{host}."),
            format!("{host}:443"),
            format!("{}.:443", host.to_uppercase()),
        ]
    };
    for (name, other) in [
        (HOST, DEV),
        (DEV, HOST),
        (HOST, "x.wild.localhost"),
        ("x.wild.localhost", HOST),
    ] {
        for host in forms(other) {
            let mut client = door.tls(name).await.unwrap();
            let answer = client.get(&host, "/").await.unwrap();
            assert_eq!((answer.status, answer.app()), (421, ""), "{name}, then {host}");
            let mut client = door.tls(name).await.unwrap();
            let answer = client.get(&host, &format!("https://{host}/")).await.unwrap();
            assert_eq!(
                (answer.status, answer.app()),
                (421, ""),
                "{name}, then {host} as a target"
            );
            let mut client = door.tls(name).await.unwrap();
            let answer = client.request("GET", &host, "/ws", WEB_SOCKET, b"").await.unwrap();
            assert_eq!(
                (answer.status, answer.app()),
                (421, ""),
                "{name}, then {host} as a WebSocket"
            );
        }
        // Another stream of the same connection does not help.
        let h2 = door.h2(name).await.unwrap();
        assert_eq!(h2.get(name, "/").await.unwrap().status, 200, "{name}");
        assert_eq!(h2.get(other, "/").await.unwrap().status, 421, "{name}, then {other}");
        assert_eq!(h2.get(name, "/").await.unwrap().status, 200, "{name}");
    }
    assert_eq!(prod.requests() + dev.requests(), 8);
}

/// Browsers ask for it on one connection (RFC 9113 §9.1.1), and whom the certificate does not cover they send away.
#[tokio::test(flavor = "multi_thread")]
async fn e19_a_host_of_the_same_environment_that_the_certificate_covers_is_served() {
    let (door, [prod, dev, _spare]) = two().await;
    let (one, other) = ("one.wild.localhost", "other.wild.localhost");
    for (name, host, status) in [(one, other, 200), (other, one, 200), (one, DEV, 421), (DEV, one, 421)] {
        let answer = door.tls(name).await.unwrap().get(host, "/").await.unwrap();
        assert_eq!(answer.status, status, "{name}, then {host}");
        let answer = door.h2(name).await.unwrap().get(host, "/").await.unwrap();
        assert_eq!(answer.status, status, "{name}, then {host} over h2");
    }
    assert_eq!((prod.requests(), dev.requests()), (0, 4));
}

#[tokio::test(flavor = "multi_thread")]
async fn e21_a_name_is_shown_its_own_certificate_or_none() {
    let (door, _apps) = two().await;
    for name in [
        "localhost",
        "wild.localhost",
        "a.b.wild.localhost",
        "xapp.localhost",
        "app.localhost.evil.test",
        "[::1]",
    ] {
        door.refuses_name(name.trim_matches(['[', ']'])).await;
    }
    for (name, app) in [
        (HOST, "prod"),
        (DEV, "dev"),
        ("x.wild.localhost", "dev"),
        ("X.WILD.localhost", "dev"),
    ] {
        let mut client = door.tls(name).await.unwrap();
        let answer = client.get(&name.to_lowercase(), "/").await.unwrap();
        assert_eq!(answer.app(), app, "{name}");
    }
}
