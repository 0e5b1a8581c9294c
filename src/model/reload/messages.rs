//! What goes into a [`Reload`](super::Reload) and what comes out of it.

use std::time::Duration;

use crate::model::api::{Change, Event, GateReport, Holder};
use crate::model::state::Durability;

/// What happened.
#[derive(Debug, Clone)]
pub enum Input {
    /// Somebody asks for a reload.
    Ask {
        /// Number of the operation.
        operation: u64,
        /// The name of the user who asks.
        user: String,
    },
    /// That number is saved: no other operation will get it.
    Numbered {
        /// Number of the operation.
        operation: u64,
    },
    /// Answers [`Effect::Read`].
    Read(Reading),
    /// Instances at new live addresses are being asked for their health; comes about once a second.
    Gating {
        /// How far each instance is.
        instances: Vec<GateReport>,
        /// Since the gate began.
        elapsed: Duration,
    },
    /// Answers [`Effect::Gate`].
    Gated {
        /// How every instance stands; `Ok` when all of them are healthy.
        result: Result<Vec<GateReport>, Vec<GateReport>>,
        /// Since the gate began.
        elapsed: Duration,
    },
    /// Answers [`Effect::Certify`]; an error says that nothing has changed.
    Certified(Result<(), String>),
    /// Answers [`Effect::Persist`]; an error says that the old state is still the saved one.
    Persisted(Result<Durability, String>),
    /// The process ends.
    Stop,
}

/// What became of the file.
#[derive(Debug, Clone)]
pub enum Reading {
    /// It is no configuration.
    Invalid {
        /// Every finding with its place in the file, ready to print.
        report: String,
        /// Findings that make the file unusable.
        errors: usize,
    },
    /// It could not be read, for this reason.
    Broken(String),
    /// It is a configuration.
    Valid(Box<Findings>),
}

/// A configuration beside the one that is served.
#[derive(Debug, Clone, Default)]
pub struct Findings {
    /// Every difference.
    pub changes: Vec<Change>,
    /// Keys that take effect at the next restart.
    pub restart: Vec<String>,
    /// What an operator should know of the file.
    pub warnings: Vec<String>,
    /// The environments that are concerned.
    pub environments: Vec<String>,
    /// One of them, and the operation that holds it.
    pub held: Option<(String, Holder)>,
    /// Why it cannot be served: an address to listen on is taken.
    pub impossible: Option<String>,
    /// What the state says and the file overtook.
    pub overtaken: Vec<String>,
    /// Whether there are new live addresses.
    pub must_gate: bool,
    /// Whether hosts come or go, or change their certificates.
    pub must_certify: bool,
    /// Whether the state differs from the saved one.
    pub must_save: bool,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// To the one who asked, and into the journal. After a final event nothing follows.
    Tell {
        /// Number of the operation.
        operation: u64,
        /// What to say.
        event: Event,
    },
    /// To the one who asked, as the only event: the operation has not begun.
    Refuse {
        /// Number of the operation.
        operation: u64,
        /// What to say.
        event: Event,
    },
    /// Read the file.
    Read,
    /// Hold these environments.
    Take {
        /// Their names.
        environments: Vec<String>,
        /// The reload.
        holder: Holder,
    },
    /// Hold none any more.
    Free {
        /// Number of the operation.
        operation: u64,
    },
    /// Ask the instances at new live addresses for their health.
    Gate,
    /// Keep certificates for what the file names, and for what is served now.
    Certify,
    /// Keep certificates for what is served now alone.
    Decertify,
    /// Save the states of the environments that are concerned.
    Persist,
    /// Serve the new configuration: publish one snapshot, then close what it leaves behind.
    Publish {
        /// Number of the operation.
        operation: u64,
    },
    /// Remember that the file says what is served.
    Adopt,
}
