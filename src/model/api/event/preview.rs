//! What the opening and the end of a preview say.

use serde::{Deserialize, Serialize};

use crate::model::api::preview::{PreviewEnd, PreviewLink};
use crate::model::api::problem::exit;
use crate::model::slot::{Generation, Slot};

/// A step of a preview.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum PreviewStep {
    /// The way to it, for the one who has asked: told, and written down nowhere.
    Issued {
        /// What scripts send as `X-Greengate-Preview`.
        token: String,
        /// What people open, for each host.
        links: Vec<PreviewLink>,
    },
    /// It is open, and that is saved (final, exit 0).
    Opened {
        /// Number of the operation.
        operation: u64,
        /// The environment.
        environment: String,
        /// The side that it shows.
        slot: Slot,
        /// The generation with which it ends at the latest.
        generation: Generation,
        /// When it ends, RFC 3339.
        until: String,
        /// For how long it is open, in milliseconds.
        for_ms: u64,
    },
    /// It has ended; an entry of the journal under the number of its opening.
    Over {
        /// The environment.
        environment: String,
        /// The side that it showed.
        slot: Slot,
        /// Why.
        reason: PreviewEnd,
    },
    /// None of the environment is open any more, as was asked (final, exit 0).
    Closed {
        /// The environment.
        environment: String,
        /// How many were open.
        previews: u64,
    },
}

impl PreviewStep {
    pub(super) fn exit_code(&self) -> Option<u8> {
        match self {
            Self::Opened { .. } | Self::Closed { .. } => Some(exit::DONE),
            Self::Issued { .. } | Self::Over { .. } => None,
        }
    }

    /// Whether it is a secret of the one who has asked.
    pub(super) fn is_secret(&self) -> bool {
        matches!(self, Self::Issued { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::super::Event;
    use super::*;

    #[test]
    fn every_step_is_on_the_wire_to_the_letter_and_the_token_is_in_no_journal() {
        let link = |host: &str, link: Option<&str>| PreviewLink {
            host: host.into(),
            link: link.map(str::to_owned),
        };
        let steps = [
            (
                PreviewStep::Issued {
                    token: "ggp_abc".into(),
                    links: vec![link("a.test", Some("https://a.test/x")), link("b.test", None)],
                },
                r#"{"event":"issued","token":"ggp_abc","links":[{"host":"a.test","link":"https://a.test/x"},{"host":"b.test"}]}"#,
                None,
                false,
            ),
            (
                PreviewStep::Opened {
                    operation: 9,
                    environment: "prod".into(),
                    slot: Slot::Green,
                    generation: Generation(118),
                    until: "2026-01-01T01:00:00.000Z".into(),
                    for_ms: 3_600_000,
                },
                r#"{"event":"opened","operation":9,"environment":"prod","slot":"green","generation":118,"until":"2026-01-01T01:00:00.000Z","for_ms":3600000}"#,
                Some(0),
                true,
            ),
            (
                PreviewStep::Over {
                    environment: "prod".into(),
                    slot: Slot::Green,
                    reason: PreviewEnd::Switch,
                },
                r#"{"event":"over","environment":"prod","slot":"green","reason":"switch"}"#,
                None,
                true,
            ),
            (
                PreviewStep::Closed {
                    environment: "prod".into(),
                    previews: 2,
                },
                r#"{"event":"closed","environment":"prod","previews":2}"#,
                Some(0),
                true,
            ),
        ];
        for (step, line, code, is_recorded) in steps {
            let event = Event::from(step);
            assert_eq!(serde_json::to_string(&event).unwrap(), line);
            assert_eq!(serde_json::from_str::<Event>(line).unwrap(), event);
            assert_eq!((event.exit_code(), event.is_recorded()), (code, is_recorded), "{line}");
        }
    }
}
