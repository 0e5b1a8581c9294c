//! From a plan to commands: whose table it is, which side, which version.

use super::*;
use crate::model::api::{DeployPlan, DeployService, Deployed, Kind, Side};
use crate::model::deploy::{Plain, Preset, Table, Words};

fn words(text: &str) -> Words {
    Words::parse(text).unwrap()
}

fn table(name: &str) -> Table {
    let plain = Plain {
        start: vec![words(&format!("start {name} {{slot}} {{version}}"))],
        stop: vec![words(&format!("stop {name} {{slot}}"))],
    };
    Table {
        preset: Some(Preset::Plain(plain)),
        before: vec![words(&format!("migrate {name}"))],
        after: vec![words(&format!("tell {name} {{version}}"))],
        keep: Duration::ZERO,
        cwd: None,
    }
}

fn service(name: &str, ports: [&str; 2], own: Option<Table>) -> DeployService {
    let side = |slot, port: &str| Side {
        slot,
        addresses: vec![port.parse().unwrap()],
    };
    DeployService {
        name: name.into(),
        table: own,
        live: side(Slot::Blue, ports[0]),
        idle: side(Slot::Green, ports[1]),
        idle_answers: false,
    }
}

fn plan(own: Option<Table>, services: Vec<DeployService>) -> DeployPlan {
    DeployPlan {
        table: own,
        services,
        names_version: false,
        protected: false,
        generation: AT,
        live: Slot::Blue,
        idle: Slot::Green,
        deployed_live: None,
        deployed_idle: None,
        idle_since: None,
    }
}

fn lines(tasks: &[Task]) -> Vec<String> {
    tasks.iter().map(|task| task.command.to_string()).collect()
}

fn starts(script: &Script) -> Vec<String> {
    script.start.iter().flat_map(|part| lines(&part.start)).collect()
}

#[test]
fn the_environments_table_comes_first_and_services_in_the_order_of_the_file() {
    let services = vec![
        service("web", ["3000", "3010"], Some(table("web"))),
        service("api", ["8001", "8011"], None),
        service("jobs", ["9001", "9011"], Some(table("jobs"))),
    ];
    let plan = plan(Some(table("all")), services);
    let script = Script::new("prod", Kind::Swap, Some("2"), &plan).unwrap();
    assert_eq!(
        starts(&script),
        ["start all green 2", "start web green 2", "start jobs green 2"]
    );
    assert_eq!(
        lines(&script.stop),
        ["stop all blue", "stop web blue", "stop jobs blue"]
    );
    assert_eq!(lines(&script.before), ["migrate all", "migrate web", "migrate jobs"]);
    let of: Vec<_> = script
        .start
        .iter()
        .map(|part| part.start[0].service.as_deref())
        .collect();
    assert_eq!(
        of,
        [None, Some("web"), Some("jobs")],
        "one of several services is not named"
    );
}

#[test]
fn the_side_that_is_left_goes_by_its_own_version_and_needs_none() {
    let mut own = table("web");
    own.preset = Some(Preset::Plain(Plain {
        start: vec![words("start {version}")],
        stop: vec![words("stop {slot} {version}")],
    }));
    let mut plan = plan(Some(own), vec![service("web", ["3000", "3010"], None)]);
    let stop = |plan: &DeployPlan| lines(&Script::new("prod", Kind::Swap, Some("2"), plan).unwrap().stop);
    assert_eq!(stop(&plan), ["stop blue unknown"]);
    plan.deployed_live = Some(Deployed {
        version: "1".into(),
        since: String::new(),
    });
    assert_eq!(stop(&plan), ["stop blue 1"]);
    assert!(
        Script::new("prod", Kind::Swap, None, &plan).is_err(),
        "what is started has to be known"
    );
}

#[test]
fn a_rollback_starts_only_what_does_not_answer_and_tells_nobody() {
    let mut services = vec![
        service("web", ["3000", "3010"], Some(table("web"))),
        service("api", ["8001", "8011"], Some(table("api"))),
    ];
    services[0].idle_answers = true;
    let mut plan = plan(None, services);
    let script = Script::new("prod", Kind::Rollback, Some("1"), &plan).unwrap();
    assert_eq!(starts(&script), ["start api green 1"]);
    assert_eq!(lines(&script.stop), ["stop web blue", "stop api blue"]);
    assert!(script.before.is_empty() && script.after.is_empty());
    plan.services[1].idle_answers = true;
    // Nothing is started, so nobody has to know which version that would be.
    let script = Script::new("prod", Kind::Rollback, None, &plan).unwrap();
    assert!(script.start.is_empty());
}

#[test]
fn plain_commands_stop_what_answers_before_they_start() {
    let mut answering = service("web", ["3000", "3010"], None);
    answering.idle_answers = true;
    let plan = plan(Some(table("web")), vec![answering]);
    let script = Script::new("prod", Kind::Swap, Some("2"), &plan).unwrap();
    assert_eq!(starts(&script), ["stop web green", "start web green 2"]);
}
