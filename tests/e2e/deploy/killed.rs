//! The table: who is killed (-9) at which step, and what is left. What was live is live, no lock is left, nothing hangs, the journal
//! says what happened, and the next deploy goes through.

use greengate::model::api::{DeployStep, Event, SwapStep, exit};
use greengate::model::history::Record;
use greengate::model::slot::Slot;
use tokio::task::JoinHandle;

use super::stage::Stage;
use crate::common::operation::{Finished, Operation};
use crate::common::secs;

/// A step in which a deploy stands still.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Start,
    Gate,
    Before,
    /// The gate of the swap itself.
    Swap,
    /// Switched and verified; the old side has a request.
    Drain,
    Stop,
    After,
    /// The lock is free, and the old side runs on.
    Keep,
}

/// Who is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Victim {
    Proxyctl,
    /// Started again.
    Proxyd,
    /// Asked to stop (SIGTERM), as by `systemctl restart`, and started again.
    Restarted,
    Candidate,
    Migration,
}

const BLUE: Slot = Slot::Blue;
const GREEN: Slot = Slot::Green;

/// One row: the test's name, who, where, the exit code of `proxyctl` where that was not killed, what is live, and what runs.
macro_rules! table {
    ($($name:ident: $victim:ident $at:ident => $code:expr, $live:ident, $runs:expr;)+) => {
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                kill(Victim::$victim, At::$at, $code, $live, &$runs).await;
            }
        )+
    };
}

table! {
    // What it had begun goes on by itself; the next deploy starts that side anew.
    n34_proxyctl_is_killed_in_start: Proxyctl Start => None, BLUE, [BLUE, GREEN];
    n34_proxyctl_is_killed_in_gate: Proxyctl Gate => None, BLUE, [BLUE, GREEN];
    n34_proxyctl_is_killed_in_before: Proxyctl Before => None, BLUE, [BLUE, GREEN];
    // A swap that was asked for is the daemon's.
    n34_proxyctl_is_killed_in_swap: Proxyctl Swap => None, GREEN, [BLUE, GREEN];
    n34_proxyctl_is_killed_in_drain: Proxyctl Drain => None, GREEN, [BLUE, GREEN];
    n34_proxyctl_is_killed_in_stop: Proxyctl Stop => None, GREEN, [GREEN];
    n34_proxyctl_is_killed_in_after: Proxyctl After => None, GREEN, [GREEN];
    n34_proxyctl_is_killed_in_keep: Proxyctl Keep => None, GREEN, [BLUE, GREEN];
    // The lock is taken again, and what was begun is undone.
    n34_proxyd_is_killed_in_start: Proxyd Start => Some(exit::FAILED), BLUE, [BLUE];
    n34_proxyd_is_killed_in_gate: Proxyd Gate => Some(exit::FAILED), BLUE, [BLUE];
    n34_proxyd_is_killed_in_before: Proxyd Before => Some(exit::FAILED), BLUE, [BLUE];
    n34_proxyd_is_killed_in_swap: Proxyd Swap => Some(exit::FAILED), BLUE, [BLUE];
    // Nobody can say whether the old side was done, so neither is touched.
    n34_proxyd_is_killed_in_drain: Proxyd Drain => Some(exit::FAILED), GREEN, [BLUE, GREEN];
    n34_proxyd_is_killed_in_stop: Proxyd Stop => Some(exit::DONE), GREEN, [GREEN];
    n34_proxyd_is_killed_in_after: Proxyd After => Some(exit::DONE), GREEN, [GREEN];
    n34_proxyd_is_killed_in_keep: Proxyd Keep => Some(exit::DONE), GREEN, [GREEN];
    n34_proxyd_is_restarted_in_start: Restarted Start => Some(exit::FAILED), BLUE, [BLUE];
    n34_proxyd_is_restarted_in_gate: Restarted Gate => Some(exit::FAILED), BLUE, [BLUE];
    n34_proxyd_is_restarted_in_before: Restarted Before => Some(exit::FAILED), BLUE, [BLUE];
    n34_proxyd_is_restarted_in_swap: Restarted Swap => Some(exit::FAILED), BLUE, [BLUE];
    // What has begun ends before the daemon does.
    n34_proxyd_is_restarted_in_drain: Restarted Drain => Some(exit::DONE), GREEN, [GREEN];
    n34_proxyd_is_restarted_in_stop: Restarted Stop => Some(exit::DONE), GREEN, [GREEN];
    n34_proxyd_is_restarted_in_after: Restarted After => Some(exit::DONE), GREEN, [GREEN];
    n34_proxyd_is_restarted_in_keep: Restarted Keep => Some(exit::DONE), GREEN, [GREEN];
    // It is missed by the next gate.
    n34_the_candidate_is_killed_in_start: Candidate Start => Some(exit::REFUSED), BLUE, [BLUE];
    n34_the_candidate_is_killed_in_gate: Candidate Gate => Some(exit::REFUSED), BLUE, [BLUE];
    n34_the_candidate_is_killed_in_before: Candidate Before => Some(exit::REFUSED), BLUE, [BLUE];
    n34_the_candidate_is_killed_in_swap: Candidate Swap => Some(exit::REFUSED), BLUE, [BLUE];
    // It is live by then. Without a bake window that is nobody's to undo, and requests wait for it.
    n34_the_candidate_is_killed_in_drain: Candidate Drain => Some(exit::DONE), GREEN, [];
    n34_the_candidate_is_killed_in_stop: Candidate Stop => Some(exit::DONE), GREEN, [];
    n34_the_candidate_is_killed_in_after: Candidate After => Some(exit::DONE), GREEN, [];
    n34_the_candidate_is_killed_in_keep: Candidate Keep => Some(exit::DONE), GREEN, [];
    n34_the_migration_is_killed: Migration Before => Some(exit::REFUSED), BLUE, [BLUE];
}

/// Kills at a step, lets the rest come to its end, and looks at what is left.
async fn kill(victim: Victim, at: At, code: Option<u8>, live: Slot, runs: &[Slot]) {
    let still = Still::at(at, victim).await;
    let (stage, finished) = still.kill(victim, at).await;
    let code = code.map(i32::from);
    assert_eq!(finished.as_ref().map(|finished| finished.code), code, "{finished:#?}");
    stage.free().await;
    assert_eq!(stage.live().await, live);
    stage.run(runs).await;
    let is_end = |record: &Record| match record {
        Record::Torn { .. } => true,
        Record::Step { event } => event.exit_code().is_some(),
        Record::Started { .. } | Record::Stopped { .. } | Record::Asked { .. } => false,
    };
    let journal = stage.journal().await;
    let ends = journal.iter().filter(|entry| is_end(&entry.record)).count();
    assert_eq!(ends, 1, "{journal:#?}");
    if !stage.runs(live) {
        // What is live is dead, and is not the deploy's to start.
        return;
    }
    let next = stage.deployed("v3", &["--wait", "60s"]).await;
    assert_eq!(next.code, i32::from(exit::DONE), "{next:#?}");
    stage.serves("v3").await;
}

/// A deploy that stands still.
struct Still {
    stage: Stage,
    deploy: Operation,
    kept: Option<JoinHandle<()>>,
}

impl Still {
    async fn at(at: At, victim: Victim) -> Self {
        let before = "before = \"sh step.sh before {version}\"";
        let stage = match at {
            At::Keep => Stage::start(&format!("{before}\nkeep = \"1s\"")).await,
            _ => Stage::start(before).await,
        };
        stage.put(match at {
            At::Start => "hold-start",
            At::Gate => "sick-v2",
            At::Before | At::Swap => "hold-before",
            At::Stop => "hold-stop",
            At::After => "hold-after",
            At::Drain | At::Keep => "nothing",
        });
        let kept = match at {
            At::Drain => Some(stage.keep_a_request().await),
            _ => None,
        };
        // A gate is waited for to its end where nobody is left to pass it; the one before a migration was passed within that.
        let deadline = if victim == Victim::Candidate { "4s" } else { "30s" };
        let mut deploy = stage.deploy("v2", &["--patience", "60s", "--deadline", deadline]);
        match at {
            At::Start => stage.reached("start").await,
            At::Gate => stage.appears("probed-v2").await,
            At::Before => stage.reached("before").await,
            At::Swap => {
                stage.reached("before").await;
                stage.put("sick-v2");
                stage.remove("probed-v2");
                stage.remove("hold-before");
                stage.appears("probed-v2").await;
            }
            At::Drain => {
                let is_verified = |event: &Event| matches!(event, Event::Swap(SwapStep::Verified { .. }));
                deploy.until("the new side to be verified", is_verified).await;
            }
            At::Stop => stage.reached("stop").await,
            At::After => stage.reached("after").await,
            At::Keep => {
                let is_free = |event: &Event| matches!(event, Event::Deploy(DeployStep::Released { .. }));
                deploy.until("the lock to be free", is_free).await;
            }
        }
        Self { stage, deploy, kept }
    }

    async fn kill(self, victim: Victim, at: At) -> (Stage, Option<Finished>) {
        let Self { stage, deploy, kept } = self;
        let mut finished = None;
        match victim {
            Victim::Proxyctl => {
                deploy.kill9().await;
                if !matches!(at, At::Swap | At::Drain) {
                    // Before anything else has come to an end.
                    stage.free().await;
                }
                stage.let_go();
            }
            Victim::Proxyd => {
                stage.door.kill9();
                stage.door.restart().await;
                stage.let_go();
                finished = Some(deploy.finish().await);
            }
            Victim::Restarted => {
                stage.door.sigterm();
                if at == At::Drain {
                    stage.let_go();
                }
                stage.door.end(secs(60)).await;
                stage.door.restart().await;
                stage.let_go();
                finished = Some(deploy.finish().await);
            }
            Victim::Candidate => {
                stage.kill_app(GREEN);
                stage.let_go();
                finished = Some(deploy.finish().await);
            }
            Victim::Migration => {
                stage.kill_step("before");
                stage.let_go();
                finished = Some(deploy.finish().await);
            }
        }
        if let Some(kept) = kept {
            kept.await.expect("a client does not panic");
        }
        (stage, finished)
    }
}
