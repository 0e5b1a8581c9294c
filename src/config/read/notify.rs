//! `[[notify]]`: who is told what.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::command::of_daemon;
use super::keys::{Place, Section, Unknown};
use super::plain::{self, Problems};
use super::unknown;
use crate::config::notify::{Destination, SecretUrl, Way};
use crate::config::text::raw::{At, Entry, Kind, Table, Value};
use crate::config::text::report::Diagnostic;
use crate::config::text::words;
use crate::model::notify::{Format, Topic};

const SECTION: Section<'static> = Section {
    place: Place::Notify,
    title: "[[notify]]",
};
/// A dozen people can be told in one place; each destination has what waits for it in memory.
const MOST: usize = 16;
/// What `command` may look like.
const EXAMPLES: (&str, &str) = ("/usr/local/bin/page-me", "/usr/local/bin/page-me");
/// Of an absence one is told when it has lasted so long.
const AWAY_FOR: Duration = Duration::from_secs(120);

/// One `[[notify]]`, and where what it names stands.
#[derive(Debug, Clone)]
pub(crate) struct RawNotify {
    /// `None` when something in it could not be read.
    pub(crate) destination: Option<Destination>,
    /// Where its URL stands.
    pub(crate) url: Option<Range<usize>>,
    /// Its files.
    pub(crate) url_file: Option<At<PathBuf>>,
    pub(crate) secret_file: Option<At<PathBuf>>,
    /// Where each of its environments is named.
    pub(crate) environments: Vec<At<Arc<str>>>,
}

/// Reads the tables. Paths are relative to `folder`, the one of the file.
pub(crate) fn read(value: &Value, folder: &Path, problems: &mut Problems) -> Vec<RawNotify> {
    let expected = "tables, each behind `[[notify]]`";
    let Kind::List(list) = &value.kind else {
        let mismatch = plain::mismatch("notify", value, "a list of tables", expected);
        problems.push(mismatch.hint("write `[[notify]]`, with two brackets: there may be several"));
        return Vec::new();
    };
    if let Some(further) = list.get(MOST) {
        problems.push(Diagnostic::error(
            &further.span,
            format!("this is one more than the {MOST} destinations that there may be"),
        ));
    }
    let table = |value: &Value| match &value.kind {
        Kind::Table(table) => Some(destination(table, &value.span, folder, problems)),
        _ => {
            problems.push(plain::mismatch("notify", value, "a list of tables", expected));
            None
        }
    };
    list.iter().filter_map(table).collect()
}

fn destination(table: &Table, span: &Range<usize>, folder: &Path, problems: &mut Problems) -> RawNotify {
    let mut raw = RawNotify {
        destination: None,
        url: None,
        url_file: None,
        secret_file: None,
        environments: Vec::new(),
    };
    let faultless = problems.len();
    let (mut ways, mut way) = (Vec::new(), None);
    let (mut format, mut events, mut away_for) = (None, None, None);
    let mut unknown = Vec::new();
    for Entry { key, value } in &table.entries {
        let name = key.value.as_str();
        let path = |problems: &mut Problems| plain::text(name, value, problems).map(|path| value.at(folder.join(path)));
        match name {
            "url" => {
                ways.push(key);
                raw.url = Some(value.span.clone());
                way = url(value, problems).map(Way::Url);
            }
            "url_file" => {
                ways.push(key);
                raw.url_file = path(problems);
                way = raw.url_file.as_ref().map(|file| Way::UrlFile(file.value.clone()));
            }
            "command" => {
                ways.push(key);
                way = of_daemon("command", value, EXAMPLES, problems).map(Way::Command);
            }
            "format" => format = self::format(value, problems),
            "events" => events = self::events(value, problems),
            "environments" => raw.environments = environments(value, problems),
            "secret_file" => raw.secret_file = path(problems),
            "for" => away_for = plain::positive_duration(name, value, problems).map(|time| (key, time)),
            _ => unknown.push(Unknown {
                prefix: String::new(),
                key,
            }),
        }
    }
    unknown::refuse(SECTION, &unknown, problems);
    match ways.as_slice() {
        [] => problems.push(
            Diagnostic::error(span, "`[[notify]]` does not say where to")
                .expected("expected `url`, `url_file` or `command` in here"),
        ),
        [_] => {}
        [first, more @ ..] => problems.extend(more.iter().map(|key| {
            Diagnostic::error(&key.span, format!("`{}` beside `{}`", key.value, first.value))
                .expected("expected one way to one destination")
                .related(&first.span, "this is another")
                .hint("write another `[[notify]]`")
        })),
    }
    let is_command = ways.first().is_some_and(|key| key.value == "command");
    let spoken = format.as_ref().map_or(Format::default(), |format| format.value);
    if let Some(format) = format.filter(|format| is_command && format.value != Format::Json) {
        problems.push(
            Diagnostic::error(
                &format.span,
                "a command gets JSON on its standard input, and nothing else",
            )
            .expected("expected no `format` beside `command`"),
        );
    }
    if let Some(secret) = raw
        .secret_file
        .as_ref()
        .filter(|_| is_command || spoken != Format::Json)
    {
        let (what, hint) = if is_command {
            ("what a command is told is not signed: nobody else can start it", None)
        } else {
            (
                "only JSON is signed",
                Some("Slack, Discord and ntfy know you by the URL; or `format = \"json\"`"),
            )
        };
        let refusal = Diagnostic::error(&secret.span, what).expected("expected no `secret_file` beside this");
        problems.push(match hint {
            Some(hint) => refusal.hint(hint),
            None => refusal,
        });
    }
    let events = events.unwrap_or_else(|| Topic::USUAL.to_vec());
    if let Some((key, _)) = away_for.filter(|_| !events.contains(&Topic::Away)) {
        problems.push(
            Diagnostic::error(&key.span, "`for` is about `away`, which `events` does not name")
                .expected("expected no `for` without `away`"),
        );
    }
    raw.destination = way.filter(|_| problems.len() == faultless).map(|way| Destination {
        way,
        format: spoken,
        events,
        environments: (!raw.environments.is_empty())
            .then(|| raw.environments.iter().map(|name| name.value.clone()).collect()),
        secret_file: raw.secret_file.as_ref().map(|file| file.value.clone()),
        away_for: away_for.map_or(AWAY_FOR, |(_, time)| time),
    });
    raw
}

fn url(value: &Value, problems: &mut Problems) -> Option<SecretUrl> {
    let text = plain::text("url", value, problems)?;
    match SecretUrl::parse(&text) {
        Ok(url) => {
            if url.is_open() {
                problems.push(
                    Diagnostic::warning(
                        &value.span,
                        format!("everybody on the way to `{}` can read what it is told", url.host()),
                    )
                    .hint("`https://`"),
                );
            }
            Some(url)
        }
        Err(why) => {
            problems.push(
                Diagnostic::error(&value.span, format!("`url` {why}"))
                    .expected("expected a URL, as `\"https://hooks.slack.com/services/…\"`"),
            );
            None
        }
    }
}

fn format(value: &Value, problems: &mut Problems) -> Option<At<Format>> {
    let text = plain::text("format", value, problems)?;
    let names = Format::ALL.map(Format::as_str);
    match Format::named(&text) {
        Some(format) => Some(value.at(format)),
        None => {
            problems.push(not_among("format", &text, value, &names));
            None
        }
    }
}

fn events(value: &Value, problems: &mut Problems) -> Option<Vec<Topic>> {
    let names = Topic::ALL.map(Topic::as_str);
    let expected = format!("a list of {}", words::one_of(&names));
    let values = plain::one_or_many("events", value, &expected, problems)?;
    let topics = plain::each("events", values, problems, |value, problems| {
        let text = plain::text("events", value, problems)?;
        let topic = Topic::named(&text);
        if topic.is_none() {
            problems.push(not_among("events", &text, value, &names));
        }
        topic
    })?;
    Some(topics.into_iter().map(|topic| topic.value).collect())
}

fn environments(value: &Value, problems: &mut Problems) -> Vec<At<Arc<str>>> {
    let expected = "the name of an environment, or a list of these";
    let Some(values) = plain::one_or_many("environments", value, expected, problems) else {
        return Vec::new();
    };
    let names = plain::each("environments", values, problems, |value, problems| {
        plain::text("environments", value, problems).map(Arc::from)
    });
    names.unwrap_or_default()
}

fn not_among(key: &str, text: &str, value: &Value, names: &[&str]) -> Diagnostic {
    let refusal = Diagnostic::error(&value.span, format!("`{key}` cannot be `{text}`"))
        .expected(format!("expected {}", words::one_of(names)));
    match words::nearest(text, names.iter().copied()) {
        Some(near) => refusal.hint(format!("did you mean `{near}`?")),
        None => refusal,
    }
}
