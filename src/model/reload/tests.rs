//! Every way through a reload, one at a time. `tests/simulation.rs` mixes them.

use super::*;
use crate::model::api::{Change, ChangeKind};

/// Reload 1, and what it did.
struct Scene {
    reload: Reload,
    done: Vec<Effect>,
}

impl Scene {
    /// Asked for, its number saved, and the file about to be read.
    fn reading() -> Self {
        let mut scene = Self {
            reload: Reload::new(),
            done: Vec::new(),
        };
        scene.ask(1);
        scene.input(Input::Numbered { operation: 1 });
        assert_eq!(scene.done, [Effect::Read]);
        scene
    }

    fn read(findings: Findings) -> Self {
        let mut scene = Self::reading();
        scene.input(Input::Read(Reading::Valid(Box::new(findings))));
        scene
    }

    fn ask(&mut self, operation: u64) {
        let user = "ci".into();
        self.input(Input::Ask { operation, user });
    }

    fn gated(&mut self, well: bool) {
        let elapsed = Duration::from_secs(1);
        let result = if well { Ok(Vec::new()) } else { Err(Vec::new()) };
        self.input(Input::Gated { result, elapsed });
    }

    fn input(&mut self, input: Input) {
        let now = Moment {
            at: Duration::ZERO,
            wall: jiff::Timestamp::UNIX_EPOCH,
        };
        let effects = self.reload.handle(input, now);
        self.done.extend(effects);
    }

    fn did(&self, effect: &Effect) -> bool {
        self.done.contains(effect)
    }

    fn published(&self) -> usize {
        let publish = Effect::Publish { operation: 1 };
        self.done.iter().filter(|effect| **effect == publish).count()
    }

    /// The final event of reload 1. Nothing is held after it.
    fn end(&self) -> &Event {
        let last = self.done.iter().rev().take(2).collect::<Vec<_>>();
        let [Effect::Free { operation: 1 }, Effect::Tell { operation: 1, event }] = last[..] else {
            panic!("{:?}", self.done);
        };
        assert!(event.exit_code().is_some() && self.reload.operation().is_none());
        event
    }
}

fn change() -> Change {
    Change {
        section: "prod".into(),
        name: Some("web".into()),
        kind: ChangeKind::Changed,
        values: Vec::new(),
    }
}

/// Everything has to be done.
fn all() -> Findings {
    Findings {
        changes: vec![change()],
        environments: vec!["prod".into()],
        must_gate: true,
        must_certify: true,
        must_save: true,
        ..Findings::default()
    }
}

fn durable() -> Input {
    Input::Persisted(Ok(Durability::Durable))
}

#[test]
fn n29_gate_certificates_save_and_then_one_snapshot() {
    let mut scene = Scene::read(all());
    assert!(scene.did(&Effect::Gate) && !scene.did(&Effect::Certify));
    scene.gated(true);
    assert!(scene.did(&Effect::Certify) && !scene.did(&Effect::Persist));
    scene.input(Input::Certified(Ok(())));
    assert!(scene.did(&Effect::Persist));
    assert_eq!(scene.published(), 0);
    scene.input(durable());
    assert_eq!(scene.published(), 1);
    let event = Event::Reload(ReloadStep::Reloaded {
        changes: 1,
        durability_uncertain: false,
    });
    assert_eq!(*scene.end(), event);
}

#[test]
fn n29_what_needs_neither_gate_nor_certificates_is_saved_at_once() {
    let mut scene = Scene::read(Findings {
        must_gate: false,
        must_certify: false,
        ..all()
    });
    assert!(scene.did(&Effect::Persist));
    scene.input(durable());
    assert_eq!(scene.published(), 1);
}

#[test]
fn n29_a_file_that_says_the_same_publishes_nothing() {
    let scene = Scene::read(Findings::default());
    assert!(scene.did(&Effect::Adopt));
    assert_eq!(scene.published(), 0);
    assert!(matches!(
        scene.end(),
        Event::Reload(ReloadStep::Reloaded { changes: 0, .. })
    ));
}

#[test]
fn n29_a_broken_file_is_told_whole_and_changes_nothing() {
    let mut scene = Scene::reading();
    let report = "line 3: no\nline 4: no".to_owned();
    let invalid = Reading::Invalid { report, errors: 2 };
    scene.input(Input::Read(invalid));
    assert!(matches!(
        scene.end(),
        Event::Reload(ReloadStep::Invalid { errors: 2, .. })
    ));
    let mut scene = Scene::reading();
    scene.input(Input::Read(Reading::Broken("permission denied".into())));
    assert!(matches!(scene.end(), Event::Common(CommonStep::Failed { .. })));
    assert_eq!(scene.published(), 0);
}

#[test]
fn n29_a_gate_that_stays_shut_refuses_all_of_it() {
    let mut scene = Scene::read(all());
    scene.gated(false);
    assert!(matches!(
        scene.end(),
        Event::Common(CommonStep::Refused {
            code: exit::REFUSED,
            ..
        })
    ));
    assert!(!scene.did(&Effect::Certify));
    scene.gated(true);
    scene.input(durable());
    assert_eq!(scene.published(), 0, "an answer that comes too late changes nothing");
}

#[test]
fn certificates_that_cannot_be_kept_refuse_all_of_it() {
    let mut scene = Scene::read(all());
    scene.gated(true);
    scene.input(Input::Certified(Err("no key".into())));
    assert!(matches!(scene.end(), Event::Common(CommonStep::Refused { reason, .. }) if reason == "no key"));
    assert!(!scene.did(&Effect::Persist));
}

#[test]
fn n30_what_cannot_be_saved_is_not_published_and_the_certificates_are_put_back() {
    let mut scene = Scene::read(all());
    scene.gated(true);
    scene.input(Input::Certified(Ok(())));
    scene.input(Input::Persisted(Err("no space left".into())));
    assert!(scene.did(&Effect::Decertify));
    assert!(
        matches!(scene.end(), Event::Common(CommonStep::Failed { reason, .. }) if reason.contains("nothing was reloaded"))
    );
    assert_eq!(scene.published(), 0);
}

#[test]
fn a_full_disk_stops_no_reload_that_has_nothing_new_to_save() {
    let mut scene = Scene::read(Findings {
        must_gate: false,
        must_certify: false,
        must_save: false,
        ..all()
    });
    scene.input(Input::Persisted(Err("no space left".into())));
    assert_eq!(scene.published(), 1);
}

#[test]
fn an_uncertain_save_is_told_before_it_is_done() {
    let mut scene = Scene::read(Findings {
        must_gate: false,
        must_certify: false,
        ..all()
    });
    scene.input(Input::Persisted(Ok(Durability::Uncertain("the folder".into()))));
    let warned = |effect: &Effect| matches!(effect, Effect::Tell { event: Event::Common(CommonStep::Warning { message }), .. } if message.contains("the folder"));
    assert!(scene.done.iter().any(warned));
    assert!(matches!(
        scene.end(),
        Event::Reload(ReloadStep::Reloaded {
            durability_uncertain: true,
            ..
        })
    ));
}

#[test]
fn n5_what_is_concerned_is_held_from_the_diff_to_the_end() {
    let scene = Scene::read(all());
    let taken = scene.done.iter().find_map(|effect| match effect {
        Effect::Take { environments, holder } => Some((environments.clone(), holder.operation)),
        _ => None,
    });
    assert_eq!(taken, Some((vec!["prod".to_owned()], 1)));
    assert!(!scene.did(&Effect::Free { operation: 1 }));
}

#[test]
fn n5_an_environment_that_another_holds_refuses_all_of_it() {
    let holder = Holder {
        operation: 9,
        kind: Action::Swap,
        user: "ann".into(),
        since: String::new(),
        step: "gate".into(),
    };
    let scene = Scene::read(Findings {
        held: Some(("prod".into(), holder)),
        ..all()
    });
    let Event::Common(CommonStep::Refused { code, reason, .. }) = scene.end() else {
        panic!("{:?}", scene.end());
    };
    assert_eq!(*code, exit::BUSY);
    assert!(reason.contains("swap 9 by ann holds `prod`"), "{reason}");
    assert!(!scene.done.iter().any(|effect| matches!(effect, Effect::Take { .. })));
}

#[test]
fn one_reload_at_a_time_and_the_second_has_not_begun() {
    let mut scene = Scene::reading();
    scene.ask(2);
    assert!(matches!(
        scene.done.last(),
        Some(Effect::Refuse {
            operation: 2,
            event: Event::Common(CommonStep::Refused { code: exit::BUSY, .. })
        })
    ));
    assert_eq!(scene.reload.operation(), Some(1));
}

#[test]
fn a_dry_run_says_what_a_reload_would_and_holds_nothing() {
    let said = Reload::preview(Reading::Valid(Box::new(all())));
    assert!(matches!(
        said[..],
        [
            Event::Reload(ReloadStep::Reloading { operation: None, .. }),
            Event::Common(CommonStep::Planned)
        ]
    ));
    let said = Reload::preview(Reading::Broken("permission denied".into()));
    assert!(matches!(said[..], [Event::Common(CommonStep::Failed { .. })]));
}

#[test]
fn a_stop_answers_at_every_stage_and_nothing_follows() {
    let steps: [fn(&mut Scene); 4] = [
        |_| {},
        |scene| scene.input(Input::Read(Reading::Valid(Box::new(all())))),
        |scene| scene.gated(true),
        |scene| scene.input(Input::Certified(Ok(()))),
    ];
    for stage in 0..steps.len() {
        let mut scene = Scene::reading();
        for step in &steps[..=stage] {
            step(&mut scene);
        }
        scene.input(Input::Stop);
        assert!(
            matches!(scene.end(), Event::Common(CommonStep::Failed { .. })),
            "stage {stage}"
        );
        for step in steps {
            step(&mut scene);
        }
        scene.input(durable());
        assert_eq!(scene.published(), 0, "stage {stage}");
        assert!(
            matches!(scene.end(), Event::Common(CommonStep::Failed { .. })),
            "stage {stage}"
        );
    }
}
