//! `proxyctl check`: every finding about a configuration file at once.

use crate::cli::args::CheckArgs;
use crate::cli::output::{self, text};
use crate::cli::{CheckOutcome, Host};
use crate::model::api::exit;

/// Exit 0, or 2 when the file cannot be used.
pub fn run(host: &Host, args: &CheckArgs) -> u8 {
    let style = output::out_style();
    let outcome = (host.check)(&args.file, style.color && !args.json);
    if args.json {
        let value = serde_json::json!({
            "file": args.file,
            "errors": outcome.errors,
            "warnings": outcome.warnings,
            "report": outcome.report,
        });
        output::out(&value.to_string());
    } else {
        let report = outcome.report.trim_end();
        if !report.is_empty() {
            output::out(report);
            output::out("");
        }
        let mark = if outcome.errors > 0 {
            style.red("✗")
        } else {
            style.green("✓")
        };
        let file = args.file.to_string_lossy();
        output::out(&format!("{mark} {}: {}", text::escape(&file), summary(&outcome)));
    }
    if outcome.errors > 0 { exit::USAGE } else { exit::DONE }
}

/// `2 errors, 1 warning`.
fn summary(outcome: &CheckOutcome) -> String {
    let count = |number: usize, one, many| text::count(number as u64, one, many);
    let errors = count(outcome.errors, "error", "errors");
    let warnings = count(outcome.warnings, "warning", "warnings");
    match (outcome.errors, outcome.warnings) {
        (0, 0) => "nothing to complain about".into(),
        (0, _) => warnings,
        (_, 0) => errors,
        _ => format!("{errors}, {warnings}"),
    }
}
