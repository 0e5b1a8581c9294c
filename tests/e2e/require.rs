//! `require_healthy` and `require_parity`: a swap that depends on another environment.

use greengate::model::api::{CommonStep, DeployStep, Event, Stage, SwapStep, exit};
use greengate::model::history::Record;
use greengate::model::slot::Slot;

use crate::common::app::{App, Health};
use crate::common::door::{Door, QUICK, environment};
use crate::common::{eventually, holds, secs};

struct Scene {
    door: Door,
    blue: App,
    green: App,
    dev: App,
}

impl Scene {
    async fn start(of_prod: &str, of_dev: &str) -> Self {
        let (blue, green) = (App::start("blue", "1").await, App::start("green", "2").await);
        let dev = App::start("dev", "2").await;
        let prod = environment("prod", "prod.localhost", &blue, &green);
        let address = dev.address();
        let config = format!(
            "{QUICK}{prod}{of_prod}\n[env.dev]\nhost = \"dev.localhost\"\nupstream = \"{address}\"\n{of_dev}\n"
        );
        let door = Door::start(&config).await;
        Self { door, blue, green, dev }
    }

    /// A swap is refused by this, and nothing has moved.
    async fn refused(&self, words: &[&str]) {
        let before = self.door.unmoved("prod").await;
        let output = self.door.proxyctl(&["swap", "prod"]).await;
        output.assert_code(exit::REFUSED).assert_says(&["Nothing was switched"]);
        for word in words {
            output.assert_says(&[word]);
        }
        assert_eq!(self.door.unmoved("prod").await, before);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_swap_waits_for_no_ill_environment_and_is_refused() {
    let scene = Scene::start("require_healthy = \"dev\"", "").await;
    scene.dev.health(Health::status(503).body("migrations pending"));
    scene
        .refused(&[
            "`dev` is not healthy",
            "migrations pending",
            "proxyctl status dev",
            "--force",
        ])
        .await;
    scene.dev.stop_hard().await;
    scene.refused(&["`dev` is not healthy", "connection refused"]).await;

    scene.dev.health(Health::status(200));
    scene.dev.listen().await;
    let finished = scene.door.swap("prod", &[]).await;
    assert_eq!(finished.assert_done(), Slot::Green);
    let required = finished.find(|event| match event {
        Event::Swap(SwapStep::Required { healthy, parity, .. }) => Some((healthy.clone(), parity.clone())),
        _ => None,
    });
    assert_eq!(required, Some((Some("dev".into()), None)));

    scene.dev.stop_hard().await;
    let rolled_back = scene.door.rollback("prod", &[]).await;
    assert_eq!(rolled_back.assert_done(), Slot::Blue, "the way back depends on nobody");
    let forced = scene.door.swap("prod", &["--force"]).await;
    assert_eq!(forced.assert_done(), Slot::Green);
    let warned = forced.find(|event| match event {
        Event::Common(CommonStep::Warning { message }) if message.contains("`dev` is healthy") => Some(()),
        _ => None,
    });
    assert!(warned.is_some(), "{forced:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_swap_to_what_is_of_another_shape_is_refused_with_what_differs() {
    let of_prod = "require_parity = \"dev\"\nheaders.request.X-Api-Key = \"hidden-one\"";
    let of_dev = "limit.body = \"1GiB\"\nheaders.request.X-Api-Key = \"hidden-two\"";
    let scene = Scene::start(of_prod, of_dev).await;
    scene
        .refused(&[
            "would differ from `dev` in 2 things",
            "limit.body",
            "proxyctl parity prod dev",
        ])
        .await;
    let history = scene.door.history().await;
    let differences = history.iter().find_map(|entry| match &entry.record {
        Record::Step { event } => match &**event {
            Event::Swap(SwapStep::Differs { differences, .. }) => Some(differences.clone()),
            _ => None,
        },
        _ => None,
    });
    assert_eq!(
        differences.map(|all| all.len()),
        Some(2),
        "and the journal has them: {history:#?}"
    );
    let journal = std::fs::read_to_string(scene.door.state_dir().join("journal.jsonl")).unwrap();
    assert!(!journal.contains("hidden-"), "no secret is written down: {journal}");

    scene.door.replace("limit.body = \"1GiB\"\n", "");
    scene.door.replace("\"hidden-two\"", "\"hidden-one\"");
    scene.door.reload(&[]).await.assert_code(exit::DONE);
    assert_eq!(scene.door.swap("prod", &[]).await.assert_done(), Slot::Green);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_compared_is_the_candidate_and_not_what_it_is_there_to_replace() {
    let scene = Scene::start("require_parity = \"dev\"", "").await;
    scene.blue.every_answer("Server: gunicorn/20.1\r\n");
    scene.green.every_answer("Server: gunicorn/21.2\r\n");
    scene.dev.every_answer("Server: gunicorn/21.2\r\n");
    let parity = scene.door.proxyctl(&["parity", "prod", "dev"]).await;
    parity.assert_code(exit::FAILED).assert_says(&["gunicorn/20.1"]);
    assert_eq!(
        scene.door.swap("prod", &[]).await.assert_done(),
        Slot::Green,
        "the swap is what makes them alike"
    );
    scene.refused(&["gunicorn/20.1", "gunicorn/21.2"]).await;
    assert_eq!(scene.door.rollback("prod", &[]).await.assert_done(), Slot::Blue);
}

#[tokio::test(flavor = "multi_thread")]
async fn n34_a_deployment_asks_for_them_behind_its_first_gate_and_migrates_nothing_when_refused() {
    let commands = "[env.prod.deploy]\nstart = \"true\"\nstop = \"true\"\nbefore = \"touch migrated\"";
    let of_prod = format!("require_healthy = \"dev\"\nrequire_parity = \"dev\"\n\n{commands}");
    let scene = Scene::start(&of_prod, "").await;
    let migrated = scene.door.folder().join("migrated");
    let deployed = async |code: u8| {
        let finished = scene.door.watch(&["deploy", "prod", "--version", "2"]).finish().await;
        finished.assert_code(code);
        let steps = finished.events.iter().filter_map(|event| match event {
            Event::Common(CommonStep::Gated { .. }) => Some("gated"),
            Event::Common(CommonStep::Refused { .. }) => Some("refused"),
            Event::Swap(SwapStep::Required { .. }) => Some("required"),
            Event::Swap(SwapStep::Differs { .. }) => Some("differs"),
            Event::Swap(SwapStep::Passed) => Some("passed"),
            Event::Swap(SwapStep::Switched { .. }) => Some("switched"),
            Event::Deploy(DeployStep::CommandEnded(ended)) if ended.step == Stage::Before => Some("before"),
            _ => None,
        });
        let reason = finished.find(|event| match event {
            Event::Common(CommonStep::Refused { reason, .. }) => Some(reason.clone()),
            _ => None,
        });
        (steps.collect::<Vec<_>>(), reason.unwrap_or_default())
    };
    let before = scene.door.unmoved("prod").await;
    let refused = ["gated", "differs", "refused"];
    scene.dev.health(Health::status(503));
    let (steps, reason) = deployed(exit::REFUSED).await;
    assert_eq!(steps, refused);
    assert!(reason.contains("`dev` is not healthy"), "{reason}");
    scene.dev.health(Health::status(200));
    scene.green.every_answer("Server: gunicorn/21.2\r\n");
    let (steps, reason) = deployed(exit::REFUSED).await;
    assert_eq!(steps, refused);
    assert!(reason.contains("would differ from `dev`"), "{reason}");
    assert_eq!(scene.door.unmoved("prod").await, before);
    assert!(!migrated.exists());

    scene.dev.every_answer("Server: gunicorn/21.2\r\n");
    let gated = ["gated", "required"];
    let all = [&gated[..], &["passed", "before"], &gated, &["switched"]].concat();
    assert_eq!(deployed(exit::DONE).await.0, all);
    assert!(migrated.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_candidate_that_is_not_well_is_refused_by_its_gate_and_nobody_else_is_asked() {
    let scene = Scene::start("require_healthy = \"dev\"", "").await;
    scene.green.health(Health::status(503));
    scene.dev.health(Health::status(500));
    let output = scene.door.proxyctl(&["swap", "prod", "--deadline", "300ms"]).await;
    output.assert_code(exit::REFUSED);
    assert!(!output.all().contains("require_healthy"), "{output:#?}");
    scene
        .door
        .proxyctl(&["swap", "prod", "--dry-run"])
        .await
        .assert_code(exit::DONE);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_brings_a_requirement_and_takes_it_away() {
    let scene = Scene::start("", "").await;
    scene.dev.stop_hard().await;
    scene
        .door
        .replace("[env.prod]\n", "[env.prod]\nrequire_healthy = \"dev\"\n");
    let output = scene.door.proxyctl(&["reload"]).await;
    output.assert_code(exit::DONE).assert_says(&["require_healthy"]);
    scene.refused(&["`dev` is not healthy"]).await;
    scene.door.replace("require_healthy = \"dev\"\n", "");
    scene.door.reload(&[]).await.assert_code(exit::DONE);
    assert_eq!(scene.door.swap("prod", &[]).await.assert_done(), Slot::Green);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_status_says_since_when_an_environment_is_healthy() {
    let scene = Scene::start("", "").await;
    let since = |name: &'static str| {
        let door = &scene.door;
        async move { door.environment(name).await.healthy_since }
    };
    let first = eventually(secs(10), || async {
        since("prod").await.ok_or_else(|| "not known yet".to_owned())
    })
    .await;
    let started = scene.door.status().await.started;
    assert!(first >= started, "{first} is before the start at {started}");
    assert_eq!(scene.door.swap("prod", &[]).await.assert_done(), Slot::Green);
    let after = eventually(secs(10), || async {
        let since = since("prod").await.ok_or_else(|| "not known yet".to_owned())?;
        holds(since > first, || format!("still {since}")).map(|()| since)
    })
    .await;
    assert!(after > first, "what is live now has its own time");
    scene.green.health(Health::status(503));
    eventually(secs(15), || async {
        let since = since("prod").await;
        holds(since.is_none(), || format!("healthy since {since:?}"))
    })
    .await;
    assert!(since("dev").await.is_some(), "and the others have theirs");
}
