//! What falling asleep and waking say (N36).

use serde::{Deserialize, Serialize};

use crate::model::api::problem::exit;

/// A step of falling asleep, or of waking.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum SleepStep {
    /// New requests are held, and `stop` runs behind the last claim.
    FallingAsleep {
        /// Number of the operation.
        operation: u64,
        /// The environment.
        environment: String,
        /// For how long nobody has needed it, in milliseconds; `None` where it was asked for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        idle_ms: Option<u64>,
    },
    /// Its app is stopped; the next request starts it (final, exit 0).
    Asleep {
        /// The environment.
        environment: String,
        /// Since when, RFC 3339.
        since: String,
        /// In milliseconds.
        elapsed_ms: u64,
        /// Whether it was before this was asked for.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        already: bool,
    },
    /// `start` runs, and the app's first answer is waited for.
    Waking {
        /// Number of the operation.
        operation: u64,
        /// The environment.
        environment: String,
    },
    /// The app answers, and so do the requests that have waited for it (final, exit 0).
    Awake {
        /// The environment.
        environment: String,
        /// In milliseconds.
        elapsed_ms: u64,
        /// Whether it was before this was asked for.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        already: bool,
    },
}

impl SleepStep {
    pub(super) fn exit_code(&self) -> Option<u8> {
        match self {
            Self::Asleep { .. } | Self::Awake { .. } => Some(exit::DONE),
            Self::FallingAsleep { .. } | Self::Waking { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Event;
    use super::*;

    #[test]
    fn every_step_is_on_the_wire_to_the_letter() {
        let environment = || "dev".to_owned();
        let steps = [
            (
                SleepStep::FallingAsleep {
                    operation: 9,
                    environment: environment(),
                    idle_ms: Some(1_200_000),
                },
                r#"{"event":"falling-asleep","operation":9,"environment":"dev","idle_ms":1200000}"#,
                None,
            ),
            (
                SleepStep::Asleep {
                    environment: environment(),
                    since: "2026-01-01T01:00:00.000Z".into(),
                    elapsed_ms: 120,
                    already: false,
                },
                r#"{"event":"asleep","environment":"dev","since":"2026-01-01T01:00:00.000Z","elapsed_ms":120}"#,
                Some(0),
            ),
            (
                SleepStep::Waking {
                    operation: 10,
                    environment: environment(),
                },
                r#"{"event":"waking","operation":10,"environment":"dev"}"#,
                None,
            ),
            (
                SleepStep::Awake {
                    environment: environment(),
                    elapsed_ms: 1400,
                    already: true,
                },
                r#"{"event":"awake","environment":"dev","elapsed_ms":1400,"already":true}"#,
                Some(0),
            ),
        ];
        for (step, line, code) in steps {
            let event = Event::from(step);
            assert_eq!(serde_json::to_string(&event).unwrap(), line);
            assert_eq!(serde_json::from_str::<Event>(line).unwrap(), event);
            assert_eq!((event.exit_code(), event.is_recorded()), (code, true), "{line}");
        }
    }
}
