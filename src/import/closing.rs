//! Keeping clients out, where what a configuration said cannot be said again: rather nobody enters than everybody.

use super::draft::Settings;
use super::value::Value;

/// What is asked of those who want to enter.
const ASKED: &[&str] = &["auth.basic", "auth.allow", "auth.forward"];

/// Paths that are exempt from it.
const EXCEPT: &str = "auth.except";

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

/// Lets in nobody but this machine.
pub(super) fn close(settings: &mut Settings, remark: &str) {
    settings.set_with("auth.allow", this_machine(), Some(remark.to_owned()));
    settings.remove(EXCEPT);
}
