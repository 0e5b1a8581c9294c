//! What differs between two environments, as a table: a line a difference, a column an environment. Pure.

use super::text::{Style, count, escape, widest};
use crate::model::api::{Difference, Parity};

/// A value that is wider than this stands on a line of its own.
const WIDEST: usize = 36;

/// The table, or that there is nothing to show.
#[must_use]
pub fn parity(it: &Parity, style: Style) -> Vec<String> {
    let (a, b) = (escape(&it.a), escape(&it.b));
    if it.differences.is_empty() {
        return vec![format!("{} {a} and {b} are alike", style.green("✓"))];
    }
    let things = count(it.differences.len() as u64, "thing", "things");
    let mut lines = vec![
        format!("{} {a} and {b} differ in {things} that should be alike", style.red("✗")),
        String::new(),
    ];
    lines.extend(table((&a, &b), &it.differences, style));
    lines
}

/// The differences alone, by service.
pub(super) fn table((a, b): (&str, &str), differences: &[Difference], style: Style) -> Vec<String> {
    let shown = |value: Option<&String>| value.map_or_else(|| "–".to_owned(), |text| escape(text).into_owned());
    let rows = differences.iter().map(|it| {
        let (of_a, of_b) = (shown(it.a.as_ref()), shown(it.b.as_ref()));
        (it.service.as_deref(), escape(&it.key).into_owned(), of_a, of_b)
    });
    let rows: Vec<_> = rows.collect();
    let is_short = |text: &str| text.chars().count() <= WIDEST;
    let keys = widest(rows.iter().map(|(_, key, ..)| key.as_str()), WIDEST);
    let values = widest(rows.iter().map(|(.., of_a, _)| of_a.as_str()), WIDEST).max(a.chars().count());
    let mut lines = vec![format!(
        "  {:keys$}  {}  {}",
        "",
        style.bold(&format!("{a:values$}")),
        style.bold(b)
    )];
    let mut service = None;
    for (of, key, of_a, of_b) in &rows {
        if *of != service {
            lines.extend(of.map(|name| style.bold(&escape(name))));
            service = *of;
        }
        if is_short(of_a) && is_short(of_b) {
            lines.push(format!("  {key:keys$}  {of_a:values$}  {of_b}"));
        } else {
            lines.push(format!("  {key}"));
            lines.push(format!("    {a}: {of_a}"));
            lines.push(format!("    {b}: {of_b}"));
        }
    }
    lines
}
