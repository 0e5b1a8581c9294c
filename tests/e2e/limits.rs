//! `limit.concurrent`, `limit.rate`, `limit.burst`: what one client, or all of them together, may have of an environment (E30).

use std::net::Ipv4Addr;

use crate::common::app::App;
use crate::common::client::{Client, Response, WEB_SOCKET};
use crate::common::door::{Door, QUICK_PLAIN};
use crate::common::fixture::{HOST, PLAIN, Pair};
use crate::common::frames::{Frames, Heads, RST_STREAM, field};
use crate::common::operation::Finished;
use crate::common::{eventually, holds, secs};

const NOBODY_ELSE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 1);
const ANOTHER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

async fn get_from(pair: &Pair, client: Ipv4Addr, target: &str) -> Response {
    let mut client = Client::plain_from(client, pair.door.http()).await.unwrap();
    client.get(PLAIN, target).await.unwrap()
}

fn seconds_to_wait(answer: &Response) -> u64 {
    let wait = answer.field("retry-after").expect("a Retry-After");
    wait.parse().expect("whole seconds")
}

#[tokio::test(flavor = "multi_thread")]
async fn e30_a_client_that_asks_too_often_is_told_when_to_come_again_and_no_other_client_is() {
    let pair = Pair::plain("limit.rate = \"3/min\"\n").await;
    let mut greedy = pair.door.plain().await;
    for _ in 0..3 {
        assert_eq!(greedy.get(PLAIN, "/").await.unwrap().status, 200);
    }
    for _ in 0..5 {
        // On the connection that it has: to make it connect anew would cost more than to answer.
        let refused = greedy.get(PLAIN, "/").await.unwrap();
        assert_eq!((refused.status, refused.app()), (429, ""), "{}", refused.text());
        assert!((10..=20).contains(&seconds_to_wait(&refused)), "{refused:?}");
    }
    // More connections are no other client; another address is.
    assert_eq!(get_from(&pair, NOBODY_ELSE, "/").await.status, 429);
    assert_eq!(get_from(&pair, ANOTHER, "/").await.status, 200);
    assert_eq!(pair.blue.requests(), 4);
    let lines = pair.door.logged("\"client: over the rate\"", 6).await;
    assert_eq!(lines[0]["reason"], "more requests than `limit.rate` lets");
    let traffic = pair.door.environment("prod").await.services[0].traffic;
    assert_eq!((traffic.requests, traffic.limited), (4, 6));
    assert_eq!((traffic.app_errors, traffic.proxy_errors), (0, 0));
    let status = pair.door.proxyctl(&["status", "prod"]).await;
    assert!(status.stdout.contains("over limits: 6"), "{}", status.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn e30_over_http2_too_and_json_for_those_who_ask_for_it() {
    let pair = Pair::tls("limit.rate = \"2/h\"\n").await;
    let h2 = pair.door.h2(HOST).await.unwrap();
    for _ in 0..2 {
        assert_eq!(h2.get(HOST, "/").await.unwrap().status, 200);
    }
    let request = http::Request::get(format!("https://{HOST}/")).header("accept", "application/json");
    let refused = h2.send(request, bytes::Bytes::new()).await.unwrap();
    assert_eq!(refused.status, 429);
    let body: serde_json::Value = serde_json::from_slice(&refused.body).unwrap();
    assert_eq!(
        (&body["status"], &body["error"]),
        (&429.into(), &"Too Many Requests".into())
    );
    assert!((1700..=1800).contains(&seconds_to_wait(&refused)));
    assert_eq!(h2.post(HOST, "/echo", &[7; 300_000]).await.unwrap().status, 429);
    assert_eq!(pair.blue.requests(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn e30_the_burst_is_what_may_come_at_once() {
    let pair = Pair::plain("limit.rate = \"1/h\"\nlimit.burst = 20\n").await;
    let mut client = pair.door.plain().await;
    let mut passed = 0;
    for _ in 0..40 {
        passed += u32::from(client.get(PLAIN, "/").await.unwrap().status == 200);
    }
    assert_eq!(passed, 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn e30_behind_a_trusted_proxy_the_client_is_the_one_that_it_names() {
    let pair = Pair::plain_with("trusted_proxies = [\"127.0.0.0/8\"]", "limit.rate = \"1/h\"\n").await;
    let mut proxy = pair.door.plain().await;
    for (client, status) in [
        ("203.0.113.1", 200),
        ("203.0.113.1", 429),
        ("203.0.113.2", 200),
        ("2001:db8::1", 200),
        ("2001:db8::2", 429),
        ("2001:db8:0:1::1", 200),
    ] {
        let fields = format!("X-Forwarded-For: {client}\r\n");
        let answer = proxy.request("GET", PLAIN, "/", &fields, b"").await.unwrap();
        assert_eq!(answer.status, status, "{client}");
    }
}

/// Two services of `dev`, and `prod` beside it, each at its own host.
async fn dev_beside_prod(limits: &str, of_api: &str) -> (Door, [App; 3]) {
    let [prod, web, api] = [
        App::start("prod", "v1").await,
        App::start("web", "v1").await,
        App::start("api", "v1").await,
    ];
    let config = format!(
        "{QUICK_PLAIN}\n[env.prod]\nhost = \"prod.test\"\nupstream = \"{}\"\n[env.dev]\n{limits}\n\
         [env.dev.service.web]\nhost = \"web.test\"\nupstream = \"{}\"\n\
         [env.dev.service.api]\nhost = \"api.test\"\nupstream = \"{}\"\n{of_api}\n",
        prod.address(),
        web.address(),
        api.address(),
    );
    (Door::start(&config).await, [prod, web, api])
}

async fn status(door: &Door, host: &str) -> u16 {
    door.plain().await.get(host, "/").await.unwrap().status
}

#[tokio::test(flavor = "multi_thread")]
async fn e30_a_limit_of_an_environment_counts_its_services_together_and_no_other_environment() {
    let (door, _apps) = dev_beside_prod("limit.rate = \"2/h\"", "").await;
    assert_eq!(status(&door, "web.test").await, 200);
    assert_eq!(status(&door, "api.test").await, 200);
    assert_eq!(status(&door, "web.test").await, 429);
    assert_eq!(status(&door, "api.test").await, 429);
    for _ in 0..20 {
        assert_eq!(status(&door, "prod.test").await, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn e30_a_limit_of_a_service_counts_it_alone_and_off_takes_it_away() {
    let (door, _apps) = dev_beside_prod("limit.rate = \"1/h\"", "limit.rate = \"2/h\"").await;
    assert_eq!(status(&door, "web.test").await, 200);
    assert_eq!(status(&door, "web.test").await, 429);
    assert_eq!(status(&door, "api.test").await, 200);
    assert_eq!(status(&door, "api.test").await, 200);
    assert_eq!(status(&door, "api.test").await, 429);
    let (door, _apps) = dev_beside_prod("limit.rate = \"1/h\"", "limit.rate = \"off\"").await;
    assert_eq!(status(&door, "web.test").await, 200);
    assert_eq!(status(&door, "web.test").await, 429);
    for _ in 0..20 {
        assert_eq!(status(&door, "api.test").await, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn e30_who_was_turned_away_by_one_rate_is_not_by_the_next_and_nothing_else_lets_him_in_again() {
    let (door, _apps) = dev_beside_prod("limit.rate = \"1/h\"", "").await;
    assert_eq!(status(&door, "web.test").await, 200);
    assert_eq!(status(&door, "web.test").await, 429);
    door.replace("limit.rate = \"1/h\"", "limit.rate = \"1/h\"\nlimit.concurrent = 100");
    door.reload(&[]).await.assert_code(0);
    assert_eq!(status(&door, "web.test").await, 429);
    door.replace("limit.rate = \"1/h\"", "limit.rate = \"100/s\"");
    door.reload(&[]).await.assert_code(0);
    for _ in 0..5 {
        assert_eq!(status(&door, "web.test").await, 200);
    }
}

/// A request that the app has got and does not answer yet.
async fn under_way(door: &Door, app: &App, host: &str, number: u64) -> Client {
    let mut client = door.plain().await;
    let request = format!("GET /wait HTTP/1.1\r\nHost: {host}\r\n\r\n");
    client.send(request).await.unwrap();
    eventually(secs(10), || async {
        holds(app.requests() >= number, || "the app has not got it".into())
    })
    .await;
    client
}

/// Waits until so many requests of an environment are in flight: a client may have its answer a moment before that is known.
async fn are_in_flight(door: &Door, environment: &str, wanted: u64) {
    eventually(secs(10), || async {
        let services = door.environment(environment).await.services;
        let busy: u64 = services.iter().map(|one| one.requests + one.streams).sum();
        holds(busy == wanted, || format!("{busy} in flight, not {wanted}"))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e30_as_many_requests_as_the_limit_says_are_in_flight_and_each_counts_to_its_last_byte() {
    let (door, [prod, web, api]) = dev_beside_prod("limit.concurrent = 3", "").await;
    for app in [&prod, &web, &api] {
        app.answer_when("/wait", "go", "done");
    }
    let mut all = vec![
        under_way(&door, &web, "web.test", 1).await,
        under_way(&door, &api, "api.test", 1).await,
    ];
    // A tunnel holds what a request holds.
    let mut tunnel = door.plain().await;
    let open = format!("GET /tunnel HTTP/1.1\r\nHost: web.test\r\n{WEB_SOCKET}\r\n");
    tunnel.send(open).await.unwrap();
    assert_eq!(tunnel.head().await.unwrap().0, 101);

    for host in ["web.test", "api.test"] {
        let refused = door.plain().await.get(host, "/").await.unwrap();
        assert_eq!((refused.status, refused.app()), (503, ""), "{}", refused.text());
        assert!(seconds_to_wait(&refused) > 0);
    }
    assert_eq!(status(&door, "prod.test").await, 200);
    let line = &door.logged("\"client: too many requests in flight\"", 2).await[0];
    assert_eq!(
        line["reason"],
        "as many requests are in flight as `limit.concurrent` lets"
    );
    let services = door.environment("dev").await.services;
    let limited: u64 = services.iter().map(|service| service.traffic.limited).sum();
    assert_eq!(limited, 2);

    // What ends makes room.
    web.release("go");
    api.release("go");
    for client in &mut all {
        assert_eq!(client.response("GET").await.unwrap().text(), "done");
    }
    drop(tunnel);
    are_in_flight(&door, "dev", 0).await;
    api.answer_when("/hold", "later", "");
    for number in 1..=3 {
        let mut client = door.plain().await;
        client
            .send("GET /hold HTTP/1.1\r\nHost: api.test\r\n\r\n")
            .await
            .unwrap();
        are_in_flight(&door, "dev", number).await;
        all.push(client);
    }
    assert_eq!(status(&door, "web.test").await, 503);
}

#[tokio::test(flavor = "multi_thread")]
async fn e30_a_web_socket_over_http2_is_in_flight_until_its_stream_has_ended() {
    let pair = Pair::tls("limit.concurrent = 2\n").await;
    let (mut frames, mut heads) = (Frames::connect(&pair.door, HOST).await, Heads::default());
    for stream in [1, 3] {
        frames.web_socket(stream, HOST, "/ws", &[]).await;
        assert_eq!(field(&frames.head(&mut heads, stream).await, ":status"), Some("200"));
    }
    frames.web_socket(5, HOST, "/ws", &[]).await;
    let refused = frames.head(&mut heads, 5).await;
    assert_eq!(
        (field(&refused, ":status"), field(&refused, "x-app")),
        (Some("503"), None)
    );
    assert!(field(&refused, "retry-after").is_some(), "{refused:?}");
    assert_eq!(pair.get("/").await.status, 503, "nor is there room for a request");
    assert_eq!(pair.blue.requests(), 2);
    // One that its client gives up makes room for one.
    frames.send(RST_STREAM, 0, 1, &8_u32.to_be_bytes()).await;
    are_in_flight(&pair.door, "prod", 1).await;
    frames.web_socket(7, HOST, "/ws", &[]).await;
    assert_eq!(field(&frames.head(&mut heads, 7).await, ":status"), Some("200"));
    frames.web_socket(9, HOST, "/ws", &[]).await;
    assert_eq!(field(&frames.head(&mut heads, 9).await, ":status"), Some("503"));
    // What the connection has held, ends with it.
    drop(frames);
    are_in_flight(&pair.door, "prod", 0).await;
    assert_eq!(pair.get("/").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn e30_what_is_in_flight_is_counted_over_reloads_and_swaps() {
    let pair = Pair::plain("limit.concurrent = 2\n").await;
    pair.blue.answer_when("/wait", "go", "done");
    let mut first = under_way(&pair.door, &pair.blue, PLAIN, 1).await;
    let mut second = under_way(&pair.door, &pair.blue, PLAIN, 2).await;
    assert_eq!(pair.get("/").await.status, 503);
    // The gate asks the app itself, and the check behind the switch is the daemon's own request: no limit counts them.
    let swap: Finished = pair.door.swap("prod", &["--no-wait"]).await;
    swap.assert_code(0);
    assert_eq!(pair.get("/").await.status, 503, "what the old side still does counts");
    pair.door.replace("limit.concurrent = 2", "limit.concurrent = 3");
    pair.door.reload(&[]).await.assert_code(0);
    pair.blue.stop_listening().await;
    pair.green.answer_when("/wait", "go", "done");
    let third = under_way(&pair.door, &pair.green, PLAIN, 1).await;
    assert_eq!(pair.get("/").await.status, 503, "two of the old side, one of the new");
    pair.blue.release("go");
    for client in [&mut first, &mut second] {
        assert_eq!(client.response("GET").await.unwrap().status, 200);
    }
    eventually(secs(10), || async {
        holds(pair.get("/").await.status == 200, || "no room".into())
    })
    .await;
    drop(third);
}

#[tokio::test(flavor = "multi_thread")]
async fn e30_a_request_that_waits_for_its_app_is_in_flight_once() {
    let pair = Pair::plain("limit.concurrent = 2\n").await;
    pair.blue.stop_hard().await;
    let mut waiting = vec![pair.ask("/").await, pair.ask("/").await];
    pair.door.held("prod", 2).await;
    assert_eq!(pair.get("/").await.status, 503);
    pair.blue.listen().await;
    for client in &mut waiting {
        assert_eq!(client.response("GET").await.unwrap().status, 200);
    }
    pair.blue.answer_when("/wait", "go", "done");
    are_in_flight(&pair.door, "prod", 0).await;
    let _first = under_way(&pair.door, &pair.blue, PLAIN, 3).await;
    assert_eq!(pair.get("/").await.status, 200, "nothing of those that waited is left");
    are_in_flight(&pair.door, "prod", 1).await;
    let _second = under_way(&pair.door, &pair.blue, PLAIN, 5).await;
    assert_eq!(pair.get("/").await.status, 503);
}

#[tokio::test(flavor = "multi_thread")]
async fn n15_a_client_that_uploads_too_often_reads_its_429_every_time() {
    let (plain, tls) = (
        Pair::plain("limit.rate = \"1/h\"\n").await,
        Pair::tls("limit.rate = \"1/h\"\n").await,
    );
    assert_eq!(plain.get("/").await.status, 200);
    assert_eq!(tls.get("/").await.status, 200);
    let body = vec![b'x'; 4 << 20];
    for round in 0..10 {
        let mut client = plain.door.plain().await;
        assert_eq!(client.post(PLAIN, "/echo", &body).await.unwrap().status, 429, "{round}");
        let mut client = tls.door.tls(HOST).await.unwrap();
        assert_eq!(client.post(HOST, "/echo", &body).await.unwrap().status, 429, "{round}");
        let h2 = tls.door.h2(HOST).await.unwrap();
        assert_eq!(h2.post(HOST, "/echo", &body).await.unwrap().status, 429, "{round}");
    }
}
