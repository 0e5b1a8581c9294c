//! A message as its receivers have it: Slack's and Discord's markup, ntfy's fields, or JSON; none longer than they take.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::json;

use super::message::{Draft, Message, Severity, Topic, cut};

/// Characters that Slack shows of a block of text.
const SLACK: usize = 3000;
/// Characters that Discord takes.
const DISCORD: usize = 2000;
/// Bytes that ntfy shows; more of them become a file.
const NTFY: usize = 4096;
/// Characters of a title, where room is short.
const TITLE: usize = 200;
/// Characters of a command, where room is short.
const HELP: usize = 300;

/// `format`: what a receiver understands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// Everything, for programs; as Standard Webhooks say.
    #[default]
    Json,
    /// An incoming webhook of Slack, or of Mattermost or Rocket.Chat, which take the same.
    Slack,
    /// A webhook of Discord.
    Discord,
    /// A topic of ntfy.
    Ntfy,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Json, Self::Slack, Self::Discord, Self::Ntfy];

    /// As the file writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Slack => "slack",
            Self::Discord => "discord",
            Self::Ntfy => "ntfy",
        }
    }

    /// The one that the file writes so.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.as_str() == name)
    }
}

/// What is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload {
    /// `Content-Type`.
    pub content_type: &'static str,
    /// More fields.
    pub fields: Vec<(&'static str, String)>,
    /// The body.
    pub body: String,
}

/// What a message is in a format.
#[must_use]
pub fn payload(format: Format, message: &Message) -> Payload {
    match format {
        Format::Json => json(message),
        Format::Slack => slack(message),
        Format::Discord => discord(message),
        Format::Ntfy => ntfy(message),
    }
}

/// The message of `proxyctl notify test`.
#[must_use]
pub fn test(user: &str) -> Draft {
    let title = "test: messages of Greengate arrive here";
    let mut draft = Draft::new(Topic::Test, Severity::Info, "test", title);
    draft.user = Some(user.to_owned());
    draft.lines.push(format!(
        "{user} tried it with `proxyctl notify test`. Nothing has happened."
    ));
    draft
}

/// Everything in plain text: for programs that pass it on, as mail.
fn plain(message: &Message) -> String {
    let mut text = format!("{}\n\n", message.title);
    for line in &message.lines {
        text += &format!("{line}\n");
    }
    if let Some(evidence) = &message.evidence {
        text += "\n";
        for line in evidence.lines() {
            text += &format!("    {line}\n");
        }
    }
    if let Some(help) = &message.help {
        text += &format!("\nWhat helps: {help}\n");
    }
    text + &format!("\n{}\n", foot(message))
}

fn foot(message: &Message) -> String {
    format!("{}, {}", message.machine, message.time)
}

fn json(message: &Message) -> Payload {
    #[derive(Serialize)]
    struct Envelope<'a> {
        r#type: String,
        timestamp: &'a str,
        data: Data<'a>,
    }
    #[derive(Serialize)]
    struct Data<'a> {
        #[serde(flatten)]
        message: &'a Message,
        text: String,
    }
    let envelope = Envelope {
        r#type: format!("greengate.{}", message.topic.as_str()),
        timestamp: &message.time,
        data: Data {
            message,
            text: plain(message),
        },
    };
    Payload {
        content_type: "application/json",
        fields: Vec::new(),
        // Texts and numbers alone cannot fail.
        body: serde_json::to_string(&envelope).unwrap_or_default(),
    }
}

fn sign(severity: Severity, resolved: bool) -> &'static str {
    match (severity, resolved) {
        (_, true) | (Severity::Info, _) => "✅",
        (Severity::Warning, _) => "⚠️",
        (Severity::Critical, _) => "🚨",
    }
}

/// A body in the way that Slack and Discord have in common: bold title, lines, a block of code, a command, and the foot, whatever has
/// to be cut for it.
fn marked(message: &Message, most: usize, bold: &str, escape: fn(&str) -> String) -> String {
    let head = format!(
        "{} {bold}{}{bold}\n",
        sign(message.severity, message.resolved),
        escape(&cut(&message.title, TITLE))
    );
    let mut tail = String::new();
    if let Some(help) = &message.help {
        tail += &format!("What helps: `{}`\n", code(&cut(help, HELP), escape));
    }
    tail += &escape(&foot(message));
    let left = most.saturating_sub(head.chars().count() + tail.chars().count() + 1);
    let lines: String = message.lines.iter().map(|line| escape(line) + "\n").collect();
    let lines = cut(&lines, left);
    let left = left.saturating_sub(lines.chars().count());
    let fence = "```\n\n```\n".chars().count();
    let evidence = message.evidence.as_ref().filter(|_| left > fence + 20).map(|words| {
        let words = code(words, escape);
        format!("```\n{}\n```\n", cut(&words, left - fence))
    });
    let end = if lines.is_empty() || lines.ends_with('\n') {
        ""
    } else {
        "\n"
    };
    format!("{head}{lines}{end}{}{tail}", evidence.unwrap_or_default())
}

/// Inside of backticks nothing but a backtick ends them. An escape of letters (`&lt;`) is read there too, one of a backslash is not.
fn code(text: &str, escape: fn(&str) -> String) -> String {
    let text = text.replace('`', "'");
    if escape("*") == "*" { escape(&text) } else { text }
}

fn slack(message: &Message) -> Payload {
    // https://api.slack.com/reference/surfaces/formatting#escaping
    fn escape(text: &str) -> String {
        text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
    }
    let text = marked(message, SLACK, "*", escape);
    Payload {
        content_type: "application/json",
        fields: Vec::new(),
        body: json!({ "text": text, "unfurl_links": false, "unfurl_media": false }).to_string(),
    }
}

fn discord(message: &Message) -> Payload {
    fn escape(text: &str) -> String {
        let mut safe = String::with_capacity(text.len() + 8);
        for c in text.chars() {
            if matches!(c, '\\' | '*' | '_' | '~' | '|' | '>' | '<' | '#' | '[' | ']' | '`') {
                safe.push('\\');
            }
            safe.push(c);
        }
        safe
    }
    let content = marked(message, DISCORD, "**", escape);
    Payload {
        content_type: "application/json",
        fields: Vec::new(),
        // Whatever an app says: nobody is called by it.
        body: json!({ "content": content, "allowed_mentions": { "parse": [] } }).to_string(),
    }
}

fn ntfy(message: &Message) -> Payload {
    let (priority, tags) = match (message.severity, message.resolved) {
        (_, true) | (Severity::Info, _) => ("default", "white_check_mark"),
        (Severity::Warning, _) => ("high", "warning"),
        (Severity::Critical, _) => ("urgent", "rotating_light"),
    };
    let mut body = plain(message);
    // The title stands in a field of its own.
    body = body
        .split_once("\n\n")
        .map_or(String::new(), |(_, rest)| rest.trim().to_owned());
    if body.len() > NTFY {
        let mut end = NTFY - '…'.len_utf8();
        while !body.is_char_boundary(end) {
            end -= 1;
        }
        body.truncate(end);
        body.push('…');
    }
    Payload {
        content_type: "text/plain; charset=utf-8",
        fields: vec![
            ("title", in_a_field(&cut(&message.title, TITLE))),
            ("priority", priority.to_owned()),
            ("tags", tags.to_owned()),
        ],
        body,
    }
}

/// A text in a field: as it is, or in RFC 2047's words, which ntfy reads.
fn in_a_field(text: &str) -> String {
    if text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) && !text.contains("=?") {
        text.to_owned()
    } else {
        format!("=?UTF-8?B?{}?=", STANDARD.encode(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(change: impl FnOnce(&mut Draft)) -> Message {
        let mut draft = Draft::new(
            Topic::Refused,
            Severity::Warning,
            "operation/prod",
            "prod: swap refused",
        );
        draft.environments = vec!["prod".into()];
        draft.lines = vec!["Why: <b> & *so*.".into()];
        draft.evidence = Some("503 ```{\"a\":1}``` <!channel> @everyone".into());
        draft.help = Some("proxyctl status prod".into());
        change(&mut draft);
        draft.message("msg_1".into(), "2026-01-01T03:00:00.000Z".into(), "web1")
    }

    fn body(payload: &Payload) -> serde_json::Value {
        serde_json::from_str(&payload.body).unwrap()
    }

    #[test]
    fn json_has_everything_for_programs_and_a_text_for_people() {
        let value = body(&payload(Format::Json, &message(|_| {})));
        assert_eq!(value["type"], "greengate.refused");
        assert_eq!(value["timestamp"], "2026-01-01T03:00:00.000Z");
        let data = &value["data"];
        assert_eq!(
            (&data["event"], &data["severity"]),
            (&json!("refused"), &json!("warning"))
        );
        assert_eq!(data["environments"], json!(["prod"]));
        let text = data["text"].as_str().unwrap();
        assert!(
            text.starts_with("prod: swap refused\n\nWhy: <b> & *so*.\n\n    503 ```"),
            "{text}"
        );
        assert!(text.ends_with("What helps: proxyctl status prod\n\nweb1, 2026-01-01T03:00:00.000Z\n"));
    }

    #[test]
    fn slack_gets_its_own_markup_and_nobody_is_called_by_what_an_app_says() {
        let value = body(&payload(Format::Slack, &message(|_| {})));
        assert_eq!(
            value["text"],
            "⚠️ *prod: swap refused*\nWhy: &lt;b&gt; &amp; *so*.\n```\n503 '''{\"a\":1}''' &lt;!channel&gt; @everyone\n```\nWhat helps: \
             `proxyctl status prod`\nweb1, 2026-01-01T03:00:00.000Z"
        );
    }

    #[test]
    fn discord_gets_its_own_markup_and_calls_nobody() {
        let value = body(&payload(Format::Discord, &message(|_| {})));
        let content = value["content"].as_str().unwrap();
        assert!(
            content.starts_with("⚠️ **prod: swap refused**\nWhy: \\<b\\> & \\*so\\*."),
            "{content}"
        );
        assert!(
            content.contains("```\n503 '''{\"a\":1}''' <!channel> @everyone\n```"),
            "{content}"
        );
        assert_eq!(value["allowed_mentions"], json!({ "parse": [] }));
    }

    #[test]
    fn ntfy_gets_a_title_a_priority_and_text() {
        let sent = payload(Format::Ntfy, &message(|draft| draft.severity = Severity::Critical));
        let fields: Vec<_> = sent
            .fields
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        assert_eq!(
            fields,
            [
                ("title", "prod: swap refused"),
                ("priority", "urgent"),
                ("tags", "rotating_light")
            ]
        );
        assert!(sent.body.starts_with("Why: <b> & *so*.\n\n    503"), "{}", sent.body);
        let sent = payload(Format::Ntfy, &message(|draft| draft.title = "prod: é".into()));
        assert_eq!(sent.fields[0].1, "=?UTF-8?B?cHJvZDogw6k=?=");
    }

    #[test]
    fn none_is_longer_than_its_receiver_takes_and_what_is_cut_is_the_evidence() {
        let long = message(|draft| {
            draft.title = "*".repeat(600);
            draft.lines = vec!["_<é".repeat(200); 12];
            draft.evidence = Some("<é\n".repeat(400));
            draft.help = Some("é".repeat(600));
        });
        for most in [(Format::Slack, "text", SLACK), (Format::Discord, "content", DISCORD)] {
            for message in [
                &long,
                &message(|draft| draft.evidence = Some("<\u{1f600}\n".repeat(400))),
            ] {
                let value = body(&payload(most.0, message));
                let text = value[most.1].as_str().unwrap();
                assert!(text.chars().count() <= most.2, "{}", text.chars().count());
            }
        }
        assert!(payload(Format::Ntfy, &long).body.len() <= NTFY);
        let value = body(&payload(
            Format::Slack,
            &message(|draft| draft.evidence = Some("x".repeat(9000))),
        ));
        let text = value["text"].as_str().unwrap();
        assert!(
            text.chars().count() <= SLACK && text.contains("What helps") && text.ends_with(".000Z"),
            "{text}"
        );
    }
}
