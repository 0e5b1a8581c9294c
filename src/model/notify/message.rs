//! One message: what happened, in words that a person reads at three in the morning, and as data for programs.

use serde::{Deserialize, Serialize};

use crate::model::treacherous::escape;

/// Characters that an app's own words may have in a message.
const EVIDENCE: usize = 1200;
/// Characters that a line of ours may have.
const LINE: usize = 600;
/// Lines of ours that a message may have.
const LINES: usize = 12;

/// What a message is about: `events` in the file names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Topic {
    /// An environment was switched to its other side.
    Swap,
    /// It was switched back: by itself, or because somebody asked.
    Rollback,
    /// Something that was asked for was refused, or failed.
    Refused,
    /// A certificate ends soon, or cannot be had.
    Certificate,
    /// A live service cannot be reached, or is back.
    Away,
    /// Somebody tries whether messages arrive.
    Test,
}

impl Topic {
    /// Those that `events` may name, in the order of the documentation.
    pub const ALL: [Self; 5] = [Self::Swap, Self::Rollback, Self::Refused, Self::Certificate, Self::Away];

    /// Those that are told where the file names none: all but `swap`, which is what one hopes for.
    pub const USUAL: [Self; 4] = [Self::Rollback, Self::Refused, Self::Certificate, Self::Away];

    /// As the file writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Swap => "swap",
            Self::Rollback => "rollback",
            Self::Refused => "refused",
            Self::Certificate => "certificate",
            Self::Away => "away",
            Self::Test => "test",
        }
    }

    /// The one that the file writes so.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|topic| topic.as_str() == name)
    }
}

/// How soon a person has to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// All is well.
    Info,
    /// Visitors do not notice; somebody should look, by day.
    Warning,
    /// Visitors notice, or will soon.
    Critical,
}

/// A message before it has a number and a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// What it is about.
    pub topic: Topic,
    /// How soon a person has to look.
    pub severity: Severity,
    /// The same for all messages about one thing: `away/prod/web`.
    pub key: String,
    /// Whether what an earlier message under this key was about is over.
    pub resolved: bool,
    /// The environments that it is about; none is the whole daemon.
    pub environments: Vec<String>,
    /// The service.
    pub service: Option<String>,
    /// The host of a certificate.
    pub host: Option<String>,
    /// Number of the operation.
    pub operation: Option<u64>,
    /// Who asked for it.
    pub user: Option<String>,
    /// What happened, in one line.
    pub title: String,
    /// More, a line each.
    pub lines: Vec<String>,
    /// What the app, the command or the CA said itself.
    pub evidence: Option<String>,
    /// The command that helps, or shows more.
    pub help: Option<String>,
}

impl Draft {
    /// With a title, and nothing else yet.
    #[must_use]
    pub fn new(topic: Topic, severity: Severity, key: impl Into<String>, title: impl Into<String>) -> Self {
        Self {
            topic,
            severity,
            key: key.into(),
            resolved: false,
            environments: Vec::new(),
            service: None,
            host: None,
            operation: None,
            user: None,
            title: title.into(),
            lines: Vec::new(),
            evidence: None,
            help: None,
        }
    }

    /// A number, a time and the machine's name make it a message. Nothing in it is longer than people read, and nothing leads a
    /// terminal astray.
    #[must_use]
    pub fn message(self, id: String, time: String, machine: &str) -> Message {
        let line = |text: &String| cut(&escape(text), LINE);
        Message {
            id,
            time,
            machine: machine.to_owned(),
            topic: self.topic,
            severity: self.severity,
            key: self.key,
            resolved: self.resolved,
            environments: self.environments,
            service: self.service,
            host: self.host,
            operation: self.operation,
            user: self.user,
            title: line(&self.title),
            lines: self.lines.iter().take(LINES).map(line).collect(),
            evidence: self.evidence.map(|text| {
                let lines: Vec<_> = text.lines().map(escape).collect();
                cut(lines.join("\n").trim_end(), EVIDENCE)
            }),
            help: self.help.as_ref().map(line),
        }
    }
}

/// A message, as it is kept and sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Its number, the same however often it is sent: `webhook-id`.
    pub id: String,
    /// When it happened, RFC 3339.
    pub time: String,
    /// The machine's name.
    pub machine: String,
    /// What it is about.
    #[serde(rename = "event")]
    pub topic: Topic,
    /// How soon a person has to look.
    pub severity: Severity,
    /// The same for all messages about one thing.
    pub key: String,
    /// Whether that is over.
    pub resolved: bool,
    /// The environments that it is about; none is the whole daemon.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub environments: Vec<String>,
    /// The service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// The host of a certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Number of the operation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<u64>,
    /// Who asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// What happened, in one line.
    pub title: String,
    /// More, a line each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<String>,
    /// What the app, the command or the CA said itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<String>,
    /// The command that helps, or shows more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

/// At most so many characters; a cut is shown.
pub(super) fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some(_) => {
            let kept: String = text.chars().take(most.saturating_sub(1)).collect();
            format!("{kept}…")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_are_called_in_json_as_in_the_file() {
        for topic in Topic::ALL {
            assert_eq!(serde_json::to_string(&topic).unwrap(), format!("{:?}", topic.as_str()));
            assert_eq!(Topic::named(topic.as_str()), Some(topic));
        }
        assert_eq!(Topic::named("test"), None, "nobody can ask for it");
        assert!(!Topic::USUAL.contains(&Topic::Swap));
    }

    #[test]
    fn e34_nothing_in_a_message_is_endless_or_leads_a_terminal_astray() {
        let mut draft = Draft::new(Topic::Refused, Severity::Warning, "k", "a\u{1b}[2Jb");
        draft.lines = vec!["x".repeat(10_000); 100];
        draft.evidence = Some(format!("one\n\u{202e}two\n{}", "é".repeat(10_000)));
        let message = draft.message("msg_1".into(), "t".into(), "web1");
        assert_eq!(message.title, "a\\u{1b}[2Jb");
        assert_eq!((message.lines.len(), message.lines[0].chars().count()), (LINES, LINE));
        let evidence = message.evidence.unwrap();
        assert!(evidence.starts_with("one\n\\u{202e}two\né") && evidence.ends_with("é…"));
        assert_eq!(evidence.chars().count(), EVIDENCE);
    }
}
