//! Runs a command of the configuration as the daemon's user, without a shell: in a process group of its own, with a deadline, its output
//! in the log.
//!
//! What a command leaves behind, as an app that it started, goes on. As long as that writes where its command wrote, it is read: an
//! app whose pipe is closed would die of its next line.

use std::io::{ErrorKind, pipe};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::pipe::Receiver;
use tokio::process::{Child, ChildStdin, Command};
use tokio::time::timeout;

use crate::model::argv::typed;

/// Variables that speak to the daemon itself, and would be misunderstood by who inherits them.
const OWN: [&str; 6] = [
    "NOTIFY_SOCKET",
    "WATCHDOG_USEC",
    "WATCHDOG_PID",
    "LISTEN_FDS",
    "LISTEN_PID",
    "LISTEN_FDNAMES",
];
/// Of a command's output, so many bytes reach the log.
const LOGGED: usize = 64 * 1024;
/// A line is cut behind so many.
const LINE: usize = 1024;
/// A command that does not end is given so long after SIGTERM.
const PATIENCE: Duration = Duration::from_secs(2);
/// For the last words of a command that has failed.
const LAST_WORDS: Duration = Duration::from_millis(100);

/// A command of the file.
#[derive(Debug, Clone)]
pub(super) struct Order {
    /// `None` of what belongs to none.
    pub(super) environment: Option<String>,
    /// The key of the file that it stands behind.
    pub(super) key: &'static str,
    pub(super) argv: Vec<String>,
    pub(super) deadline: Duration,
    /// What it reads on its standard input, if anything.
    pub(super) input: Option<Vec<u8>>,
}

/// Runs it.
///
/// # Errors
/// Beside what is still to be read: why it could not be started, how it ended, or that it did not.
pub(super) async fn run(order: Order) -> (Result<(), String>, Rest) {
    let command = typed(&order.argv);
    tracing::info!(
        environment = order.environment.as_deref(),
        key = order.key,
        "`{command}` runs"
    );
    let (mut child, receiver) = match start(&order) {
        Ok(started) => started,
        Err(why) => return (Err(format!("`{command}` {why}")), Rest(None)),
    };
    let mut output = Output {
        receiver,
        is_open: true,
        said: Said::new(&order),
    };
    let mut giving = std::pin::pin!(give(child.stdin.take(), order.input.unwrap_or_default()));
    let mut gives = true;
    let mut ending = std::pin::pin!(end(child, order.deadline));
    let ended = loop {
        tokio::select! {
            ended = &mut ending => break ended,
            () = output.read(), if output.is_open => {}
            () = &mut giving, if gives => gives = false,
        }
    };
    let result = match ended {
        Ok(()) => Ok(()),
        Err(how) => {
            let rest = async {
                while output.is_open {
                    output.read().await;
                }
            };
            let _ = timeout(LAST_WORDS, rest).await;
            Err(match output.said.last_words() {
                Some(words) => format!("`{command}` {how}: {words}"),
                None => format!("`{command}` {how}"),
            })
        }
    };
    (result, Rest(Some(output)))
}

/// Writes what a command reads. One that does not care for it is not told again.
async fn give(stdin: Option<ChildStdin>, input: Vec<u8>) {
    if let Some(mut stdin) = stdin {
        let _ = stdin.write_all(&input).await;
    }
}

/// What a command has left open.
pub(super) struct Rest(Option<Output>);

impl Rest {
    /// Reads until nobody can write there any more: to be awaited when there is nothing else to do.
    pub(super) async fn read(self) {
        if let Some(mut output) = self.0 {
            while output.is_open {
                output.read().await;
            }
        }
    }
}

struct Output {
    receiver: Receiver,
    is_open: bool,
    said: Said,
}

impl Output {
    async fn read(&mut self) {
        let mut buffer = vec![0; 8 * 1024];
        match self.receiver.read(&mut buffer).await {
            Ok(length @ 1..) => self.said.hear(&buffer[..length]),
            Ok(_) | Err(_) => {
                self.said.end_line();
                self.is_open = false;
            }
        }
    }
}

/// What a command says, line by line, on its way to the log.
struct Said {
    environment: Option<String>,
    key: &'static str,
    line: Vec<u8>,
    logged: usize,
    last: Vec<u8>,
}

impl Said {
    fn new(order: &Order) -> Self {
        Self {
            environment: order.environment.clone(),
            key: order.key,
            line: Vec::new(),
            logged: 0,
            last: Vec::new(),
        }
    }

    fn hear(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            match byte {
                b'\n' => self.end_line(),
                _ if self.line.len() < LINE => self.line.push(byte),
                _ => {}
            }
        }
    }

    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        let line = line.trim_ascii_end();
        if line.is_empty() {
            return;
        }
        self.last = line.to_vec();
        if self.logged >= LOGGED {
            return;
        }
        self.logged += line.len();
        let (environment, key, text) = (self.environment.as_deref(), self.key, String::from_utf8_lossy(line));
        tracing::info!(environment, key, "{text}");
        if self.logged >= LOGGED {
            tracing::info!(environment, key, "what it says from here on is not logged");
        }
    }

    fn last_words(&mut self) -> Option<String> {
        self.end_line();
        (!self.last.is_empty()).then(|| String::from_utf8_lossy(&self.last).trim().to_owned())
    }
}

fn start(order: &Order) -> Result<(Child, Receiver), String> {
    let (program, arguments) = order.argv.split_first().ok_or("has no program")?;
    let cannot = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound => format!("cannot be started: there is no `{program}`"),
        ErrorKind::PermissionDenied => format!("cannot be started: `{program}` may not be executed"),
        _ => format!("cannot be started: {error}"),
    };
    let (reader, writer) = pipe().map_err(cannot)?;
    let receiver = Receiver::from_owned_fd(reader.into()).map_err(cannot)?;
    let mut command = Command::new(program);
    command
        .args(arguments)
        .process_group(0)
        .stdin(if order.input.is_some() {
            Stdio::piped()
        } else {
            Stdio::null()
        })
        .stdout(writer.try_clone().map_err(cannot)?)
        .stderr(writer);
    for name in OWN {
        command.env_remove(name);
    }
    match &order.environment {
        Some(environment) => command.env("GREENGATE_ENVIRONMENT", environment),
        None => command.env_remove("GREENGATE_ENVIRONMENT"),
    };
    // The command holds the writing end of the pipe, and lets it go here.
    let child = command.spawn().map_err(cannot)?;
    Ok((child, receiver))
}

/// Waits for its end; one that is late is ended, with whatever it has started in its group.
async fn end(mut child: Child, deadline: Duration) -> Result<(), String> {
    let group = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    match timeout(deadline, child.wait()).await {
        Ok(Ok(status)) if status.success() => Ok(()),
        Ok(Ok(status)) => Err(format!("ended with {status}")),
        Ok(Err(error)) => Err(format!("cannot be waited for: {error}")),
        Err(_) => {
            let signal = |what: Signal| {
                if let Some(group) = group {
                    // Not waited for yet, so the number is still its own.
                    let _ = kill_process_group(group, what);
                }
            };
            signal(Signal::TERM);
            if timeout(PATIENCE, child.wait()).await.is_err() {
                signal(Signal::KILL);
                let _ = child.wait().await;
            }
            Err(format!(
                "did not end within {} s, and was ended; it has to return once its work is done",
                deadline.as_secs_f64()
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(script: &str, deadline: Duration) -> Order {
        Order {
            environment: Some("dev".into()),
            key: "sleep.start",
            argv: vec!["sh".into(), "-c".into(), script.into()],
            deadline,
            input: None,
        }
    }

    async fn result(script: &str) -> Result<(), String> {
        run(order(script, Duration::from_secs(20))).await.0
    }

    #[tokio::test]
    async fn how_a_command_ends_is_told_with_its_last_words() {
        assert_eq!(result("echo fine; echo good >&2").await, Ok(()));
        let failed = result("echo one; echo 'no such unit' >&2; exit 5").await.unwrap_err();
        assert!(failed.ends_with("ended with exit status: 5: no such unit"), "{failed}");
        let failed = result("exit 1").await.unwrap_err();
        assert!(
            failed.ends_with("`sh -c 'exit 1'` ended with exit status: 1"),
            "{failed}"
        );
        let mut none = order("", Duration::from_secs(20));
        none.argv = vec!["/there/is/none".into()];
        let failed = run(none).await.0.unwrap_err();
        assert!(
            failed.ends_with("cannot be started: there is no `/there/is/none`"),
            "{failed}"
        );
    }

    #[tokio::test]
    async fn a_command_reads_what_it_is_given_or_does_not_care() {
        let mut reads = order("read -r line; test \"$line\" = hello", Duration::from_secs(20));
        reads.input = Some(b"hello\n".to_vec());
        assert_eq!(run(reads).await.0, Ok(()));
        let mut ignores = order("exit 0", Duration::from_secs(20));
        ignores.input = Some(vec![b'x'; 1 << 20]);
        assert_eq!(run(ignores).await.0, Ok(()));
        let mut hangs = order("sleep 600", Duration::from_millis(200));
        hangs.input = Some(vec![b'x'; 1 << 20]);
        assert!(run(hangs).await.0.unwrap_err().contains("did not end"));
    }

    #[tokio::test]
    async fn a_command_that_does_not_end_is_ended_with_what_it_has_started() {
        let script = "trap '' TERM; (trap '' TERM; sleep 600) & echo waits; sleep 600";
        let (result, rest) = run(order(script, Duration::from_millis(300))).await;
        let why = result.unwrap_err();
        assert!(
            why.contains("did not end within 0.3 s") && why.ends_with(": waits"),
            "{why}"
        );
        // Nobody of its group holds the pipe any more.
        rest.read().await;
    }

    #[tokio::test]
    async fn what_a_command_leaves_behind_may_go_on_writing() {
        let script = "(while [ ! -e \"$0\" ]; do echo still here; sleep 0.01; done) & exit 0";
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("go");
        let mut order = order(script, Duration::from_secs(20));
        order.argv.push(file.display().to_string());
        let (result, rest) = run(order).await;
        assert_eq!(result, Ok(()));
        drop(std::fs::File::create(&file).unwrap());
        rest.read().await;
    }

    #[test]
    fn a_command_that_says_too_much_fills_no_log_and_no_memory() {
        let mut said = Said::new(&order("", Duration::ZERO));
        for _ in 0..200 {
            said.hear(&[b'x'; 8 * 1024]);
            said.hear(b"\n");
        }
        assert!(said.logged < LOGGED + LINE && said.line.capacity() <= 2 * LINE);
        said.hear(b"the end");
        assert_eq!(said.last_words().unwrap(), "the end");
    }
}
