//! `log_query`: what the access log says of queries.

use super::plain::{self, Problems};
use crate::config::text::raw::{Kind, Value};
use crate::config::text::report::Diagnostic;
use crate::model::log_query::LogQuery;

/// Names that one list may hold, and bytes of each.
const MOST: usize = 64;

const EXPECTED: &str = "`\"keep\"`, `\"drop\"`, or a list of names, as `[\"token\"]`";

/// Reads the words, or names whose values are masked. An empty list takes inherited names away.
pub(crate) fn log_query(key: &str, value: &Value, problems: &mut Problems) -> Option<LogQuery> {
    let names = match &value.kind {
        Kind::List(list) if list.is_empty() => return Some(LogQuery::Keep),
        Kind::List(list) => list,
        Kind::Text(word) => return of_word(key, word, value, problems),
        Kind::Integer(_) | Kind::Float(_) | Kind::Boolean(_) | Kind::Date | Kind::Table(_) => {
            problems.push(plain::mismatch(key, value, "a word or a list of names", EXPECTED));
            return None;
        }
    };
    if names.len() > MOST {
        problems.push(
            Diagnostic::error(&value.span, format!("`{key}` names {} parameters", names.len()))
                .expected(format!("expected at most {MOST}"))
                .hint("`log_query = \"drop\"` writes no query at all"),
        );
        return None;
    }
    let names = plain::each(key, names, problems, |value, problems| name(key, value, problems))?;
    Some(LogQuery::Mask(names.into_iter().map(|name| name.value).collect()))
}

fn of_word(key: &str, word: &str, value: &Value, problems: &mut Problems) -> Option<LogQuery> {
    match word {
        "keep" => Some(LogQuery::Keep),
        "drop" => Some(LogQuery::Drop),
        _ => {
            let refusal = Diagnostic::error(&value.span, format!("`{key}` cannot be `{word}`"))
                .expected(format!("expected {EXPECTED}"));
            problems.push(match word {
                "" => refusal,
                name => refusal.hint(format!("write `[\"{name}\"]` for the parameter of that name")),
            });
            None
        }
    }
}

fn name(key: &str, value: &Value, problems: &mut Problems) -> Option<Box<str>> {
    let name = plain::text(key, value, problems)?;
    // What separates parameters, and what begins an index (`token[0]`), is in no name.
    if name.len() <= MOST && !name.contains(['&', ';', '?', '#', '=', '[']) && !name.contains(char::is_control) {
        return Some(name.into());
    }
    problems.push(
        Diagnostic::error(&value.span, format!("`{key}` cannot mask `{}`", name.escape_debug())).expected(format!(
            "expected the name of a parameter, up to {MOST} bytes, as `\"token\"`"
        )),
    );
    None
}
