//! Keeping clients out, where what a configuration said cannot be said again: rather nobody enters than everybody.

use super::draft::{Setting, Settings};
use super::value::Value;

/// What is asked of those who want to enter.
const ASKED: &[&str] = &["auth.basic", "auth.allow", "auth.forward"];

/// Paths that are exempt from it.
pub(super) const EXCEPT: &str = "auth.except";

/// What becomes of what is said of the first page alone.
pub(super) const FIRST_PAGE: &str = "a path is a prefix, and below `/` is all of the site: let the app answer there";

/// What an answer says that is given in place of all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// Nobody may enter.
    Denied,
    /// There is nothing: it keeps nobody out, and serves nobody.
    Nothing,
    /// Something.
    Other,
}

impl Answer {
    /// That of a status.
    pub(super) fn of(status: &str) -> Self {
        match status.parse() {
            Ok(401 | 403) => Self::Denied,
            Ok(400..=599) => Self::Nothing,
            _ => Self::Other,
        }
    }
}

/// The networks of this machine alone.
pub(super) fn this_machine() -> Value {
    Value::List(vec![Value::text("127.0.0.1"), Value::text("::1")])
}

/// Whether a key says who may enter.
pub(super) fn is_asked(key: &str) -> bool {
    ASKED.contains(&key)
}

/// Whether a key says who may enter, and does not take that away.
pub(super) fn is_restriction(key: &str, value: &Value) -> bool {
    is_asked(key) && *value != Value::text("off")
}

/// The one key that lets in nobody but this machine.
pub(super) fn closed(remark: &str) -> Setting {
    Setting {
        remark: Some(remark.to_owned()).filter(|remark| !remark.is_empty()),
        ..Setting::of("auth.allow", this_machine())
    }
}

/// The key that takes away what is exempt further out.
pub(super) fn without_exceptions() -> Setting {
    Setting::of(EXCEPT, Value::List(Vec::new()))
}

/// Lets in nobody but this machine.
pub(super) fn close(settings: &mut Settings, remark: &str) {
    settings.put(closed(remark));
    settings.remove(EXCEPT);
}

/// Says of a part that what is exempt around it is not exempt from what it asks for.
pub(super) fn hold(part: &mut Settings, around: &Settings) {
    if is_restricted(part) && around.get(EXCEPT).is_some() && part.get(EXCEPT).is_none() {
        part.put(without_exceptions());
    }
}

/// Whether nobody but this machine may enter.
pub(super) fn is_closed(settings: &Settings) -> bool {
    settings.get("auth.allow") == Some(&this_machine())
}

/// Whether not everybody may enter.
pub(super) fn is_restricted(settings: &Settings) -> bool {
    settings
        .iter()
        .any(|setting| is_restriction(&setting.key, &setting.value))
}

/// Whether settings say who may enter, were it that everybody may.
pub(super) fn has_word(settings: &Settings) -> bool {
    settings.iter().any(|setting| is_asked(&setting.key))
}

/// The keys of what is asked of those who want to enter.
pub(super) fn asked(settings: &Settings) -> Vec<String> {
    let all = settings
        .iter()
        .filter(|setting| is_restriction(&setting.key, &setting.value));
    all.map(|setting| setting.key.clone()).collect()
}

/// The keys that take it away.
pub(super) fn taken_away(settings: &Settings) -> Vec<String> {
    let all = settings
        .iter()
        .filter(|setting| is_asked(&setting.key) && !is_restriction(&setting.key, &setting.value));
    all.map(|setting| setting.key.clone()).collect()
}

/// Whether settings only ask those who want to enter, or say nothing.
pub(super) fn is_nothing_else(settings: &Settings) -> bool {
    settings
        .iter()
        .all(|setting| is_restriction(&setting.key, &setting.value))
}

/// What is asked of those who want to enter, and nothing else.
pub(super) fn restrictions(settings: &Settings) -> Settings {
    let mut all = Settings::default();
    let asked = settings
        .iter()
        .filter(|setting| is_restriction(&setting.key, &setting.value));
    for setting in asked {
        all.put(setting.clone());
    }
    all
}

/// Asks for what `other` asks for, too. Two that cannot both be asked for let nobody in.
pub(super) fn ask_for(settings: &mut Settings, other: &Settings) {
    for setting in restrictions(other).iter() {
        let known = settings.get(&setting.key);
        match known.filter(|known| is_restriction(&setting.key, known)) {
            None => settings.put(setting.clone()),
            Some(known) if *known == setting.value => {}
            Some(_) => close(settings, "two rules are about it, of which it can have one"),
        }
    }
    if is_restricted(other) && settings.get(EXCEPT) != other.get(EXCEPT) {
        settings.remove(EXCEPT);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(keys: &[(&str, &str)]) -> Settings {
        let mut settings = Settings::default();
        for (key, value) in keys {
            settings.set(key, Value::text(*value));
        }
        settings
    }

    #[test]
    fn two_that_cannot_both_be_asked_for_let_nobody_in() {
        let mut one = settings(&[("auth.basic", "a"), ("auth.except", "/x")]);
        ask_for(
            &mut one,
            &settings(&[("auth.forward", "u"), ("cache", "1h"), ("auth.allow", "off")]),
        );
        assert_eq!(one, settings(&[("auth.basic", "a"), ("auth.forward", "u")]));
        ask_for(&mut one, &settings(&[("auth.basic", "a")]));
        assert_eq!(one.get("auth.allow"), None);
        ask_for(&mut one, &settings(&[("auth.basic", "b")]));
        assert_eq!(one.get("auth.allow"), Some(&this_machine()));
    }
}
