//! The hand-over of an upgrade (N25): what the two processes say to each other, and when the old one gives up.
//!
//! ```text
//! Starting → Configuration → State → Certificates → Workers → Gating → Ready ⇒ Accepting
//! ```
//!
//! Up to `Ready` the new process is of no consequence: it can fail, hang or die, and the old one goes on as if nothing had been. At
//! the double arrow the old one tells it to accept, and stops accepting itself only when it has heard that it does.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::slot::Address;

/// Changes when a process of before could not be understood any more.
pub const FORMAT: u32 = 1;

/// How far the new process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// It was started, and has not said anything.
    Starting,
    /// It reads the configuration.
    Configuration,
    /// It reads the state folder, whose lock it was given.
    State,
    /// It loads certificates.
    Certificates,
    /// It starts its workers, which do not accept yet.
    Workers,
    /// It asks the apps for their health; a live side that the file moves has to pass the gate.
    Gating,
    /// It has all it needs, and waits for leave to accept.
    Ready,
    /// It accepts.
    Accepting,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Starting => "starting",
            Self::Configuration => "configuration",
            Self::State => "state",
            Self::Certificates => "certificates",
            Self::Workers => "workers",
            Self::Gating => "gating",
            Self::Ready => "ready",
            Self::Accepting => "accepting",
        })
    }
}

/// What the old process hands over, beside descriptors: listening sockets, the control socket, and the lock on the state folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parcel {
    /// [`FORMAT`].
    pub format: u32,
    /// Version of the old process.
    pub version: String,
    /// Its process id.
    pub pid: u32,
    /// How many of the descriptors are listening sockets.
    pub listeners: usize,
    /// The path of the control socket.
    pub socket: String,
    /// The keys of session tickets (N28), as the TLS room writes them.
    pub tickets: String,
    /// Operations that the old process will finish and end in the journal.
    pub operations: Vec<u64>,
    /// What is live: where the file says something else, that has to pass the gate first.
    pub live: Vec<LiveService>,
}

/// Where a service runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveService {
    /// The environment's name.
    pub environment: String,
    /// The service's name.
    pub service: String,
    /// Its live addresses.
    pub addresses: Vec<Address>,
}

/// What the new process says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "says", rename_all = "lowercase")]
pub enum Word {
    /// A phase begins.
    Enters {
        /// Which.
        phase: Phase,
        /// The version of the new process.
        version: String,
    },
    /// It gives up.
    Fails {
        /// Why, for a person.
        reason: String,
    },
    /// Whatever still runs at these addresses is to end politely now: a pause waits for it.
    Hurries {
        /// Which.
        addresses: Vec<Address>,
    },
}

/// What the old process says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "says", rename_all = "lowercase")]
pub enum Order {
    /// Accept connections: from now on you are the front door.
    Accept,
    /// What the old process still waits for, said when it changes.
    Drains {
        /// Open client connections.
        connections: u64,
        /// What is inside of apps, its own and that of the processes before it; and where its clients may still send requests.
        inside: Vec<Inside>,
        /// The processes before it that have not ended, oldest first.
        earlier: Vec<EarlierProcess>,
    },
}

/// What a process still has inside of an app. With nothing in it, it says that requests may still come there by that process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inside {
    /// Where the app may be: all the addresses of the service's live side.
    pub addresses: Vec<Address>,
    /// Requests that wait for their response head.
    pub requests: u64,
    /// Streams: responses under way, event streams, tunnels.
    pub streams: u64,
}

impl Inside {
    /// Nothing is inside there, but clients of connections that are open may still send something.
    #[must_use]
    pub fn nothing_yet(addresses: Vec<Address>) -> Self {
        let (requests, streams) = (0, 0);
        Self {
            addresses,
            requests,
            streams,
        }
    }
}

/// What a pause or a sleep still waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Left {
    /// Requests that wait for their response head.
    pub requests: u64,
    /// Streams.
    pub streams: u64,
    /// Whether a process before this one has some of them, or may still get more.
    pub earlier: bool,
}

impl Left {
    /// All of it in this process.
    #[must_use]
    pub fn here(requests: u64, streams: u64) -> Self {
        let earlier = false;
        Self {
            requests,
            streams,
            earlier,
        }
    }
}

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.requests.saturating_add(self.streams), self.earlier) {
            (0, true) => f.write_str("connections to a process from before an upgrade (`proxyctl status` shows it)"),
            (left, false) => write!(f, "{left} requests and streams"),
            (left, true) => write!(
                f,
                "{left} requests and streams, some of them in a process from before an upgrade (`proxyctl status` shows it),"
            ),
        }
    }
}

/// A process that was replaced by an upgrade, and what it still waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EarlierProcess {
    /// Process id.
    pub pid: u32,
    /// Version.
    pub version: String,
    /// When it was replaced, RFC 3339.
    pub since: String,
    /// Client connections that are open.
    pub connections: u64,
    /// Requests that wait for their response head.
    pub requests: u64,
    /// Streams: responses under way, event streams, tunnels.
    pub streams: u64,
}

/// The old process' side of it.
#[derive(Debug)]
pub struct Handoff {
    phase: Phase,
    /// When something was heard of the new process last.
    heard: Duration,
    /// For how long nothing may be heard of it.
    patience: Duration,
}

/// What happened.
#[derive(Debug, Clone)]
pub enum Input {
    /// The new process said something.
    Said(Word),
    /// It is gone; how, for a person.
    Gone(String),
    /// Time has passed.
    Tick,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Nothing; ask again at this time at the latest.
    Wait(Duration),
    /// A phase has begun: tell, and wait.
    Tell(Phase),
    /// Tell it to accept, and wait.
    GiveLeave,
    /// It accepts: stop accepting, and drain.
    Leave {
        /// Its version.
        version: String,
    },
    /// Go on as if nothing had been, and end the new process if it is still there.
    GoOn {
        /// In which phase it failed.
        phase: Phase,
        /// Why.
        reason: String,
    },
}

impl Handoff {
    /// The new process was started at this time, and is given up when nothing is heard of it for so long.
    #[must_use]
    pub fn new(now: Duration, patience: Duration) -> Self {
        Self {
            phase: Phase::Starting,
            heard: now,
            patience,
        }
    }

    /// Takes what happened, and says what is to be done. Not to be asked again after [`Step::Leave`] and [`Step::GoOn`].
    pub fn handle(&mut self, input: Input, now: Duration) -> Step {
        match input {
            Input::Said(Word::Enters { phase, version }) => {
                self.heard = now;
                if std::mem::replace(&mut self.phase, phase) == phase {
                    // A gate may take longer than one is silent: it says once a second that it goes on.
                    return Step::Wait(now + self.patience);
                }
                match phase {
                    Phase::Ready => Step::GiveLeave,
                    Phase::Accepting => Step::Leave { version },
                    Phase::Starting
                    | Phase::Configuration
                    | Phase::State
                    | Phase::Certificates
                    | Phase::Workers
                    | Phase::Gating => Step::Tell(phase),
                }
            }
            Input::Said(Word::Fails { reason }) | Input::Gone(reason) => self.go_on(reason),
            Input::Said(Word::Hurries { .. }) | Input::Tick => {
                let until = self.heard + self.patience;
                if now < until {
                    return Step::Wait(until);
                }
                self.go_on(format!("nothing was heard of it for {:?}", self.patience))
            }
        }
    }

    fn go_on(&self, reason: String) -> Step {
        Step::GoOn {
            phase: self.phase,
            reason,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn enters(phase: Phase) -> Input {
        Input::Said(Word::Enters {
            phase,
            version: "2.0.0".into(),
        })
    }

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    const BEFORE_READY: [Phase; 5] = [
        Phase::Configuration,
        Phase::State,
        Phase::Certificates,
        Phase::Workers,
        Phase::Gating,
    ];

    #[test]
    fn n25_the_old_process_stops_accepting_only_when_the_new_one_accepts() {
        let mut handoff = Handoff::new(at(0), at(30));
        for phase in BEFORE_READY {
            assert_eq!(handoff.handle(enters(phase), at(1)), Step::Tell(phase));
        }
        assert_eq!(handoff.handle(enters(Phase::Ready), at(2)), Step::GiveLeave);
        assert_eq!(handoff.handle(Input::Tick, at(3)), Step::Wait(at(32)));
        let leave = Step::Leave {
            version: "2.0.0".into(),
        };
        assert_eq!(handoff.handle(enters(Phase::Accepting), at(3)), leave);
    }

    #[test]
    fn n25_whenever_the_new_process_dies_or_gives_up_the_old_one_goes_on_and_names_the_phase() {
        for (place, phase) in BEFORE_READY.into_iter().chain([Phase::Ready]).enumerate() {
            for end in [
                Input::Gone("it was killed".into()),
                Input::Said(Word::Fails {
                    reason: "it was killed".into(),
                }),
            ] {
                let mut handoff = Handoff::new(at(0), at(30));
                for earlier in &BEFORE_READY[..place] {
                    handoff.handle(enters(*earlier), at(0));
                }
                handoff.handle(enters(phase), at(0));
                let go_on = Step::GoOn {
                    phase,
                    reason: "it was killed".into(),
                };
                assert_eq!(handoff.handle(end, at(1)), go_on);
            }
        }
    }

    #[test]
    fn n25_a_new_process_that_hangs_is_given_up() {
        let mut handoff = Handoff::new(at(0), at(30));
        handoff.handle(enters(Phase::Certificates), at(5));
        assert_eq!(handoff.handle(Input::Tick, at(34)), Step::Wait(at(35)));
        let Step::GoOn { phase, reason } = handoff.handle(Input::Tick, at(35)) else {
            panic!("it is still waited for");
        };
        assert_eq!(
            (phase, &*reason),
            (Phase::Certificates, "nothing was heard of it for 30s")
        );
    }

    #[test]
    fn a_gate_that_goes_on_is_waited_for() {
        let mut handoff = Handoff::new(at(0), at(30));
        assert_eq!(handoff.handle(enters(Phase::Gating), at(0)), Step::Tell(Phase::Gating));
        for second in [20, 40, 60] {
            assert_eq!(
                handoff.handle(enters(Phase::Gating), at(second)),
                Step::Wait(at(second + 30))
            );
        }
    }

    #[test]
    fn what_is_waited_for_in_a_process_before_is_told_as_that() {
        let earlier = |requests, streams| Left {
            earlier: true,
            ..Left::here(requests, streams)
        };
        for (left, words) in [
            (Left::here(2, 1), "3 requests and streams"),
            (
                earlier(2, 1),
                "3 requests and streams, some of them in a process from before an upgrade (`proxyctl status` shows it),",
            ),
            (
                earlier(0, 0),
                "connections to a process from before an upgrade (`proxyctl status` shows it)",
            ),
        ] {
            assert_eq!(left.to_string(), words);
        }
    }

    #[test]
    fn what_the_processes_say_reads_back_as_it_was_said() {
        let word = Word::Enters {
            phase: Phase::Gating,
            version: "1".into(),
        };
        let line = serde_json::to_string(&word).unwrap();
        assert_eq!(line, r#"{"says":"enters","phase":"gating","version":"1"}"#);
        assert_eq!(serde_json::from_str::<Word>(&line).unwrap(), word);
        let order = Order::Drains {
            connections: 3,
            inside: vec![Inside {
                addresses: vec!["127.0.0.1:3000".parse().unwrap()],
                requests: 1,
                streams: 2,
            }],
            earlier: Vec::new(),
        };
        let line = serde_json::to_string(&order).unwrap();
        assert_eq!(serde_json::from_str::<Order>(&line).unwrap(), order);
    }
}
