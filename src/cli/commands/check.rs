//! `proxyctl check`: every finding about a configuration file at once.

use std::path::PathBuf;

use crate::cli::args::CheckArgs;
use crate::cli::client::{Client, socket_path};
use crate::cli::exit::Stop;
use crate::cli::host::{CheckOutcome, Host};
use crate::cli::output::{self, text};
use crate::cli::runtime::in_runtime;
use crate::model::api::{Certificates, OnlineFinding, exit};

/// Exit 0; 2 when the file cannot be used; 1 when a host does not lead here.
pub fn run(host: &Host, socket: Option<PathBuf>, args: &CheckArgs) -> u8 {
    let style = output::out_style();
    let outcome = (host.check)(&args.file, style.color && !args.json);
    let online = if args.online && outcome.errors == 0 {
        (host.online)(&args.file, probe(socket).as_deref())
    } else {
        Vec::new()
    };
    let explained = match &args.explain {
        Some(url) if outcome.errors == 0 => match (host.explain)(&args.file, url) {
            Some(explained) => Some(explained),
            None => {
                let stop = Stop::new(exit::USAGE, format!("`{url}` names no host"));
                output::message(&stop.hint("write it as `https://app.example.com/path`"));
                return exit::USAGE;
            }
        },
        Some(_) | None => None,
    };
    if args.json {
        let mut value = serde_json::json!({
            "file": args.file.to_string_lossy(),
            "errors": outcome.errors,
            "warnings": outcome.warnings,
            "report": outcome.report,
        });
        if args.online {
            value["online"] = serde_json::json!(online);
        }
        if args.explain.is_some() {
            value["explanation"] = serde_json::json!(explained);
        }
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
        if let Some(explained) = &explained {
            output::out("");
            output::out(&output::explanation(explained, style));
        }
        for finding in &online {
            output::out(&line(finding, style));
        }
    }
    match outcome.errors {
        0 if online.iter().all(|finding| finding.good) => exit::DONE,
        0 => exit::FAILED,
        _ => exit::USAGE,
    }
}

/// What the running daemon answers on port 80; `None` when it cannot be asked, which is no reason not to look.
fn probe(socket: Option<PathBuf>) -> Option<String> {
    let client = Client::new(socket_path(socket).ok()?);
    let asked = in_runtime(async { Ok(client.get::<Certificates>("/v1/certificates").await?) });
    Some(asked.ok()?.probe)
}

fn line(finding: &OnlineFinding, style: text::Style) -> String {
    let mark = if finding.good {
        style.green("✓")
    } else {
        style.red("✗")
    };
    format!(
        "{mark} {}: {}",
        text::escape(&finding.host),
        text::escape(&finding.what)
    )
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
