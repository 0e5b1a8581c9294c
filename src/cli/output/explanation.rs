//! What `check --explain` shows of a URL: who answers, and every key that holds with its line.

use super::text::{Style, escape, widest};
use crate::model::api::Explanation;

/// The lines, without a line end behind the last.
#[must_use]
pub fn explanation(it: &Explanation, style: Style) -> String {
    let mut lines = vec![style.bold(&escape(&format!("{}{}", it.host, it.path)))];
    let at = |line: Option<usize>| line.map(|line| format!(" (line {line})")).unwrap_or_default();
    match (&it.environment, &it.service) {
        (Some(environment), Some(service)) => {
            lines.push(format!("environment {environment}, service {service}{}", at(it.line)));
        }
        _ if it.line.is_some() => lines.push(format!("a redirect{}", at(it.line))),
        _ => {}
    }
    let entries = it.entries.iter();
    lines.extend(entries.map(|entry| format!("at {}{}", escape(&entry.paths), at(Some(entry.line)))));
    if let Some(answer) = &it.answer {
        lines.push(format!("is answered {}", escape(answer)));
    }
    let keys = widest(it.values.iter().map(|value| value.key.as_str()), WIDEST);
    let values = widest(it.values.iter().map(|value| value.value.as_str()), WIDEST);
    if !it.values.is_empty() {
        lines.push(String::new());
    }
    for value in &it.values {
        let from = match value.line {
            Some(line) => format!("line {line}"),
            None => style.dim("default"),
        };
        lines.push(format!(
            "{key:keys$}  {value:values$}  {from}",
            key = value.key,
            value = escape(&value.value)
        ));
    }
    lines.join("\n")
}

/// A key or value that is wider than this moves nothing of other lines.
const WIDEST: usize = 40;
