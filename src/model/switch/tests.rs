//! Every refusal and every rule, one at a time. `tests/simulation.rs` mixes them.

use std::collections::{BTreeMap, VecDeque};

use super::*;
use crate::model::api::{Check, GateReport, ProbeReport, Target, Traffic};
use crate::model::bake::{Rule, Sample};
use crate::model::slot::{Address, Generation, Slot};
use crate::model::state::Durability;

fn at(port: u16) -> Address {
    port.to_string().parse().unwrap()
}

fn service(name: &str, blue: u16, green: u16) -> Service {
    Service {
        name: name.into(),
        blue: vec![at(blue)],
        green: vec![at(green)],
        health_path: "/healthz".into(),
        names_version: false,
        passes: 3,
        interval: Duration::from_millis(500),
        timeout: Duration::from_secs(5),
        deadline: Duration::from_secs(60),
        warms: false,
        bake: None,
    }
}

fn rules() -> Rules {
    Rules {
        name: "prod".into(),
        protected: false,
        services: vec![service("web", 3000, 3010), service("api", 8001, 8011)],
        fixed: vec![("docs".into(), vec![at(9000)])],
    }
}

fn baking() -> Rules {
    let mut rules = rules();
    rules.services[0].bake = Some(Bake {
        period: Duration::from_secs(30),
        rule: Rule { max_error_rate: 0.05 },
    });
    rules
}

fn swap() -> OperationRequest {
    OperationRequest {
        environment: "prod".into(),
        kind: Kind::Swap,
        to: None,
        expect_version: None,
        dry_run: false,
        force: false,
        confirmed: None,
        deadline_ms: None,
    }
}

fn rollback() -> OperationRequest {
    OperationRequest {
        kind: Kind::Rollback,
        ..swap()
    }
}

/// A switch, its time, and a world in which everything goes well unless told otherwise.
struct Stage {
    switch: Switch,
    now: Duration,
    /// Ports that answer badly.
    bad: Vec<u16>,
    version: Option<&'static str>,
    front_door: Option<&'static str>,
    disk: Result<Durability, String>,
    figures: Vec<Figures>,
    events: Vec<(u64, Event)>,
    done: Vec<Effect>,
}

impl Stage {
    fn new(rules: Rules) -> Self {
        Self {
            switch: Switch::new(rules, EnvironmentState::first(String::new())),
            now: Duration::ZERO,
            bad: Vec::new(),
            version: None,
            front_door: None,
            disk: Ok(Durability::Durable),
            figures: Vec::new(),
            events: Vec::new(),
            done: Vec::new(),
        }
    }

    fn ask(&mut self, operation: u64, request: OperationRequest) {
        self.input(Input::Ask {
            operation,
            request,
            user: "ci".into(),
            warnings: Vec::new(),
        });
    }

    /// Handles an input and everything that follows from it at once.
    fn input(&mut self, input: Input) {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            let wall = jiff::Timestamp::UNIX_EPOCH;
            for effect in self.switch.handle(input, Moment { at: self.now, wall }) {
                self.done.push(effect.clone());
                inputs.extend(self.follow(effect));
            }
        }
    }

    fn follow(&mut self, effect: Effect) -> Option<Input> {
        Some(match effect {
            Effect::Tell { operation, event } => {
                self.events.push((operation, event));
                return None;
            }
            Effect::Publish { .. } => return None,
            Effect::Probe {
                ticket,
                service,
                address,
                ..
            } => Input::Probed {
                ticket,
                report: self.report(service, &address),
                service,
                address,
            },
            Effect::Warm { ticket, instances } => Input::Warmed {
                ticket,
                requests: u32::try_from(instances.len()).unwrap(),
                failed: 1,
            },
            Effect::Persist { ticket, .. } => Input::Persisted {
                ticket,
                result: self.disk.clone(),
            },
            Effect::Verify { ticket, moves } => Input::Verified {
                ticket,
                seen: moves.iter().map(|step| self.seen(&step.service)).collect(),
            },
            Effect::Measure { generation } => Input::Measured {
                generation,
                figures: self.figures.clone(),
                traffic: Traffic::default(),
                before: Traffic::default(),
                served: Traffic::default(),
            },
        })
    }

    fn report(&self, service: usize, address: &Address) -> ProbeReport {
        let bad = self.bad.iter().any(|port| at(*port) == *address);
        ProbeReport {
            service: self.switch.rules().services[service].name.clone(),
            address: address.clone(),
            passed: !bad,
            status: Some(if bad { 503 } else { 200 }),
            latency_us: 1000,
            reason: bad.then(|| "answered 503".into()),
            body: String::new(),
            version: self.version.map(Into::into),
        }
    }

    fn seen(&self, service: &str) -> Seen {
        Seen {
            check: Check {
                service: service.into(),
                target: "https://example.com/healthz".into(),
                status: Some(200),
                version: self.version.map(Into::into),
            },
            problem: self.front_door.map(Into::into),
        }
    }

    fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(wake) = self.switch.wake().filter(|wake| *wake <= until) {
            self.now = self.now.max(wake);
            self.input(Input::Tick);
        }
        self.now = until;
    }

    fn drain(&mut self, left: u64) {
        for service in 0..2 {
            self.input(Input::Drained {
                left: Generation(left),
                service,
                ended: Ended {
                    finished: 5,
                    ended: 1,
                    ..Ended::default()
                },
                served: Traffic::default(),
            });
        }
    }

    /// The whole way: asked, gated, switched, drained.
    fn switched(&mut self, operation: u64, request: OperationRequest) {
        self.ask(operation, request);
        self.pass(Duration::from_secs(2));
        let generation = self.switch.state().generation;
        self.drain(generation.0);
        assert!(
            matches!(self.last(operation), Event::Done { .. }),
            "{:?}",
            self.last(operation)
        );
    }

    fn last(&self, operation: u64) -> &Event {
        let mut events = self.events.iter().rev();
        &events.find(|(of, _)| *of == operation).unwrap().1
    }

    fn refused(&self, operation: u64) -> (u8, &str, Option<&str>) {
        match self.last(operation) {
            Event::Refused { code, reason, hint, .. } => (*code, reason, hint.as_deref()),
            other => panic!("{other:?}"),
        }
    }

    fn live(&self) -> Slot {
        self.switch.state().live
    }

    fn published(&self) -> usize {
        self.done
            .iter()
            .filter(|effect| matches!(effect, Effect::Publish { .. }))
            .count()
    }
}

fn refusal(rules: Rules, request: OperationRequest) -> (u8, String, String) {
    let mut stage = Stage::new(rules);
    stage.ask(1, request);
    let (code, reason, hint) = stage.refused(1);
    assert_eq!(stage.events.len(), 1, "a refusal is the only event");
    assert!(stage.switch.is_idle());
    (code, reason.into(), hint.unwrap_or_default().into())
}

#[test]
fn a_swap_goes_through_its_steps_in_order() {
    let mut stage = Stage::new(rules());
    stage.ask(7, swap());
    assert_eq!(stage.switch.holder().unwrap().step, "gate");
    stage.pass(Duration::from_secs(2));
    assert_eq!(
        (stage.live(), stage.switch.state().generation),
        (Slot::Green, Generation(2))
    );
    assert!(
        stage.switch.holder().is_none(),
        "without a bake window the lock ends after verify"
    );
    stage.input(Input::Draining {
        left: Generation(2),
        service: 0,
        requests: 3,
        streams: 1,
    });
    stage.drain(2);
    let names: Vec<_> = stage
        .events
        .iter()
        .map(|(_, event)| {
            serde_json::to_value(event).unwrap()["event"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    let mut steps = names.clone();
    steps.retain(|name| name != "gating");
    assert_eq!(
        steps,
        ["plan", "gated", "switched", "verified", "draining", "drained", "done"],
        "{names:?}"
    );
    let Event::Done { safe_to_stop, .. } = stage.last(7) else {
        panic!("{:?}", stage.last(7));
    };
    assert_eq!(safe_to_stop.len(), 2);
    assert_eq!(safe_to_stop[0].addresses, [at(3000)]);
    assert!(stage.switch.is_idle());
}

#[test]
fn the_state_is_saved_before_it_is_published() {
    let mut stage = Stage::new(rules());
    stage.switched(1, swap());
    let place = |of: fn(&Effect) -> bool| stage.done.iter().position(of).unwrap();
    assert!(
        place(|effect| matches!(effect, Effect::Persist { .. }))
            < place(|effect| matches!(effect, Effect::Publish { .. }))
    );
}

#[test]
fn a_dry_run_prints_the_plan_and_stops() {
    let mut stage = Stage::new(rules());
    stage.ask(
        1,
        OperationRequest {
            dry_run: true,
            ..swap()
        },
    );
    assert!(matches!(stage.last(1), Event::Planned));
    assert!(stage.switch.is_idle());
    assert_eq!(stage.done.len(), 2);
}

#[test]
fn n05_a_second_operation_is_refused_and_the_holder_is_named() {
    let mut stage = Stage::new(rules());
    stage.bad = vec![8011];
    stage.ask(1, swap());
    stage.ask(2, swap());
    let (code, reason, _) = stage.refused(2);
    assert_eq!(code, exit::BUSY);
    assert_eq!(
        reason,
        "swap 1 by ci holds `prod` since 1970-01-01T00:00:00.000Z (step: gate)"
    );
    stage.ask(3, rollback());
    assert_eq!(
        stage.refused(3).0,
        exit::BUSY,
        "a rollback pre-empts a bake window only"
    );
}

#[test]
fn n06_a_candidate_that_is_live_is_refused() {
    let to = |name: &str, port| Some(Target::Services(BTreeMap::from([(name.into(), at(port))])));
    for port in [3000, 8001, 9000] {
        let request = OperationRequest {
            to: to("web", port),
            ..swap()
        };
        let (code, reason, _) = refusal(rules(), request);
        assert_eq!(code, exit::REFUSED);
        assert!(reason.contains("is live"), "{reason}");
    }
}

#[test]
fn a_colour_that_still_drains_is_refused_unless_forced_or_rolled_back() {
    let mut stage = Stage::new(rules());
    stage.ask(1, swap());
    stage.pass(Duration::from_secs(2));
    stage.ask(2, swap());
    let (code, reason, hint) = stage.refused(2);
    assert_eq!(code, exit::REFUSED);
    assert!(reason.starts_with("blue still serves"), "{reason}");
    assert!(hint.unwrap().contains("--force"));

    let forced = OperationRequest { force: true, ..swap() };
    stage.ask(3, forced);
    stage.pass(Duration::from_secs(1));
    assert_eq!(stage.live(), Slot::Blue);
    stage.ask(4, rollback());
    stage.pass(Duration::from_secs(2));
    assert_eq!(stage.live(), Slot::Green, "a rollback does not wait for the drain");
}

#[test]
fn usage_is_refused_with_code_two() {
    let named = |name: &str| Some(Target::Services(BTreeMap::from([(name.into(), at(3005))])));
    let cases = [
        (
            OperationRequest {
                to: Some(Target::Address(at(3005))),
                ..swap()
            },
            "--to web=…,api=…",
        ),
        (
            OperationRequest {
                to: named("wbe"),
                ..swap()
            },
            "`web`, `api`",
        ),
        (
            OperationRequest {
                to: named("docs"),
                ..swap()
            },
            "",
        ),
        (
            OperationRequest {
                to: Some(Target::Slot(Slot::Upstream)),
                ..swap()
            },
            "--to blue",
        ),
        (
            OperationRequest {
                to: Some(Target::Slot(Slot::Green)),
                ..rollback()
            },
            "`swap`",
        ),
        (
            OperationRequest {
                expect_version: Some("8b71ff7".into()),
                ..swap()
            },
            "health.version",
        ),
    ];
    for (request, hint) in cases {
        let (code, reason, hinted) = refusal(rules(), request);
        assert_eq!(code, exit::USAGE, "{reason}");
        assert!(hinted.contains(hint), "{reason}: {hinted}");
    }
}

#[test]
fn a_protected_environment_asks_for_its_name() {
    let protected = || Rules {
        protected: true,
        ..rules()
    };
    for confirmed in [None, Some("dev".into())] {
        let request = OperationRequest { confirmed, ..swap() };
        let (code, _, hint) = refusal(protected(), request);
        assert_eq!(code, exit::USAGE);
        assert!(hint.contains("--yes=prod"), "{hint}");
    }
    let mut stage = Stage::new(protected());
    let confirmed = Some("prod".into());
    stage.switched(1, OperationRequest { confirmed, ..swap() });
}

#[test]
fn what_cannot_be_done_is_refused_with_code_four() {
    let upstreams = Rules {
        services: Vec::new(),
        ..rules()
    };
    assert_eq!(refusal(upstreams, swap()).0, exit::REFUSED);
    let blue = OperationRequest {
        to: Some(Target::Slot(Slot::Blue)),
        ..swap()
    };
    assert_eq!(refusal(rules(), blue).1, "blue is live already");
    let (code, reason, _) = refusal(rules(), rollback());
    assert_eq!(code, exit::REFUSED);
    assert!(reason.contains("no previous side"), "{reason}");
}

#[test]
fn a_named_address_is_remembered_and_the_way_back_too() {
    let mut stage = Stage::new(rules());
    let to = Some(Target::Services(BTreeMap::from([("web".into(), at(3005))])));
    stage.switched(1, OperationRequest { to, ..swap() });
    let state = stage.switch.state();
    assert_eq!(state.addresses("web", Slot::Green, &[at(3010)]), [at(3005)]);
    assert_eq!(state.addresses("api", Slot::Green, &[at(8011)]), [at(8011)]);
    stage.switched(2, rollback());
    assert_eq!(stage.live(), Slot::Blue);
    assert_eq!(
        stage.switch.state().previous_addresses("web", &[at(3010)]),
        Some(vec![at(3005)])
    );
}

#[test]
fn n07_a_gate_that_is_not_passed_changes_nothing_and_says_why() {
    let mut stage = Stage::new(rules());
    stage.bad = vec![8011];
    stage.ask(1, swap());
    stage.pass(Duration::from_secs(61));
    let Event::Refused {
        code,
        reason,
        evidence,
        live,
        ..
    } = stage.last(1)
    else {
        panic!("{:?}", stage.last(1));
    };
    assert_eq!((*code, *live), (exit::REFUSED, Some(Slot::Blue)));
    assert_eq!(
        reason,
        "api 127.0.0.1:8011 did not pass /healthz: answered 503 (120 probes in 60 s)"
    );
    let passes: Vec<_> = evidence.iter().map(|GateReport { passes, .. }| *passes > 3).collect();
    assert_eq!(passes, [true, false]);
    assert_eq!((stage.live(), stage.published()), (Slot::Blue, 0));
    assert!(stage.switch.is_idle());
}

#[test]
fn the_deadline_can_be_named() {
    let mut stage = Stage::new(rules());
    stage.bad = vec![3010, 8011];
    let deadline_ms = Some(2500);
    stage.ask(1, OperationRequest { deadline_ms, ..swap() });
    stage.pass(Duration::from_secs(3));
    assert_eq!(
        stage.refused(1).1,
        "web 127.0.0.1:3010 did not pass /healthz: answered 503 (5 probes in 2.5 s), and neither did one more instance"
    );
}

#[test]
fn progress_is_told_once_a_second_and_once_a_change() {
    let mut stage = Stage::new(rules());
    stage.bad = vec![3010, 8011];
    stage.ask(1, swap());
    stage.pass(Duration::from_secs(10));
    let told = stage
        .events
        .iter()
        .filter(|(_, event)| matches!(event, Event::Gating { .. }))
        .count();
    assert!((10..=12).contains(&told), "{told}");
    stage.bad.clear();
    stage.pass(Duration::from_millis(600));
    let after = stage
        .events
        .iter()
        .filter(|(_, event)| matches!(event, Event::Gating { .. }))
        .count();
    assert!(after > told, "a change of verdict is news");
}

#[test]
fn n06_a_candidate_of_another_version_does_not_pass() {
    let mut rules = rules();
    rules.services[0].names_version = true;
    let expect_version = Some("B".into());
    let request = OperationRequest {
        expect_version,
        ..swap()
    };
    let mut stage = Stage::new(rules.clone());
    stage.version = Some("A");
    stage.ask(1, request.clone());
    stage.pass(Duration::from_secs(61));
    assert!(
        stage.refused(1).1.contains("is version `A`, expected `B`"),
        "{}",
        stage.refused(1).1
    );

    let mut stage = Stage::new(rules);
    stage.version = Some("B");
    stage.switched(1, request);
}

#[test]
fn n08_force_skips_the_verdict_but_not_the_order() {
    let force = OperationRequest { force: true, ..swap() };
    let mut stage = Stage::new(rules());
    stage.bad = vec![8011];
    stage.ask(1, force.clone());
    let looks = |it: &&Effect| {
        matches!(
            it,
            Effect::Probe {
                look: Look::Connect,
                ..
            }
        )
    };
    assert_eq!(stage.done.iter().filter(looks).count(), 2);
    assert_eq!(stage.published(), 0, "it waits for a connection");
    stage.bad.clear();
    stage.front_door = Some("answered 500");
    stage.pass(Duration::from_secs(2));
    assert_eq!(stage.live(), Slot::Green);
    assert!(
        stage
            .events
            .iter()
            .any(|(_, event)| matches!(event, Event::Plan { forced: true, .. }))
    );
    stage.drain(2);
    assert!(
        matches!(stage.last(1), Event::Done { .. }),
        "what was forced is not undone"
    );

    let mut stage = Stage::new(rules());
    stage.bad = vec![8011];
    stage.ask(1, force);
    stage.pass(Duration::from_secs(61));
    assert!(stage.refused(1).1.contains("does not accept a connection"));
}

#[test]
fn a_warm_up_that_fails_stops_nothing() {
    let mut rules = rules();
    rules.services[1].warms = true;
    let mut stage = Stage::new(rules);
    stage.switched(1, swap());
    let warmed = |(_, event): &(u64, Event)| {
        matches!(
            event,
            Event::Warmed {
                requests: 1,
                failed: 1,
                ..
            }
        )
    };
    assert!(stage.events.iter().any(warmed));
}

#[test]
fn n27_what_cannot_be_saved_is_not_switched() {
    let mut stage = Stage::new(rules());
    stage.disk = Err("no space left on device".into());
    stage.ask(1, swap());
    stage.pass(Duration::from_secs(2));
    let Event::Failed { reason, live } = stage.last(1) else {
        panic!("{:?}", stage.last(1));
    };
    assert!(reason.contains("nothing was switched"), "{reason}");
    assert_eq!(
        (*live, stage.published(), stage.live()),
        (Some(Slot::Blue), 0, Slot::Blue)
    );
}

#[test]
fn an_uncertain_save_is_published_and_reported() {
    let mut stage = Stage::new(rules());
    stage.disk = Ok(Durability::Uncertain("fsync: input/output error".into()));
    stage.switched(1, swap());
    let uncertain = |(_, event): &(u64, Event)| {
        matches!(
            event,
            Event::Switched {
                durability_uncertain: true,
                ..
            }
        )
    };
    assert!(stage.events.iter().any(uncertain));
}

#[test]
fn a_new_side_that_is_bad_through_the_front_door_is_rolled_back() {
    let mut stage = Stage::new(rules());
    stage.front_door = Some("answered 404");
    stage.ask(1, swap());
    stage.pass(Duration::from_secs(3));
    let Event::RolledBack {
        reason,
        live,
        generation,
    } = stage.last(1)
    else {
        panic!("{:?}", stage.last(1));
    };
    assert!(
        reason.contains("web https://example.com/healthz: answered 404"),
        "{reason}"
    );
    assert_eq!((*live, *generation), (Slot::Blue, Generation(3)));
    assert_eq!(
        stage.switch.state().previous,
        None,
        "there is no way back to what was bad"
    );
    let verifies = stage
        .done
        .iter()
        .filter(|it| matches!(it, Effect::Verify { .. }))
        .count();
    assert_eq!((verifies, stage.published()), (3, 2));
    stage.drain(2);
    stage.drain(3);
    assert!(stage.switch.is_idle());
}

#[test]
fn a_wrong_version_through_the_front_door_is_rolled_back() {
    let mut rules = rules();
    rules.services[0].names_version = true;
    let mut stage = Stage::new(rules);
    stage.version = Some("B");
    let expect_version = Some("B".into());
    stage.ask(
        1,
        OperationRequest {
            expect_version,
            ..swap()
        },
    );
    stage.pass(Duration::from_millis(900));
    stage.version = Some("A");
    // The third pass still counts as B, the front door says A.
    let moment = Moment {
        at: Duration::from_secs(1),
        wall: jiff::Timestamp::UNIX_EPOCH,
    };
    stage.now = moment.at;
    let effects = stage.switch.handle(Input::Tick, moment);
    for effect in effects {
        if let Effect::Probe {
            ticket,
            service,
            address,
            ..
        } = effect
        {
            let report = ProbeReport {
                version: Some("B".into()),
                ..stage.report(service, &address)
            };
            stage.input(Input::Probed {
                ticket,
                service,
                address,
                report,
            });
        }
    }
    stage.pass(Duration::from_secs(2));
    let Event::RolledBack { reason, .. } = stage.last(1) else {
        panic!("{:?}", stage.last(1));
    };
    assert!(reason.contains("is version `A`, expected `B`"), "{reason}");
}

#[test]
fn a_bad_new_side_stays_when_the_old_one_is_dead_too() {
    let mut stage = Stage::new(rules());
    stage.front_door = Some("answered 500");
    stage.bad = vec![3000];
    stage.ask(1, swap());
    stage.pass(Duration::from_secs(10));
    let Event::Failed { reason, live } = stage.last(1) else {
        panic!("{:?}", stage.last(1));
    };
    assert!(
        reason.contains("the old side is no better: web 127.0.0.1:3000"),
        "{reason}"
    );
    assert_eq!(
        (*live, stage.live(), stage.published()),
        (Some(Slot::Green), Slot::Green, 1)
    );
    assert!(stage.switch.holder().is_none());
}

#[test]
fn a_rollback_to_a_dead_side_is_refused_with_its_reason() {
    let mut stage = Stage::new(rules());
    stage.switched(1, swap());
    stage.bad = vec![8001];
    stage.ask(2, rollback());
    stage.pass(Duration::from_secs(61));
    let (code, reason, _) = stage.refused(2);
    assert_eq!(code, exit::REFUSED);
    assert!(reason.starts_with("api 127.0.0.1:8001 did not pass"), "{reason}");
    assert_eq!(stage.live(), Slot::Green);
}

#[test]
fn the_bake_window_closes_well_and_the_lock_ends_with_it() {
    let mut stage = Stage::new(baking());
    stage.ask(1, swap());
    stage.pass(Duration::from_secs(2));
    assert_eq!(stage.switch.holder().unwrap().step, "bake");
    stage.drain(2);
    assert!(
        matches!(stage.last(1), Event::Drained { .. }),
        "drained is not done while it bakes"
    );
    stage.pass(Duration::from_secs(30));
    assert!(matches!(stage.last(1), Event::Done { .. }), "{:?}", stage.last(1));
    let baking = stage
        .events
        .iter()
        .filter(|(_, it)| matches!(it, Event::Baking { .. }))
        .count();
    assert!((29..=31).contains(&baking), "{baking}");
    assert!(
        stage
            .events
            .iter()
            .any(|(_, it)| matches!(it, Event::Baked { elapsed_ms: 30_000, .. }))
    );
}

#[test]
fn a_new_side_that_turns_out_worse_is_rolled_back() {
    let mut stage = Stage::new(baking());
    stage.ask(1, swap());
    stage.pass(Duration::from_secs(5));
    stage.figures = vec![Figures {
        new: Sample {
            requests: 100,
            app_errors: 50,
            ..Sample::default()
        },
        before: Sample::default(),
    }];
    stage.pass(Duration::from_secs(2));
    let Event::RolledBack { reason, live, .. } = stage.last(1) else {
        panic!("{:?}", stage.last(1));
    };
    assert!(reason.contains("web: 50.0 % of 100 requests failed"), "{reason}");
    assert_eq!(*live, Slot::Blue);
}

#[test]
fn a_new_side_whose_health_fails_in_the_bake_window_is_rolled_back() {
    let mut stage = Stage::new(baking());
    stage.ask(1, swap());
    stage.pass(Duration::from_secs(5));
    stage.bad = vec![8011];
    stage.pass(Duration::from_secs(2));
    let Event::RolledBack { reason, .. } = stage.last(1) else {
        panic!("{:?}", stage.last(1));
    };
    assert!(
        reason.contains("api 127.0.0.1:8011") && reason.contains("3 times in a row"),
        "{reason}"
    );
}

#[test]
fn a_rollback_pre_empts_the_bake_window() {
    let mut stage = Stage::new(baking());
    stage.ask(1, swap());
    stage.pass(Duration::from_secs(5));
    stage.ask(2, rollback());
    assert!(
        !matches!(stage.last(1), Event::RolledBack { .. }),
        "not before it is true"
    );
    stage.pass(Duration::from_secs(2));
    let Event::RolledBack { reason, live, .. } = stage.last(1) else {
        panic!("{:?}", stage.last(1));
    };
    assert_eq!(reason, "a rollback by ci pre-empted the bake window");
    assert_eq!(*live, Slot::Blue);
    assert!(stage.switch.holder().is_none(), "a rollback does not bake");
    stage.drain(2);
    stage.drain(3);
    assert!(matches!(stage.last(2), Event::Done { .. }));
}

#[test]
fn a_rollback_that_is_refused_lets_the_bake_window_go_on() {
    let mut stage = Stage::new(baking());
    stage.ask(1, swap());
    stage.pass(Duration::from_secs(5));
    stage.bad = vec![3000];
    stage.ask(
        2,
        OperationRequest {
            deadline_ms: Some(1000),
            ..rollback()
        },
    );
    stage.pass(Duration::from_secs(2));
    assert_eq!(stage.refused(2).0, exit::REFUSED);
    assert_eq!(stage.switch.holder().unwrap().operation, 1);
    stage.pass(Duration::from_secs(30));
    stage.drain(2);
    assert!(matches!(stage.last(1), Event::Done { .. }), "{:?}", stage.last(1));
}

#[test]
fn a_swap_that_is_rolled_back_while_it_drains_did_not_succeed() {
    let mut stage = Stage::new(rules());
    stage.ask(1, swap());
    stage.pass(Duration::from_secs(2));
    stage.ask(2, rollback());
    stage.pass(Duration::from_secs(2));
    assert!(matches!(stage.last(1), Event::RolledBack { .. }), "{:?}", stage.last(1));
    stage.drain(3);
    let Event::Done { safe_to_stop, .. } = stage.last(2) else {
        panic!("{:?}", stage.last(2));
    };
    assert_eq!(safe_to_stop[0].addresses, [at(3010)]);
}

#[test]
fn a_stop_answers_everyone_who_waits() {
    let mut stage = Stage::new(baking());
    stage.ask(1, swap());
    stage.pass(Duration::from_secs(5));
    stage.ask(2, rollback());
    stage.input(Input::Stop);
    assert!(matches!(stage.last(1), Event::Failed { .. }));
    assert!(matches!(stage.last(2), Event::Failed { .. }));
    stage.ask(3, swap());
    assert_eq!(stage.refused(3).1, "the proxy is stopping");
}

#[test]
fn an_answer_to_an_old_question_changes_nothing() {
    let mut stage = Stage::new(rules());
    stage.switched(1, swap());
    let before = stage.events.len();
    for ticket in (0..20).map(Ticket) {
        stage.input(Input::Persisted {
            ticket,
            result: Ok(Durability::Durable),
        });
        stage.input(Input::Verified {
            ticket,
            seen: Vec::new(),
        });
    }
    assert_eq!((stage.events.len(), stage.live()), (before, Slot::Green));
}
