//! `docs/troubleshooting.md` explains everything that an operator can see of a failure, and nothing that cannot be seen.

use std::collections::BTreeSet;
use std::fs;

use super::tokens::{Kind, tokens};
use super::{root, sources};

/// Warnings that are put together at one place and logged or shown at another; `…` is what differs.
const ELSEWHERE: [&str; 5] = [
    "the certificate of … ends … and is not renewed",
    "…; its lines go to standard output",
    "… … of … did not finish before the last stop; … is live",
    "… of … is not in the file any more; … requests and … streams of it go on",
    "the system's clock jumped … s … (noticed at …): times before and after do not compare; nothing but certificates and \
     ticket keys goes by it",
];

/// What carries the words of why something is refused.
const REFUSALS: [&str; 4] = ["Malformed", "BadRequest", "AppNonsense", "Nonsense"];

/// Files whose every text is a reason.
const NAMES_ENDS: [&str; 2] = ["src/proxy/message/end.rs", "src/http1/extension.rs"];

/// The functions that say why.
const SAYS_WHY: [(&str, &str); 14] = [
    ("src/http1/head.rs", "words"),
    ("src/http1/framing.rs", "words"),
    ("src/http1/chunked.rs", "words"),
    ("src/http2/field.rs", "words"),
    ("src/http2/list.rs", "push_pseudo"),
    ("src/http2/request.rs", "check"),
    ("src/http2/request.rs", "length"),
    ("src/proxy/message/error.rs", "reason"),
    ("src/proxy/message/unanswered.rs", "reason"),
    ("src/proxy/message/connection_error.rs", "in_words"),
    ("src/proxy/message/connection_error.rs", "words"),
    ("src/proxy/message/folder_error.rs", "in_words"),
    ("src/proxy/message/folder_error.rs", "words"),
    ("src/proxy/files/pieces.rs", "words"),
];

/// Words of `proxyctl status`, as its source has them.
const SHOWN: [&str; 18] = [
    "healthy",
    "not healthy",
    "not checked yet",
    "away",
    "held",
    "5xx",
    "over limits",
    "in flight",
    "drains",
    "step",
    "maintenance",
    "preview",
    "way back",
    "protected",
    "expired",
    "days left",
    "dropped: the log's target is too slow",
    "takes effect at the next restart",
];

/// A text of the sources as the table writes it: without backticks and line ends, and with `…` for what differs.
fn written(text: &str) -> String {
    let line = text.split("\\n").next().unwrap_or_default();
    let mut out = String::new();
    let mut depth = 0;
    for c in line.replace("\\\n", "").chars() {
        match c {
            '{' => {
                depth += 1;
                out.push('…');
            }
            '}' => depth -= 1,
            '`' => {}
            c if depth == 0 => out.push(c),
            _ => {}
        }
    }
    out.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The tokens of a file of the product, without its tests.
fn product(path: &str) -> Vec<Kind> {
    let text = fs::read_to_string(root().join(path)).unwrap();
    let text = text.split("#[cfg(test)]").next().unwrap_or_default();
    tokens(text).into_iter().map(|token| token.kind).collect()
}

fn texts(kinds: &[Kind]) -> impl Iterator<Item = &str> {
    kinds.iter().filter_map(|kind| match kind {
        Kind::Text(text) => Some(text.as_str()),
        _ => None,
    })
}

/// The statuses that `proxyd` answers with itself.
fn statuses() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (file, before) in [("error", "=> "), ("answer", "status: ")] {
        let text = fs::read_to_string(root().join(format!("src/proxy/message/{file}.rs"))).unwrap();
        let numbers = text.lines().filter_map(|line| line.split_once(before)?.1.get(..3));
        found.extend(
            numbers
                .filter(|number| number.parse::<u16>().is_ok())
                .map(str::to_owned),
        );
    }
    found
}

fn terminations() -> BTreeSet<String> {
    let kinds = product("src/model/termination.rs");
    let whose = |text: &&str| ["client: ", "app: ", "proxy: "].iter().any(|who| text.starts_with(who));
    texts(&kinds).filter(whose).map(written).collect()
}

/// The messages of `warn!` and `error!`: of each the longest text in it, the others are fields. One that is all placeholder stands in
/// [`ELSEWHERE`].
fn messages() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (path, _) in sources("src") {
        let kinds = product(path.to_str().unwrap());
        for (place, pair) in kinds.windows(3).enumerate() {
            let [Kind::Name(name), Kind::Mark('!'), Kind::Mark('(')] = pair else {
                continue;
            };
            if name != "warn" && name != "error" {
                continue;
            }
            let mut depth = 1;
            let inside = kinds[place + 3..].iter().take_while(|kind| {
                match kind {
                    Kind::Mark('(') => depth += 1,
                    Kind::Mark(')') => depth -= 1,
                    _ => {}
                }
                depth > 0
            });
            let inside: Vec<_> = inside.cloned().collect();
            let message = texts(&inside).max_by_key(|text| text.len());
            found.extend(message.map(written).filter(|message| message != "…"));
        }
    }
    found
}

/// The reasons of the access log: what breaks a grammar, and what the functions that name an end say.
fn reasons() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (path, _) in sources("src") {
        let kinds = product(path.to_str().unwrap());
        let words = kinds.windows(3).filter_map(|three| match three {
            [Kind::Name(name), Kind::Mark('('), Kind::Text(text)] if REFUSALS.contains(&name.as_str()) => Some(text),
            _ => None,
        });
        if ["src/http1", "src/proxy"].iter().any(|room| path.starts_with(room)) {
            found.extend(words.map(|text| written(text)));
        }
    }
    for path in NAMES_ENDS {
        found.extend(texts(&product(path)).filter(|text| !text.is_empty()).map(written));
    }
    for (path, function) in SAYS_WHY {
        let kinds = product(path);
        let is_it = |pair: &[Kind]| pair == [Kind::Name("fn".to_owned()), Kind::Name(function.to_owned())];
        let place = kinds.windows(2).position(is_it);
        let place = place.unwrap_or_else(|| panic!("{path} has no `fn {function}`"));
        let begin = kinds[place..].iter().position(|kind| *kind == Kind::Mark('{')).unwrap();
        let mut depth = 0;
        let body = kinds[place + begin..].iter().take_while(|kind| {
            match kind {
                Kind::Mark('{') => depth += 1,
                Kind::Mark('}') => depth -= 1,
                _ => {}
            }
            depth > 0
        });
        let body: Vec<_> = body.cloned().collect();
        // A single word is what something is compared with.
        found.extend(texts(&body).filter(|text| text.contains(' ')).map(written));
    }
    found
}

/// What the tables explain: the first column, where `<br>` parts what is explained together.
fn explained() -> Vec<String> {
    let text = fs::read_to_string(root().join("docs/troubleshooting.md")).unwrap();
    let lines: Vec<_> = text.lines().collect();
    let mut found = Vec::new();
    for (place, line) in lines.iter().enumerate() {
        let is_head = lines.get(place + 1).is_some_and(|next| next.starts_with("|---"));
        let Some(row) = line.strip_prefix("| ").filter(|_| !is_head) else {
            continue;
        };
        let cell = row.split(" | ").next().unwrap_or_default();
        found.extend(cell.split("<br>").map(written));
    }
    found
}

#[test]
fn everything_that_can_be_seen_of_a_failure_is_explained_and_nothing_else() {
    let mut seen: BTreeSet<String> = statuses();
    seen.extend(terminations());
    seen.extend(messages());
    seen.extend(reasons());
    seen.extend(ELSEWHERE.map(written));
    seen.extend(SHOWN.map(written));
    let listed = explained();
    let explained: BTreeSet<_> = listed.iter().cloned().collect();
    let missing: Vec<_> = seen.difference(&explained).collect();
    assert!(missing.is_empty(), "not in docs/troubleshooting.md: {missing:#?}");
    let gone: Vec<_> = explained.difference(&seen).collect();
    assert!(
        gone.is_empty(),
        "docs/troubleshooting.md explains what nobody sees: {gone:#?}"
    );
    assert_eq!(listed.len(), explained.len(), "something is explained twice");
}

#[test]
fn what_is_listed_here_by_hand_stands_in_the_sources() {
    let all: Vec<String> = sources("src")
        .into_iter()
        .flat_map(|(path, _)| {
            let kinds = product(path.to_str().unwrap());
            texts(&kinds).map(written).collect::<Vec<_>>()
        })
        .collect();
    for text in ELSEWHERE.map(written) {
        assert!(all.contains(&text), "{text}");
    }
    let status: Vec<_> = texts(&product("src/cli/commands/status.rs")).map(written).collect();
    for words in SHOWN.map(written) {
        assert!(status.iter().any(|text| text.contains(&words)), "{words}");
    }
}

#[test]
fn there_is_something_to_explain_of_every_kind() {
    assert!(statuses().contains("503") && statuses().contains("308"));
    assert!(terminations().contains("app: unreachable"));
    assert!(reasons().contains("connection refused") && reasons().contains("two Host fields"));
    assert!(messages().contains("reload: failed: …") && messages().contains("a task panicked"));
}
