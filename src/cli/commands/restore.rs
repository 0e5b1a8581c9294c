//! `proxyctl restore`: puts back what `proxyctl backup` took, on this machine or another.

use std::fs::File;
use std::io::Read;

use crate::cli::args::{OutsideFiles, RestoreArgs};
use crate::cli::exit::{Outcome, Stop};
use crate::cli::host::{CheckOutcome, Host};
use crate::cli::output;
use crate::cli::output::text::{Style, escape};
use crate::model::api::exit;
use crate::model::backup::{Change, Outside, RestoreOrder, Restored, Step};

/// Bytes of an archive that are read. It is packed, and no backup is as large unpacked.
const LIMIT: u64 = 128 << 20;

/// Exit 0; 1 when the disk does not take it; 2 when the file is no backup that can be used here; 4 when a rule speaks against it.
///
/// # Errors
/// Why nothing was restored.
pub fn run(host: &Host, args: &RestoreArgs) -> Outcome {
    let archive = read(args)?;
    let order = RestoreOrder {
        config: args.config.clone(),
        state_dir: args.state_dir.clone(),
        force: args.force,
        dry_run: args.dry_run,
        outside: args.outside.map(|outside| match outside {
            OutsideFiles::Write => Outside::Write,
            OutsideFiles::Leave => Outside::Leave,
        }),
    };
    let restored = (host.restore)(&archive, &order)?;
    let check = if args.dry_run || restored.refusal.is_some() {
        None
    } else {
        let color = output::err_style().color && !args.json;
        Some((host.check)(&args.config, color))
    };
    tell(args, &restored, check.as_ref())?;
    match restored.refusal {
        Some(problem) => Err(problem.into()),
        None => Ok(exit::DONE),
    }
}

fn read(args: &RestoreArgs) -> Result<Vec<u8>, Stop> {
    let is_stdin = args.file.as_os_str() == "-";
    let name = if is_stdin {
        "standard input".to_owned()
    } else {
        format!("`{}`", args.file.display())
    };
    let mut bytes = Vec::new();
    let done = if is_stdin {
        std::io::stdin().lock().take(LIMIT + 1).read_to_end(&mut bytes)
    } else {
        File::open(&args.file).and_then(|file| file.take(LIMIT + 1).read_to_end(&mut bytes))
    };
    done.map_err(|error| Stop::failed(format!("{name} cannot be read: {error}")))?;
    if bytes.len() as u64 > LIMIT {
        return Err(Stop::usage(format!(
            "{name} is larger than {} MiB: no backup is",
            LIMIT >> 20
        )));
    }
    Ok(bytes)
}

fn tell(args: &RestoreArgs, restored: &Restored, check: Option<&CheckOutcome>) -> Result<(), Stop> {
    let manifest = &restored.manifest;
    let is_same = restored
        .steps
        .iter()
        .all(|step| matches!(step.change, Change::Same | Change::Leave));
    if args.json {
        let mut value = serde_json::json!({
            "host": manifest.host,
            "created": manifest.created,
            "greengate": manifest.greengate,
            "done": restored.refusal.is_none() && !args.dry_run,
            "steps": restored.steps,
            "warnings": restored.warnings,
            "refused": restored.refusal.as_ref().map(|problem| &problem.reason),
        });
        if let Some(check) = check {
            value["check"] = serde_json::json!({
                "errors": check.errors, "warnings": check.warnings, "report": check.report,
            });
        }
        return output::out_json(&value);
    }
    let style = output::err_style();
    if restored.refusal.is_none() || args.dry_run {
        let style = output::out_style();
        output::out(&escape(&format!(
            "from {}, {}, greengate {}",
            manifest.host, manifest.created, manifest.greengate
        )));
        for step in &restored.steps {
            output::out(&line(step, style));
        }
    }
    for warning in &restored.warnings {
        output::err(&format!("{} {}", style.yellow("!"), escape(warning)));
    }
    let Some(check) = check else { return Ok(()) };
    let what = if is_same {
        "all of it is here already"
    } else {
        "restored"
    };
    output::err(&format!(
        "{} {what}; `systemctl start greengate` serves it",
        style.green("✓")
    ));
    if check.errors + check.warnings > 0 {
        let file = args.config.to_string_lossy();
        output::err(&format!(
            "{} `proxyctl check {}` says:",
            style.yellow("!"),
            escape(&file)
        ));
        output::err(check.report.trim_end());
    }
    Ok(())
}

/// A mark, the path, and what becomes of it.
#[must_use]
pub fn line(step: &Step, style: Style) -> String {
    let (mark, what) = match step.change {
        Change::New => (style.green("+"), "new"),
        Change::Same => (style.dim("="), "the same"),
        Change::Overwrite => (style.yellow("~"), "overwritten"),
        Change::Remove => (style.red("-"), "removed"),
        Change::Leave => (style.dim("·"), "left as it is"),
    };
    format!("{mark} {}  {}", escape(&step.path), style.dim(what))
}
