//! Apps as users have them, Node and FastAPI under uvicorn, killed with -9 the moment they are safe to stop.

use crate::common::count;
use crate::common::door::{Door, QUICK};
use crate::common::fixture::HOST;
use crate::common::load::{Kind, Load, MIXED, Target};
use crate::common::place::{Place, Runtime};
use greengate::model::api::exit;
use greengate::model::slot::Slot;

fn door_config(blue: &Place, green: &Place) -> String {
    let slots = format!("blue = \"{}\"\ngreen = \"{}\"\n", blue.address, green.address);
    format!("{QUICK}[env.prod]\nhost = \"{HOST}\"\n{slots}health.version = \"json:version\"\n")
}

async fn swaps_under_load(runtime: Runtime, rounds: usize) {
    let mut places = [Place::new("blue", runtime), Place::new("green", runtime)];
    places[0].start("v1").await;
    let door = Door::start(&door_config(&places[0], &places[1])).await;
    let load = Load::start(door.target(HOST), &MIXED).await;
    for round in 0..rounds {
        let (old, new) = (round % 2, (round + 1) % 2);
        let version = format!("v{}", round + 2);
        // build, start, confirm /health, switch, stop the old one
        places[new].start(&version).await;
        let finished = door.swap("prod", &["--expect-version", &version]).await;
        assert_eq!(finished.assert_done(), if new == 1 { Slot::Green } else { Slot::Blue });
        places[old].kill9();
        load.more(60).await;
    }
    let tally = load.stop().await;
    eprintln!(
        "{runtime:?}: {rounds} swaps, {} good exchanges, slowest {:?}",
        tally.total(),
        tally.slowest
    );
    tally.assert_no_failures();
}

#[tokio::test(flavor = "multi_thread")]
async fn n1_a_node_app_is_killed_at_safe_to_stop_and_nobody_notices() {
    swaps_under_load(Runtime::Node, count(6, 60)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn n1_a_fastapi_app_is_killed_at_safe_to_stop_and_nobody_notices() {
    swaps_under_load(Runtime::Uvicorn, count(4, 40)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn n9_nodes_keep_alive_of_five_seconds_fails_nobody() {
    let mut place = Place::new("only", Runtime::Node);
    place.start("v1").await;
    // Longer than the app keeps a connection: only its own `Keep-Alive: timeout=5` says when to let go.
    let config = format!(
        "{QUICK}[env.prod]\nhost = \"{HOST}\"\nupstream = \"{}\"\nkeepalive.idle = \"60s\"\n",
        place.address
    );
    let door = Door::start(&config).await;
    let mut client = door.tls(HOST).await.unwrap();
    let rounds = count(3, 40);
    for round in 0..rounds {
        // Just around the moment at which Node closes.
        let pause = crate::common::ms(4700 + fastrand::u64(0..600));
        tokio::time::sleep(pause).await;
        let answer = client
            .get(HOST, "/")
            .await
            .unwrap_or_else(|broken| panic!("round {round}: {broken}"));
        assert_eq!(answer.status, 200, "round {round}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_was_not_started_is_refused_and_then_not() {
    let mut places = [Place::new("blue", Runtime::Node), Place::new("green", Runtime::Node)];
    places[0].start("v1").await;
    let door = Door::start(&door_config(&places[0], &places[1])).await;
    let output = door.proxyctl(&["swap", "prod", "--deadline", "1s"]).await;
    output.assert_code(exit::REFUSED).assert_says(&["refused"]);
    // A version that was built, but not what was asked for.
    places[1].start("v1").await;
    let output = door
        .proxyctl(&["swap", "prod", "--expect-version", "v2", "--deadline", "1s"])
        .await;
    output.assert_code(exit::REFUSED).assert_says(&["v2"]);
    places[1].kill9();
    places[1].start("v2").await;
    door.swap("prod", &["--expect-version", "v2"]).await.assert_done();
}

/// The load and the real apps speak the same language: without a door between them there is no failure either.
#[tokio::test(flavor = "multi_thread")]
async fn the_load_alone_finds_nothing_wrong_with_these_apps() {
    for runtime in [Runtime::Node, Runtime::Uvicorn] {
        let mut place = Place::new("alone", runtime);
        place.start("v1").await;
        let kinds = [
            (Kind::Get, 2),
            (Kind::Post, 2),
            (Kind::Stream, 1),
            (Kind::Events, 1),
            (Kind::WebSocket, 1),
        ];
        let load = Load::start(Target::direct(place.address), &kinds).await;
        load.more(60).await;
        let tally = load.stop().await;
        tally.assert_no_failures();
        assert!(tally.total() >= 60, "{runtime:?}: {tally:?}");
    }
}
