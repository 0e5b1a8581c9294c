//! What stands behind the `?` of a request to the control socket.

/// Entries of history, unless `limit` says otherwise.
const HISTORY: usize = 50;

/// Reads `env=NAME&limit=N`; both may be missing.
pub(super) fn history_query(query: &str) -> Result<(Option<String>, usize), String> {
    let (mut environment, mut limit) = (None, HISTORY);
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        match name {
            "env" => environment = Some(percent_decoded(value)),
            "limit" => {
                limit = value
                    .parse()
                    .map_err(|_| format!("`limit` is no number: `{}`", value.escape_debug()))?
            }
            _ => return Err(format!("`{}` is no parameter of the history", name.escape_debug())),
        }
    }
    Ok((environment, limit))
}

/// Reads `a=NAME&b=NAME`: two environments.
pub(super) fn parity_query(query: &str) -> Result<(String, String), String> {
    let (mut a, mut b) = (None, None);
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        match name {
            "a" => a = Some(percent_decoded(value)),
            "b" => b = Some(percent_decoded(value)),
            _ => return Err(format!("`{}` is no parameter of a comparison", name.escape_debug())),
        }
    }
    match (a, b) {
        (Some(a), Some(b)) => Ok((a, b)),
        _ => Err("a comparison is of two environments: `a` and `b`".into()),
    }
}

/// What is no valid escape stays as it is: at worst it names no environment.
fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escape = bytes.get(at + 1..at + 3).filter(|_| bytes[at] == b'%');
        let value = escape.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        decoded.push(value.unwrap_or(bytes[at]));
        at += if value.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&decoded).into_owned()
}
