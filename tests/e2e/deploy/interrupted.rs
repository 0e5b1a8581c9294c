//! Somebody wants a deploy to end: before the switch what was begun is undone, after it the daemon goes on.

use greengate::model::api::exit;
use greengate::model::slot::Slot;
use rustix::process::Signal;

use super::stage::Stage;
use crate::common::ms;
use crate::common::operation::run;
use crate::common::place::python;

const BEFORE: &str = "before = \"sh step.sh before\"";

/// Interrupts a deploy where it stands still.
async fn interrupted(stage: &Stage, step: &str) -> String {
    stage.put(&format!("hold-{step}"));
    let deploy = stage.deploy("v2", &[]);
    stage.reached(step).await;
    let output = deploy.interrupt().await;
    output.assert_code(exit::FAILED);
    stage.serves("v1").await;
    stage.free().await;
    output.stderr
}

#[tokio::test(flavor = "multi_thread")]
async fn before_the_switch_what_was_begun_is_undone() {
    for step in ["start", "before"] {
        let stage = Stage::start(BEFORE).await;
        let told = interrupted(&stage, step).await;
        assert!(
            told.contains("Nothing was switched; blue stays live."),
            "{step}: {told}"
        );
        assert_eq!(stage.steps().last().unwrap(), "stop green");
        assert!(!stage.runs(Slot::Green), "{step}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn in_the_gate_too_and_the_gate_ends_with_it() {
    let stage = Stage::start(BEFORE).await;
    stage.put("sick-v2");
    let deploy = stage.deploy("v2", &["--deadline", "1m"]);
    stage.appears("probed-v2").await;
    deploy.interrupt().await.assert_code(exit::FAILED);
    assert!(!stage.runs(Slot::Green));
    stage.free().await;
    stage.serves("v1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_timeout_is_an_interruption() {
    let stage = Stage::start("").await;
    stage.put("hold-start");
    let output = stage.told("v2", &["--timeout", "2s"]).await;
    output.assert_code(exit::FAILED);
    output.assert_says(&["`--timeout` is over: what was begun is undone"]);
    assert!(!stage.runs(Slot::Green));
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_switch_the_daemon_goes_on_and_neither_side_is_stopped() {
    let stage = Stage::start("").await;
    let kept = stage.keep_a_request().await;
    let mut deploy = stage.deploy("v2", &[]);
    deploy.switched().await;
    let output = deploy.interrupt().await;
    output.assert_code(exit::STOPPED_WAITING);
    output.assert_says(&["the swap goes on in the daemon"]);
    output.assert_says(&["sh stop.sh blue"]);
    stage.let_go();
    kept.await.unwrap();
    stage.free().await;
    stage.serves("v2").await;
    assert!(stage.runs(Slot::Blue));
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_old_side_is_kept_it_runs_on() {
    let stage = Stage::start("keep = \"1m\"").await;
    let deploy = stage.deploy("v2", &[]);
    stage.reached("after").await;
    stage.free().await;
    let output = deploy.interrupt().await;
    output.assert_code(exit::STOPPED_WAITING);
    output.assert_says(&["green is live, and blue runs on"]);
    assert!(stage.runs(Slot::Blue));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_wants_it_to_end_before_the_old_side_is_kept_does_not_wait_for_that() {
    let stage = Stage::start("keep = \"10m\"").await;
    stage.put("hold-after");
    let deploy = stage.deploy("v2", &[]);
    stage.reached("after").await;
    let output = deploy.interrupt().await;
    output.assert_code(exit::STOPPED_WAITING);
    output.assert_says(&["green is live, and blue runs on"]);
    output.assert_says(&["this command stops it:\n  sh stop.sh blue"]);
    assert!(stage.runs(Slot::Blue));
    stage.free().await;
}

/// Runs a program on a terminal of its own, as whoever sits at one does.
const ON_A_TERMINAL: &str = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))";

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_asks_on_the_terminal_fails_in_place_of_waiting_for_ever() {
    let stage = Stage::start("before = \"sh -c 'read answer < /dev/tty'\"").await;
    let deploy = stage.door.command(&["deploy", "prod", "--version", "v2"]);
    let mut terminal = tokio::process::Command::from(python());
    terminal
        .args(["-c", ON_A_TERMINAL])
        .arg(deploy.as_std().get_program())
        .args(deploy.as_std().get_args())
        .current_dir(stage.door.folder());
    let output = run(terminal).await;
    output.assert_code(exit::REFUSED);
    output.assert_says(&["asked something on the terminal, and was ended"]);
    assert_eq!(stage.steps().last().unwrap(), "stop green");
    stage.serves("v1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_that_goes_away_says_so_twice_and_a_parent_passes_ctrl_c_on_and_that_is_one_wish() {
    for [first, second] in [
        [Signal::HUP, Signal::HUP],
        [Signal::INT, Signal::INT],
        [Signal::INT, Signal::TERM],
    ] {
        let stage = Stage::start("").await;
        stage.put("hold-start");
        let deploy = stage.deploy("v2", &[]);
        stage.reached("start").await;
        deploy.signal(first);
        deploy.signal(second);
        let finished = deploy.finish().await;
        assert_eq!(finished.code, i32::from(exit::FAILED), "{finished:#?}");
        assert!(
            finished.stderr.contains("Nothing was switched"),
            "{first:?}: {finished:#?}"
        );
        assert_eq!(stage.steps().last().unwrap(), "stop green");
        stage.free().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_timeout_the_first_ctrl_c_breaks_nothing_off() {
    let stage = Stage::start("").await;
    stage.put("hold-start");
    stage.put("hold-stop");
    let deploy = stage.deploy("v2", &["--timeout", "1s"]);
    stage.reached("stop").await;
    deploy.signal_interrupt();
    stage.remove("hold-stop");
    let finished = deploy.finish().await;
    assert!(finished.stderr.contains("Nothing was switched"), "{finished:#?}");
    assert!(!stage.runs(Slot::Green));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_interruption_ends_it_at_once() {
    let stage = Stage::start("").await;
    stage.put("hold-start");
    stage.put("hold-stop");
    let deploy = stage.deploy("v2", &[]);
    stage.reached("start").await;
    deploy.signal_interrupt();
    // It is about to undo, and stands still in that.
    stage.reached("stop").await;
    // As long as somebody needs to press it again.
    tokio::time::sleep(ms(400)).await;
    deploy.signal_interrupt();
    let finished = deploy.finish().await;
    assert_eq!(finished.code, i32::from(exit::FAILED), "{finished:#?}");
    assert!(finished.stderr.contains("ended at once"), "{finished:#?}");
    stage.free().await;
    stage.serves("v1").await;
}
