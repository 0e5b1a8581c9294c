//! What an app is told to do: the steps of an answer, and the answers of its health check.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

/// One step of a scripted answer.
#[derive(Debug, Clone)]
pub enum Step {
    /// Write these bytes.
    Send(Vec<u8>),
    /// Read the rest of the request's body.
    ReadBody,
    /// Wait so long.
    Wait(Duration),
    /// Wait until [`App::release`] is called with this name.
    Until(&'static str),
    /// Close the connection (FIN).
    Close,
    /// Close the connection when it carried a request before this one.
    CloseIfReused,
    /// Close the connection when it is not younger than the one with this number.
    CloseUpTo(u64),
    /// Reset the connection (RST).
    Reset,
    /// Never go on.
    Hang,
    /// Wait until the other side has ended the connection, and close it.
    UntilGone,
}

/// `Step::Send` of a text.
pub fn send(text: impl AsRef<[u8]>) -> Step {
    Step::Send(text.as_ref().to_vec())
}

/// One answer of the health check.
#[derive(Debug, Clone)]
pub struct Health {
    /// Its status.
    pub status: u16,
    /// More field lines, each ended by CRLF.
    pub fields: String,
    /// Its body.
    pub body: String,
    /// Time before the answer.
    pub after: Duration,
    /// What it says its version is; `None` is the app's own.
    pub version: Option<String>,
}

impl Health {
    /// Just a status.
    pub fn status(status: u16) -> Self {
        Self {
            status,
            fields: String::new(),
            body: String::new(),
            after: Duration::ZERO,
            version: None,
        }
    }

    /// With this body.
    pub fn body(self, body: &str) -> Self {
        Self {
            body: body.to_owned(),
            ..self
        }
    }

    /// With more field lines, each ended by CRLF.
    pub fn fields(self, fields: &str) -> Self {
        Self {
            fields: fields.to_owned(),
            ..self
        }
    }

    /// After some time.
    pub fn after(self, after: Duration) -> Self {
        Self { after, ..self }
    }
}

/// How an app behaves when no route is scripted.
#[derive(Debug, Default)]
pub(super) struct Script {
    /// Answers of the health check, in turn; the last one stays (or it starts again, with `cycle`).
    pub(super) health: VecDeque<Health>,
    pub(super) cycle: bool,
    pub(super) routes: HashMap<String, Vec<Step>>,
    /// N9: close at a random moment up to this long after each answer.
    pub(super) close_within: Option<Duration>,
    /// Field lines that every answer carries, each ended by CRLF.
    pub(super) fields: String,
    /// Whoever did not come by https is sent there.
    pub(super) forces_https: bool,
}
