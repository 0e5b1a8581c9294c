//! Records in the DNS, by a command of the operator's (RFC 8555 §8.4). Whatever becomes of `present`, `cleanup` follows; and
//! there is one record at a time for a name, because `example.com` and `*.example.com` share theirs, and a command may replace or
//! remove all that stands there.

use std::collections::HashMap;
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::process::Child;
use tokio::sync::{Mutex as Turn, OwnedMutexGuard};

use crate::tasks;
use crate::tls::files;

/// For the command to make a record that can be seen, which may mean waiting for name servers; and to take one away.
const COMMAND_TIME: Duration = Duration::from_secs(180);

/// Whose turn it is, by the record's name.
#[derive(Debug, Default)]
pub(super) struct Records {
    turns: Mutex<HashMap<String, Arc<Turn<()>>>>,
}

impl Records {
    /// Has the command set a record, once every other of that name is taken away.
    ///
    /// # Errors
    /// Why it could not be run, or what it said.
    pub(super) async fn post(&self, command: &str, host: &str, value: &str) -> Result<Record, String> {
        let name = format!("_acme-challenge.{}", host.strip_prefix("*.").unwrap_or(host));
        let turn = self.turn(&name).lock_owned().await;
        let mut words = command.split_whitespace().map(str::to_owned);
        let program = words.next().unwrap_or_default();
        let arguments: Vec<String> = words.collect();
        let mut run = tokio::process::Command::new(&program);
        run.args(&arguments).args(["present", &name, value]);
        run.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let present = run.kill_on_drop(true).spawn();
        let present = present.map_err(|error| format!("cannot be run: {}", files::io_reason(&error)))?;
        // From here on there may be a record: also one that failed, was too slow or was given up may have left it.
        let record = Record {
            program,
            arguments,
            name,
            value: value.to_owned(),
            turn: Some(turn),
        };
        let output = match tokio::time::timeout(COMMAND_TIME, present.wait_with_output()).await {
            Ok(Ok(output)) => output,
            Ok(Err(error)) => return Err(format!("cannot be waited for: {}", files::io_reason(&error))),
            Err(_) => return Err(too_slow()),
        };
        if output.status.success() {
            return Ok(record);
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let said = said
            .lines()
            .rev()
            .find(|line| !line.trim().is_empty())
            .unwrap_or("it says nothing");
        Err(format!("ended with {}: {}", output.status, said.trim()))
    }

    /// Waits until every record is taken away of those that were set up to now, or its `cleanup` has failed.
    pub(super) async fn settled(&self) {
        let turns: Vec<_> = self.turns().values().cloned().collect();
        for turn in turns {
            drop(turn.lock_owned().await);
        }
    }

    fn turn(&self, name: &str) -> Arc<Turn<()>> {
        let mut turns = self.turns();
        // Nobody waits for these, and nobody has them.
        turns.retain(|_, turn| Arc::strong_count(turn) > 1);
        turns.entry(name.to_owned()).or_default().clone()
    }

    fn turns(&self) -> MutexGuard<'_, HashMap<String, Arc<Turn<()>>>> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn too_slow() -> String {
    format!("did not end within {} s", COMMAND_TIME.as_secs())
}

/// A record that stands, or may stand, until this is dropped.
#[derive(Debug)]
pub(super) struct Record {
    program: String,
    arguments: Vec<String>,
    name: String,
    value: String,
    turn: Option<OwnedMutexGuard<()>>,
}

impl Drop for Record {
    fn drop(&mut self) {
        let mut run = std::process::Command::new(&self.program);
        run.args(&self.arguments).args(["cleanup", &self.name, &self.value]);
        // It outlives this process if need be: what it says would then have nowhere to go.
        run.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let (program, name) = (std::mem::take(&mut self.program), std::mem::take(&mut self.name));
        let spawned = match tokio::runtime::Handle::try_current() {
            Ok(_) => tokio::process::Command::from(run).spawn().map(Some),
            // Without a runtime this process is at its end.
            Err(_) => run.spawn().map(|_| None),
        };
        match spawned {
            Ok(Some(cleanup)) => tasks::detached(see_to(cleanup, program, name, self.turn.take())),
            Ok(None) => {}
            Err(error) => left_behind(&program, &name, &format!("cannot be run: {}", files::io_reason(&error))),
        }
    }
}

/// Waits for the end of a `cleanup`; the next record of that name has its turn then.
async fn see_to(mut cleanup: Child, program: String, name: String, turn: Option<OwnedMutexGuard<()>>) {
    let why = match tokio::time::timeout(COMMAND_TIME, cleanup.wait()).await {
        Ok(Ok(status)) if status.success() => None,
        Ok(Ok(status)) => Some(format!("ended with {status}")),
        Ok(Err(error)) => Some(format!("cannot be waited for: {}", files::io_reason(&error))),
        Err(_) => {
            let _ = cleanup.kill().await;
            Some(too_slow())
        }
    };
    if let Some(why) = why {
        left_behind(&program, &name, &why);
    }
    drop(turn);
}

fn left_behind(command: &str, record: &str, why: &str) {
    tracing::warn!(command, record, why, "the DNS record of a challenge is left behind");
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::path::Path;
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::*;

    /// A command that writes down how it is called, and then does this.
    fn hook(folder: &Path, does: &str) -> String {
        let hook = folder.join("hook");
        let log = folder.join("log").display().to_string();
        let text = format!("#!/bin/sh\necho \"$*\" >> {log}\n{does}\n");
        crate::durable::write_new(&hook, text.as_bytes(), 0o700).unwrap();
        hook.display().to_string()
    }

    fn log(folder: &Path) -> Vec<String> {
        let text = std::fs::read_to_string(folder.join("log")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    #[tokio::test]
    async fn a_command_that_fails_is_quoted_and_cleans_up() {
        let records = Records::default();
        let missing = records.post("/nowhere/hook", "a.com", "v").await.unwrap_err();
        assert_eq!(missing, "cannot be run: no such file");
        let folder = tempfile::tempdir().unwrap();
        let hook = hook(folder.path(), "echo \"zone is locked\" >&2\nexit 3");
        let failed = records.post(&hook, "a.com", "v").await.unwrap_err();
        assert_eq!(failed, "ended with exit status: 3: zone is locked");
        records.settled().await;
        assert_eq!(
            log(folder.path()),
            ["present _acme-challenge.a.com v", "cleanup _acme-challenge.a.com v"]
        );
    }

    #[tokio::test]
    async fn a_record_is_taken_away_also_when_nobody_waits_for_it_any_more() {
        let folder = tempfile::tempdir().unwrap();
        let hook = hook(folder.path(), "[ $1 = cleanup ] || exec tail -f /dev/null");
        let records = Records::default();
        {
            let mut post = pin!(records.post(&hook, "a.com", "v"));
            assert!(post.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        }
        records.settled().await;
        assert_eq!(log(folder.path()).pop().unwrap(), "cleanup _acme-challenge.a.com v");
    }

    #[tokio::test]
    async fn records_are_settled_when_the_last_cleanup_has_ended() {
        let folder = tempfile::tempdir().unwrap();
        let may = folder.path().join("may");
        let hook = hook(
            folder.path(),
            &format!(
                "[ $1 = present ] || until [ -e {} ]; do sleep 0.01; done",
                may.display()
            ),
        );
        let records = Records::default();
        records.settled().await;
        let one = records.post(&hook, "a.com", "v").await.unwrap();
        let other = records.post(&hook, "b.com", "v").await.unwrap();
        drop((one, other));
        let mut settled = pin!(records.settled());
        assert!(
            settled
                .as_mut()
                .poll(&mut Context::from_waker(Waker::noop()))
                .is_pending()
        );
        crate::durable::write_new(&may, b"", 0o600).unwrap();
        settled.await;
        let cleaned = log(folder.path())
            .iter()
            .filter(|line| line.starts_with("cleanup"))
            .count();
        assert_eq!(cleaned, 2);
    }

    #[tokio::test]
    async fn a_host_and_its_wildcard_have_their_record_one_after_the_other() {
        let folder = tempfile::tempdir().unwrap();
        let hook = hook(folder.path(), "");
        let records = Records::default();
        let first = records.post(&hook, "example.com", "one").await.unwrap();
        let mut second = pin!(records.post(&hook, "*.example.com", "two"));
        assert!(
            second
                .as_mut()
                .poll(&mut Context::from_waker(Waker::noop()))
                .is_pending()
        );
        let other = records.post(&hook, "www.example.com", "three").await.unwrap();
        drop(first);
        let second = second.await.unwrap();
        let of_both = log(folder.path()).into_iter().filter(|line| !line.ends_with("three"));
        assert_eq!(
            of_both.collect::<Vec<_>>(),
            [
                "present _acme-challenge.example.com one",
                "cleanup _acme-challenge.example.com one",
                "present _acme-challenge.example.com two",
            ]
        );
        drop((second, other));
    }
}
