//! Talking to the app: reused connections, what may be tried again, instances, Unix sockets (N9 to N11).

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::common::app::{App, Seen, Step, send};
use crate::common::door::{Door, QUICK_PLAIN, environment};
use crate::common::fixture::{PLAIN, Pair};
use crate::common::ledger::{ID, Ledger};
use crate::common::load::{Kind, Load};
use crate::common::{count, eventually, holds, ms, secs};

/// Reads the request, and closes without a word.
fn read_and_close() -> Vec<Step> {
    vec![Step::ReadBody, Step::Close]
}

/// How many requests of this method and path the app saw.
fn seen(app: &App, method: &str, path: &str) -> Vec<Seen> {
    app.seen()
        .into_iter()
        .filter(|seen| seen.method == method && seen.target == path)
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn n9_an_app_that_closes_at_a_random_moment_after_each_answer_fails_nobody() {
    let pair = Pair::plain("").await;
    pair.blue.close_within(ms(10));
    let load = Load::start(pair.target(), &[(Kind::Get, 12), (Kind::Fresh, 4), (Kind::Post, 2)]).await;
    let rounds = count(8, 2000);
    for _ in 0..rounds {
        load.more(500).await;
    }
    let tally = load.stop().await;
    tally.assert_no_failures();
    assert!(tally.total() >= 500 * rounds as u64);
    pair.ledger.assert_no_post_twice();
}

#[tokio::test(flavor = "multi_thread")]
async fn n9_a_connection_that_the_app_closed_is_not_used_again() {
    let pair = Pair::plain("").await;
    let closing = vec![send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"), Step::Close];
    pair.blue.on("/bye", closing);
    let mut client = pair.door.plain().await;
    for _ in 0..50 {
        assert_eq!(client.get(PLAIN, "/bye").await.unwrap().text(), "ok");
        assert_eq!(client.get(PLAIN, "/").await.unwrap().status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn n9_the_apps_own_keep_alive_timeout_is_kept_with_a_second_to_spare() {
    // The app closes after 2 s, so the proxy has to let go after 1 s; by its own setting it would keep it for a minute.
    let pair = Pair::plain_with("workers = 1", "keepalive.idle = \"60s\"\n").await;
    pair.blue
        .every_answer("Keep-Alive: timeout=2\r\nConnection: keep-alive\r\n");
    let answer = pair.get("/first").await;
    assert_eq!(answer.field("keep-alive"), None, "Keep-Alive is hop-by-hop");
    // The passing of time is what is tested here: closed by now or not, this connection is not used any more.
    tokio::time::sleep(ms(1100)).await;
    pair.get("/second").await;
    let [first, second] = ["/first", "/second"].map(|path| pair.blue.last_seen(path).connection);
    assert_ne!(
        first, second,
        "a connection was reused a second before the app closes it"
    );
    eventually(secs(10), || async {
        let open = pair.blue.open_connections();
        holds(open == 0, || {
            format!("{open} idle connections are kept, and the app closes after 2 s")
        })
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn n9_idle_connections_are_let_go_after_keepalive_idle() {
    let pair = Pair::plain_with("workers = 1", "keepalive.idle = \"300ms\"\n").await;
    pair.get("/first").await;
    // Sooner than it would by itself, after 4 s.
    tokio::time::sleep(ms(500)).await;
    pair.get("/second").await;
    let [first, second] = ["/first", "/second"].map(|path| pair.blue.last_seen(path).connection);
    assert_ne!(
        first, second,
        "a connection was reused that is idle for longer than 300 ms"
    );
    eventually(secs(10), || async {
        let open = pair.blue.open_connections();
        holds(open == 0, || {
            format!("{open} idle connections are kept for longer than 300 ms")
        })
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn n10_a_post_never_rides_a_reused_connection() {
    let pair = Pair::plain_with("workers = 1", "").await;
    let mut client = pair.door.plain().await;
    for _ in 0..20 {
        client.get(PLAIN, "/").await.unwrap();
        client.post(PLAIN, "/echo", b"body").await.unwrap();
        client.request("PATCH", PLAIN, "/echo", "", b"body").await.unwrap();
    }
    let reused: Vec<_> = pair.blue.seen().into_iter().filter(|seen| seen.before > 0).collect();
    assert!(
        reused.iter().any(|seen| seen.method == "GET"),
        "no GET was reused: nothing is pooled, nothing is proved"
    );
    let wrong: Vec<_> = reused
        .iter()
        .filter(|seen| matches!(seen.method.as_str(), "POST" | "PATCH"))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn n10_unless_the_service_says_so() {
    let pair = Pair::plain_with("workers = 1", "keepalive.reuse = \"always\"\n").await;
    let mut client = pair.door.plain().await;
    for _ in 0..5 {
        client.post(PLAIN, "/echo", b"body").await.unwrap();
    }
    assert!(
        seen(&pair.blue, "POST", "/echo").iter().any(|seen| seen.before > 0),
        "`always` reused nothing"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn n11_a_reused_connection_that_breaks_is_replaced_at_once() {
    let pair = Pair::plain_with("workers = 1", "").await;
    let app = &pair.blue;
    let answer = send("HTTP/1.1 204 No Content\r\n\r\n");
    app.on("/fragile", vec![Step::CloseIfReused, answer]);
    let mut client = pair.door.plain().await;
    for method in ["GET", "HEAD", "DELETE", "OPTIONS"] {
        for round in 0..10 {
            // The connection is pooled after this, and breaks as soon as the next request has arrived on it.
            client.get(PLAIN, "/").await.unwrap();
            let answer = client.request(method, PLAIN, "/fragile", "", b"").await;
            let answer = answer.unwrap_or_else(|broken| panic!("{method}, round {round}: {broken}"));
            assert_eq!(answer.status, 204, "{method}, round {round}: {}", answer.text());
        }
        let tries = seen(app, method, "/fragile").len();
        assert!((10..=20).contains(&tries), "10 × {method} were sent {tries} times");
    }
    assert!(
        seen(app, "GET", "/fragile").len() > 10,
        "no GET was reused, so nothing broke and nothing is proved"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn n11_a_post_whose_connection_breaks_is_answered_502_and_seen_once() {
    for reuse in ["safe", "always"] {
        let pair = Pair::plain_with("workers = 1", &format!("keepalive.reuse = \"{reuse}\"\n")).await;
        pair.blue.on("/fragile", read_and_close());
        let mut client = pair.door.plain().await;
        client.get(PLAIN, "/").await.unwrap();
        let answer = client.post(PLAIN, "/fragile", b"body").await.unwrap();
        assert_eq!(answer.status, 502, "with reuse = {reuse:?}");
        assert_eq!(seen(&pair.blue, "POST", "/fragile").len(), 1, "with reuse = {reuse:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn n11_nothing_is_tried_again_after_the_first_byte_of_an_answer() {
    let pair = Pair::plain("").await;
    pair.blue
        .on("/half", vec![send("HTTP/1.1 200 OK\r\nContent-Le"), Step::Close]);
    let answer = pair.get("/half").await;
    assert_eq!(answer.status, 502);
    assert_eq!(seen(&pair.blue, "GET", "/half").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn n11_retries_end() {
    let pair = Pair::plain("").await;
    pair.blue.on("/dead", read_and_close());
    assert_eq!(pair.get("/dead").await.status, 502);
    let tries = seen(&pair.blue, "GET", "/dead").len();
    assert_eq!(tries, 3, "2 retries, and no more");
}

#[tokio::test(flavor = "multi_thread")]
async fn n11_retries_stay_within_a_fifth_of_the_requests() {
    let pair = Pair::plain("").await;
    pair.blue.on("/dead", read_and_close());
    let mut client = pair.door.plain().await;
    let requests: u64 = 400;
    for _ in 0..requests {
        let answer = client.get(PLAIN, "/dead").await.unwrap();
        assert_eq!(answer.status, 502);
        if answer.fields.has_token("connection", "close") {
            client = pair.door.plain().await;
        }
    }
    let sent = pair.blue.requests();
    // A fifth, and what each core's budget has at the beginning: ten.
    let (fifth, cores) = (requests / 5, std::thread::available_parallelism().unwrap().get() as u64);
    assert!(
        (requests + fifth..=requests + fifth + 10 * cores).contains(&sent),
        "{requests} requests were sent {sent} times"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn n11_no_post_is_seen_twice_in_a_kill_storm() {
    let ledger = Ledger::default();
    let [blue, green] = [App::start_in("blue", "v1", &ledger).await, App::stopped("green", "v2")];
    let config = format!(
        "{QUICK_PLAIN}{}keepalive.reuse = \"always\"\n",
        environment("prod", PLAIN, &blue, &green)
    );
    let door = Arc::new(Door::start(&config).await);
    let (stop, good) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let mut clients = Vec::new();
    for worker in 0..12 {
        let (door, stop, good) = (Arc::clone(&door), Arc::clone(&stop), Arc::clone(&good));
        clients.push(tokio::spawn(async move {
            let mut number = 0;
            let mut client = door.plain().await;
            while !stop.load(Ordering::SeqCst) {
                number += 1;
                let (id, body) = (format!("{ID}: {worker}-{number}\r\n"), [7; 3000]);
                // Failures are allowed here: an app that dies with a POST in its hands is beyond the promise.
                match client.request("POST", PLAIN, "/echo", &id, &body).await {
                    Ok(answer) => {
                        good.fetch_add(u64::from(answer.status == 200), Ordering::SeqCst);
                        if answer.fields.has_token("connection", "close") {
                            client = door.plain().await;
                        }
                    }
                    Err(_) => client = door.plain().await,
                }
            }
        }));
    }
    for _ in 0..count(20, 300) {
        let mark = good.load(Ordering::SeqCst);
        eventually(secs(20), || async {
            holds(good.load(Ordering::SeqCst) > mark + 30, || {
                "no POST gets through".to_owned()
            })
        })
        .await;
        blue.relaunch("v1").await;
    }
    stop.store(true, Ordering::SeqCst);
    for client in clients {
        client.await.unwrap();
    }
    assert!(ledger.len() > 300, "only {} POSTs were seen", ledger.len());
    ledger.assert_no_post_twice();
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_instances_the_one_with_least_in_flight_is_asked() {
    let [one, two] = [App::start("one", "v1").await, App::start("two", "v1").await];
    let slots = format!("upstream = [\"{}\", \"{}\"]\n", one.address(), two.address());
    // In-flight counts of several cores are none of a client's business: one core shows the rule.
    let door = Door::start_with(
        "workers = 1",
        &format!("{QUICK_PLAIN}[env.prod]\nhost = \"{PLAIN}\"\n{slots}"),
    )
    .await;
    for app in [&one, &two] {
        app.answer_when("/wait", "go", "");
    }
    let mut held = door.plain().await;
    held.send(format!("GET /wait HTTP/1.1\r\nHost: {PLAIN}\r\n\r\n"))
        .await
        .unwrap();
    eventually(secs(10), || async {
        holds(one.requests() + two.requests() == 1, || {
            "the first request did not arrive".to_owned()
        })
    })
    .await;
    let (busy, free) = if one.requests() == 1 {
        (&one, &two)
    } else {
        (&two, &one)
    };
    let mut client = door.plain().await;
    for _ in 0..20 {
        client.get(PLAIN, "/").await.unwrap();
    }
    assert_eq!((busy.requests(), free.requests()), (1, 20));
    busy.release("go");
    assert_eq!(held.response("GET").await.unwrap().status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_at_one_moment_are_spread_over_the_instances() {
    let apps = [
        App::start("one", "v1").await,
        App::start("two", "v1").await,
        App::start("three", "v1").await,
    ];
    let slots = apps
        .iter()
        .map(|app| format!("\"{}\"", app.address()))
        .collect::<Vec<_>>()
        .join(", ");
    let door = Door::start(&format!(
        "{QUICK_PLAIN}[env.prod]\nhost = \"{PLAIN}\"\nupstream = [{slots}]\n"
    ))
    .await;
    let mut clients = Vec::new();
    for _ in 0..30 {
        let mut client = door.plain().await;
        clients.push(tokio::spawn(async move {
            client.get(PLAIN, "/slow?ms=200").await.unwrap().app().to_owned()
        }));
    }
    let mut answered = HashSet::new();
    for client in clients {
        answered.insert(client.await.unwrap());
    }
    assert_eq!(answered.len(), 3, "{answered:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_is_down_costs_no_request_while_another_is_up() {
    let [up, down] = [App::start("up", "v1").await, App::stopped("down", "v1")];
    let slots = format!("upstream = [\"{}\", \"{}\"]\n", down.address(), up.address());
    let door = Door::start(&format!("{QUICK_PLAIN}[env.prod]\nhost = \"{PLAIN}\"\n{slots}")).await;
    let load = Load::start(
        door.plain_target(PLAIN),
        &[(Kind::Get, 3), (Kind::Fresh, 2), (Kind::Post, 2)],
    )
    .await;
    load.more(200).await;
    load.stop().await.assert_no_failures();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_on_a_unix_socket_is_served_and_swapped() {
    let folder = tempfile::Builder::new().prefix("gg-app-").tempdir().unwrap();
    let blue = App::start_unix("blue", "v1", &folder.path().join("blue.sock")).await;
    let green = App::start_unix("green", "v2", &folder.path().join("green.sock")).await;
    let door = Door::start(&format!("{QUICK_PLAIN}{}", environment("prod", PLAIN, &blue, &green))).await;
    let kinds = [(Kind::Get, 3), (Kind::Post, 2), (Kind::Stream, 1), (Kind::WebSocket, 1)];
    let load = Load::start(door.plain_target(PLAIN), &kinds).await;
    for app in ["green", "blue"] {
        door.swap("prod", &[]).await.assert_done();
        let answer = door.plain().await.get(PLAIN, "/").await.unwrap();
        assert_eq!(answer.app(), app);
    }
    load.stop().await.assert_no_failures();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_cannot_be_reached_is_a_503_and_a_slow_one_a_504() {
    let pair = Pair::plain("timeout.response = \"300ms\"\nhold.for = \"off\"\n").await;
    pair.blue.on("/never", vec![Step::Hang]);
    assert_eq!(pair.get("/never").await.status, 504);
    pair.blue.on(
        "/nonsense",
        vec![send("220 mail.example.com ESMTP\r\n\r\n"), Step::Close],
    );
    assert_eq!(pair.get("/nonsense").await.status, 502);
    pair.blue.stop_hard().await;
    let answer = pair.get("/").await;
    assert_eq!(answer.status, 503, "{}", answer.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_answer_is_json_or_html_and_carries_the_request_id() {
    let pair = Pair::plain("hold.for = \"off\"\n").await;
    pair.blue.stop_hard().await;
    let mut client = pair.door.plain().await;
    let json = client
        .request("GET", PLAIN, "/", "Accept: application/json\r\n", b"")
        .await
        .unwrap();
    assert!(
        json.field("content-type").is_some_and(|kind| kind.contains("json")),
        "{json:?}"
    );
    assert!(
        serde_json::from_slice::<serde_json::Value>(&json.body).is_ok(),
        "{}",
        json.text()
    );
    let html = pair
        .door
        .plain()
        .await
        .request("GET", PLAIN, "/", "Accept: text/html\r\n", b"")
        .await
        .unwrap();
    assert!(
        html.field("content-type").is_some_and(|kind| kind.contains("html")),
        "{html:?}"
    );
    for answer in [json, html] {
        let id = answer.field("x-request-id").expect("a request id").to_owned();
        assert!(
            answer.text().contains(&id),
            "the page does not name the request id {id}: {}",
            answer.text()
        );
    }
}
