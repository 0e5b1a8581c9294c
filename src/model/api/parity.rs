//! What two environments should have in common, and have not.

use serde::{Deserialize, Serialize};

/// `GET /v1/parity?a=NAME&b=NAME`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parity {
    /// One environment.
    pub a: String,
    /// The other.
    pub b: String,
    /// Everything that differs and should not; empty when they are alike.
    pub differences: Vec<Difference>,
}

/// One thing that differs. Values that prove something are written as `***`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// The service; `None` of the environment itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Where it was seen.
    pub about: About,
    /// A key of the file, a field of an answer, or `service`, `answer`.
    pub key: String,
    /// What one environment has there; `None` is nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub a: Option<String>,
    /// What the other has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub b: Option<String>,
}

/// Where a difference was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum About {
    /// In the configuration, after `extends` and defaults.
    Configuration,
    /// In where certificates come from.
    Certificates,
    /// In what the apps answer.
    Answers,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::api::{Event, SwapStep};

    #[test]
    fn what_a_swap_depends_on_is_written_so() {
        let difference = Difference {
            service: Some("web".into()),
            about: About::Answers,
            key: "server".into(),
            a: Some("nginx".into()),
            b: None,
        };
        for (step, line) in [
            (
                SwapStep::Required {
                    healthy: Some("dev".into()),
                    parity: None,
                    elapsed_ms: 9,
                },
                r#"{"event":"required","healthy":"dev","elapsed_ms":9}"#,
            ),
            (
                SwapStep::Differs {
                    environment: "prod".into(),
                    other: "dev".into(),
                    differences: vec![difference],
                },
                r#"{"event":"differs","environment":"prod","other":"dev","differences":[{"service":"web","about":"answers","key":"server","a":"nginx"}]}"#,
            ),
        ] {
            let event = Event::Swap(step);
            assert_eq!(serde_json::to_string(&event).unwrap(), line);
            assert_eq!(serde_json::from_str::<Event>(line).unwrap(), event);
        }
    }
}
