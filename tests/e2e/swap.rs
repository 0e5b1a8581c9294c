//! A swap as its users see it: who serves when, what they are told, and how they go back.

use crate::common::app::{App, Health, Step, send};
use crate::common::door::{Door, QUICK, environment};
use crate::common::fixture::{HOST, Pair};
use crate::common::load::{Kind, Load};
use crate::common::onward::Onward;
use crate::common::{count, eventually, holds, secs};
use greengate::model::api::{CommonStep, Event, Progress, SwapStep, exit};
use greengate::model::slot::Slot;

/// An answer that begins, and ends only when the app is told to.
fn held() -> Vec<Step> {
    vec![
        send("HTTP/1.1 200 OK\r\nX-App: blue\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n"),
        Step::Until("go"),
        send("4\r\nlast\r\n0\r\n\r\n"),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn n1_a_claim_keeps_the_old_side_until_the_last_byte() {
    let pair = Pair::plain("").await;
    pair.blue.on("/held", held());
    let mut client = pair.ask("/held").await;
    client.incoming.until(b"first").await.unwrap();

    let mut swap = pair.door.watch(&["swap", "prod"]);
    swap.switched().await;
    assert_eq!(pair.serving().await, "green");
    swap.until("`draining` with one stream", |event| {
        matches!(event, Event::Progress(Progress::Draining { streams: 1, .. }))
    })
    .await;
    let draining = pair.door.environment("prod").await.draining;
    assert_eq!(
        (draining.len(), draining[0].slot, draining[0].streams),
        (1, Slot::Blue, 1),
        "{draining:?}"
    );

    pair.blue.release("go");
    assert_eq!(client.response("GET").await.unwrap().text(), "firstlast");
    let finished = swap.finish().await;
    assert_eq!(finished.assert_done(), Slot::Green);
    assert_eq!(finished.safe_to_stop(), pair.safe(&pair.blue));
}

#[tokio::test(flavor = "multi_thread")]
async fn n1_a_request_that_waits_for_its_head_keeps_the_old_side_too() {
    let pair = Pair::plain("").await;
    pair.blue.answer_when("/wait", "go", "ok");
    let mut client = pair.begin("/wait").await;

    let mut swap = pair.door.watch(&["swap", "prod"]);
    swap.until("`draining` with one request", |event| {
        matches!(event, Event::Progress(Progress::Draining { requests: 1, .. }))
    })
    .await;
    pair.blue.release("go");
    assert_eq!(client.response("GET").await.unwrap().text(), "ok");
    assert_eq!(swap.finish().await.assert_done(), Slot::Green);
}

#[tokio::test(flavor = "multi_thread")]
async fn n1_after_done_nothing_reaches_the_old_side() {
    let pair = Pair::tls("").await;
    let load = Load::start(pair.target(), &[(Kind::Get, 8), (Kind::Post, 4), (Kind::H2, 2)]).await;
    for round in 0..4 {
        let (old, live) = if round % 2 == 0 {
            (&pair.blue, Slot::Green)
        } else {
            (&pair.green, Slot::Blue)
        };
        assert_eq!(pair.door.swap("prod", &[]).await.assert_done(), live);
        let before = old.requests();
        load.more(200).await;
        assert_eq!(old.requests(), before, "the old side was asked after `done`");
    }
    load.stop().await.assert_no_failures();
}

#[tokio::test(flavor = "multi_thread")]
async fn n2_a_client_connection_follows_the_swap() {
    let pair = Pair::tls("").await;
    let mut h1 = pair.door.tls(HOST).await.unwrap();
    let h2 = pair.door.h2(HOST).await.unwrap();
    for (args, app) in [(None, "blue"), (Some("swap"), "green"), (Some("rollback"), "blue")] {
        if let Some(command) = args {
            pair.door.watch(&[command, "prod"]).finish().await.assert_done();
        }
        assert_eq!(
            h1.get(HOST, "/").await.unwrap().app(),
            app,
            "after {args:?}, on the same HTTP/1.1 connection"
        );
        assert_eq!(
            h2.get(HOST, "/").await.unwrap().app(),
            app,
            "after {args:?}, on the same HTTP/2 connection"
        );
    }
}

/// Two services of one environment, on both sides.
struct Release {
    door: Door,
    web: [App; 2],
    api: [App; 2],
}

async fn release() -> Release {
    let web = [App::start("web-blue", "1").await, App::start("web-green", "2").await];
    let api = [App::start("api-blue", "1").await, App::start("api-green", "2").await];
    let service = |name: &str, [blue, green]: &[App; 2]| {
        let (blue, green) = (blue.address(), green.address());
        format!("[env.prod.service.{name}]\nhost = \"{name}.localhost\"\nblue = \"{blue}\"\ngreen = \"{green}\"\n")
    };
    let door = Door::start(&format!("{QUICK}{}{}", service("web", &web), service("api", &api))).await;
    Release { door, web, api }
}

#[tokio::test(flavor = "multi_thread")]
async fn n3_no_client_sees_the_old_version_of_one_service_after_the_new_one_of_the_other() {
    let Release { door, web, api } = release().await;
    let mut clients = Onward::default();
    for number in 0..6 {
        let targets = [door.target("web.localhost"), door.target("api.localhost")];
        clients.spawn(|seen| async move {
            let mut connections = [targets[0].client().await.unwrap(), targets[1].client().await.unwrap()];
            let mut turn = number;
            while seen.goes_on() {
                turn = (turn + 1) % 2;
                let bound = seen.newest();
                let answer = connections[turn].get(&targets[turn].host, "/").await.unwrap();
                seen.see(answer.app(), answer.version(), bound);
            }
        });
    }
    let rounds = count(10, 200);
    for round in 0..rounds {
        clients.swap(&door, &["web", "api"], 30).await;
        // The side that was left comes back as the version after the next.
        let left = round % 2;
        let version = (round + 3).to_string();
        web[left].relaunch(&version).await;
        api[left].relaunch(&version).await;
    }
    clients.end(rounds as u64 + 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn n3_one_bad_service_keeps_all_of_them_on_the_old_side() {
    let Release { door, api, web: _web } = release().await;
    api[1].health(Health::status(503).body("migrations pending"));
    let before = door.unmoved("prod").await;
    let output = door.proxyctl(&["swap", "prod", "--deadline", "1s"]).await;
    output
        .assert_code(exit::REFUSED)
        .assert_says(&["migrations pending"])
        .assert_says(&["api"]);
    assert_eq!(door.unmoved("prod").await, before);
    for host in ["web.localhost", "api.localhost"] {
        assert_eq!(
            door.tls(host).await.unwrap().get(host, "/").await.unwrap().version(),
            "1",
            "{host}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn n4_the_daemon_knows_which_side_is_live_and_asks_no_file() {
    let pair = Pair::tls("").await;
    assert_eq!(pair.door.swap("prod", &[]).await.assert_done(), Slot::Green);
    // A script that trusted this file would now take blue for live, or find nothing at all.
    std::fs::remove_file(pair.door.config()).unwrap();
    assert_eq!(pair.door.environment("prod").await.live, Some(Slot::Green));
    assert_eq!(pair.door.swap("prod", &[]).await.assert_done(), Slot::Blue);
    assert_eq!(pair.serving().await, "blue");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_events_of_a_swap_come_in_the_order_of_its_steps() {
    let pair = Pair::tls("warmup = [\"/warm\"]\n").await;
    let finished = pair.door.swap("prod", &[]).await;
    finished.assert_done();
    let at = |what: &str, wanted: fn(&Event) -> bool| {
        let found = finished.events.iter().position(wanted);
        found.unwrap_or_else(|| panic!("no {what} in {:#?}", finished.events))
    };
    let plan = at("plan", |event| matches!(event, Event::Swap(SwapStep::Plan { .. })));
    let gated = at("gated", |event| {
        matches!(event, Event::Common(CommonStep::Gated { .. }))
    });
    let warmed = at("warmed", |event| {
        matches!(
            event,
            Event::Swap(SwapStep::Warmed {
                requests: 1,
                failed: 0,
                ..
            })
        )
    });
    let switched = at("switched", |event| {
        matches!(event, Event::Swap(SwapStep::Switched { .. }))
    });
    let verified = at("verified", |event| {
        matches!(event, Event::Swap(SwapStep::Verified { .. }))
    });
    let drained = at("drained", |event| {
        matches!(event, Event::Swap(SwapStep::Drained { .. }))
    });
    let done = at("done", |event| matches!(event, Event::Swap(SwapStep::Done { .. })));
    assert_eq!(plan, 0);
    assert!(
        gated < warmed && warmed < switched && switched < verified && verified < done,
        "{:#?}",
        finished.events
    );
    assert!(
        switched < drained && drained < done && done + 1 == finished.events.len(),
        "{:#?}",
        finished.events
    );
    let asked = pair.green.targets();
    assert!(
        asked.contains(&"GET /warm".to_owned()),
        "the candidate was not warmed up: {asked:?}"
    );
    assert!(
        !pair.blue.targets().contains(&"GET /warm".to_owned()),
        "the live side was warmed up"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_generation_only_grows() {
    let pair = Pair::tls("").await;
    let mut last = pair.door.environment("prod").await.generation;
    for command in ["swap", "rollback", "swap"] {
        pair.door.watch(&[command, "prod"]).finish().await.assert_done();
        let now = pair.door.environment("prod").await.generation;
        assert!(now > last, "{now} after {last}, by {command}");
        last = now;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_says_what_it_would_do_and_does_nothing() {
    let pair = Pair::tls("").await;
    let before = pair.door.unmoved("prod").await;
    let finished = pair.door.swap("prod", &["--dry-run"]).await;
    finished.assert_code(exit::DONE);
    assert!(
        matches!(finished.events.last(), Some(Event::Common(CommonStep::Planned))),
        "{finished:#?}"
    );
    let (from, to) = finished
        .find(|event| match event {
            Event::Swap(SwapStep::Plan { moves, .. }) => Some((moves[0].from.clone(), moves[0].to.clone())),
            _ => None,
        })
        .expect("a plan");
    assert_eq!((from.slot, to.slot), (Slot::Blue, Slot::Green));
    assert_eq!(to.addresses[0].to_string(), pair.green.address());
    assert_eq!(pair.door.unmoved("prod").await, before);
    assert_eq!(pair.green.probes(), 0, "a dry run asks nobody");
    let written = pair
        .door
        .history()
        .await
        .into_iter()
        .filter(|entry| entry.operation.is_some());
    assert_eq!(written.collect::<Vec<_>>(), [], "nothing has happened");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_wait_returns_when_the_new_side_serves() {
    let pair = Pair::plain("").await;
    pair.blue.on("/held", held());
    let mut client = pair.ask("/held").await;
    client.incoming.until(b"first").await.unwrap();
    pair.door
        .proxyctl(&["swap", "prod", "--no-wait"])
        .await
        .assert_code(exit::DONE);
    assert_eq!(pair.serving().await, "green");
    assert_eq!(pair.door.environment("prod").await.draining.len(), 1);
    pair.blue.release("go");
    assert_eq!(client.response("GET").await.unwrap().text(), "firstlast");
    pair.door.quiet("prod").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_timeout_bounds_the_waiting_and_not_the_operation() {
    let pair = Pair::plain("").await;
    pair.blue.on("/held", held());
    let mut client = pair.ask("/held").await;
    client.incoming.until(b"first").await.unwrap();
    let output = pair.door.proxyctl(&["swap", "prod", "--timeout", "1s"]).await;
    output.assert_code(exit::STOPPED_WAITING);
    assert_eq!(pair.serving().await, "green");
    pair.blue.release("go");
    assert_eq!(client.response("GET").await.unwrap().text(), "firstlast");
    pair.door.quiet("prod").await;
    assert_eq!(pair.door.environment("prod").await.live, Some(Slot::Green));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_proxyctl_stops_watching_and_not_the_swap() {
    let pair = Pair::tls("").await;
    pair.green.health(Health::status(503));
    let mut swap = pair.door.watch(&["swap", "prod", "--deadline", "30s"]);
    swap.gating().await;
    let output = swap.interrupt().await;
    output
        .assert_code(exit::STOPPED_WAITING)
        .assert_says(&["stopped watching; the swap goes on in the daemon"]);
    pair.green.health(Health::status(200));
    eventually(secs(20), || async {
        let env = pair.door.environment("prod").await;
        holds(env.live == Some(Slot::Green) && env.operation.is_none(), || {
            format!("{env:?}")
        })
    })
    .await;
    assert_eq!(pair.serving().await, "green");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_goes_back_and_a_second_one_forward_again() {
    let pair = Pair::tls("").await;
    assert!(!pair.door.environment("prod").await.can_roll_back);
    pair.door
        .proxyctl(&["rollback", "prod"])
        .await
        .assert_code(exit::REFUSED);
    assert_eq!(pair.door.swap("prod", &[]).await.assert_done(), Slot::Green);
    assert_eq!(pair.door.rollback("prod", &[]).await.assert_done(), Slot::Blue);
    assert_eq!(pair.serving().await, "blue");
    assert_eq!(pair.door.rollback("prod", &[]).await.assert_done(), Slot::Green);
    assert_eq!(pair.serving().await, "green");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_may_begin_while_the_old_side_still_drains() {
    let pair = Pair::plain("").await;
    pair.blue.on("/held", held());
    let mut client = pair.ask("/held").await;
    client.incoming.until(b"first").await.unwrap();
    pair.door.swap("prod", &["--no-wait"]).await.assert_code(exit::DONE);

    let mut rollback = pair.door.watch(&["rollback", "prod"]);
    rollback.switched().await;
    assert_eq!(pair.serving().await, "blue");
    pair.blue.release("go");
    assert_eq!(
        client.response("GET").await.unwrap().text(),
        "firstlast",
        "the stream of blue's first life went on"
    );
    assert_eq!(rollback.finish().await.assert_done(), Slot::Blue);
    pair.door.quiet("prod").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_swap_to_an_address_that_is_not_in_the_file() {
    let pair = Pair::tls("").await;
    let third = App::start("third", "v3").await;
    pair.door.swap("prod", &["--to", &third.address()]).await.assert_done();
    assert_eq!(pair.serving().await, "third");
    let live = pair.door.environment("prod").await.services[0].live.clone();
    assert_eq!(live.addresses[0].to_string(), third.address());
    assert_eq!(pair.door.rollback("prod", &[]).await.assert_done(), Slot::Blue);
    assert_eq!(pair.serving().await, "blue");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_swap_to_addresses_by_service() {
    let Release {
        door,
        web: _web,
        api: _api,
    } = release().await;
    let (web, api) = (App::start("web-third", "3").await, App::start("api-third", "3").await);
    let to = format!("web={},api={}", web.address(), api.address());
    door.swap("prod", &["--to", &to]).await.assert_done();
    for (host, app) in [("web.localhost", "web-third"), ("api.localhost", "api-third")] {
        assert_eq!(door.tls(host).await.unwrap().get(host, "/").await.unwrap().app(), app);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_swap_to_a_named_slot() {
    let pair = Pair::tls("").await;
    assert_eq!(
        pair.door.swap("prod", &["--to", "green"]).await.assert_done(),
        Slot::Green
    );
    assert_eq!(pair.serving().await, "green");
}

#[tokio::test(flavor = "multi_thread")]
async fn other_environments_never_notice() {
    let [blue, green] = [App::start("blue", "v1").await, App::start("green", "v2").await];
    let [dev_blue, dev_green] = [App::start("dev-blue", "v1").await, App::start("dev-green", "v2").await];
    let prod = environment("prod", HOST, &blue, &green);
    let dev = environment("dev", "dev.localhost", &dev_blue, &dev_green);
    let door = Door::start(&format!("{QUICK}{prod}{dev}")).await;
    let before = door.unmoved("dev").await;
    let load = Load::start(door.target("dev.localhost"), &[(Kind::Get, 4), (Kind::WebSocket, 2)]).await;
    for _ in 0..4 {
        door.swap("prod", &[]).await.assert_done();
    }
    load.stop().await.assert_no_failures();
    assert_eq!(door.unmoved("dev").await, before);
    assert_eq!(dev_green.requests() + dev_green.probes(), 0);
}
