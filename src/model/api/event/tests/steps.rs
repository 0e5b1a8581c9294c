//! What single steps say beside their line.

use super::*;

#[test]
fn a_deployment_ends_with_the_exit_code_of_its_outcome() {
    let code = |outcome| Event::Deploy(DeployStep::Released { outcome, reason: None }).exit_code();
    assert_eq!(code(DeployOutcome::Done), Some(exit::DONE));
    assert_eq!(code(DeployOutcome::Refused), Some(exit::REFUSED));
    assert_eq!(code(DeployOutcome::RolledBack), Some(exit::ROLLED_BACK));
    assert_eq!(code(DeployOutcome::Failed), Some(exit::FAILED));
    assert_eq!(code(DeployOutcome::Interrupted), Some(exit::FAILED));
}

#[test]
fn a_pause_says_when_it_is_one_of_writes() {
    let line = r#"{"event":"pausing","operation":9,"environment":"prod","limit_ms":30000,"writes":true}"#;
    let pausing = Event::Pause(PauseStep::Pausing {
        operation: 9,
        environment: "prod".into(),
        limit_ms: 30_000,
        writes: true,
    });
    assert_eq!(serde_json::to_string(&pausing).unwrap(), line);
    assert_eq!(serde_json::from_str::<Event>(line).unwrap(), pausing);
}

#[test]
fn a_swap_that_somebody_rolled_back_says_who_it_was() {
    let line = r#"{"event":"rolled-back","reason":"a rollback undid it","by":"ann","live":"blue","generation":119}"#;
    let back = Event::Swap(SwapStep::RolledBack {
        reason: "a rollback undid it".into(),
        by: Some("ann".into()),
        live: Slot::Blue,
        generation: Generation(119),
    });
    assert_eq!(serde_json::to_string(&back).unwrap(), line);
    assert_eq!(serde_json::from_str::<Event>(line).unwrap(), back);
}
