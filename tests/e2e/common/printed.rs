//! A `proxyctl` that goes on, line by line as it prints.

use std::process::{ExitStatus, Stdio};

use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout};

use super::door::Door;
use super::secs;

/// One that runs. It ends with this.
#[derive(Debug)]
pub struct Printed {
    child: Child,
    /// `None` when nobody reads any more.
    lines: Option<Lines<BufReader<ChildStdout>>>,
}

impl Printed {
    /// Starts it.
    pub fn start(door: &Door, args: &[&str]) -> Self {
        let mut child = door
            .command(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("proxyctl starts");
        let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        Self {
            child,
            lines: Some(lines),
        }
    }

    /// The next line; it has to come.
    pub async fn line(&mut self) -> String {
        let lines = self.lines.as_mut().expect("somebody reads");
        let line = tokio::time::timeout(secs(60), lines.next_line()).await;
        line.expect("a line in time").unwrap().expect("it goes on")
    }

    /// Nobody reads any more.
    pub fn stop_reading(&mut self) {
        self.lines = None;
    }

    /// How it has ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Ctrl-C; returns the exit code.
    pub async fn interrupt(mut self) -> Option<i32> {
        let pid = i32::try_from(self.child.id().unwrap()).unwrap();
        let pid = rustix::process::Pid::from_raw(pid).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
        self.child.wait().await.unwrap().code()
    }
}
