//! `proxyctl import`: the configuration of another front door as a `proxy.toml`, on standard output.

use crate::cli::args::ImportConfigArgs;
use crate::cli::exit::Outcome;
use crate::cli::host::Host;
use crate::cli::output;
use crate::cli::output::text::count;
use crate::model::api::exit;

/// Exit 0, also where something needs a look; 2 when the file is not what it claims to be.
///
/// # Errors
/// Standard output cannot be written.
pub fn run(host: &Host, args: &ImportConfigArgs) -> Outcome {
    let style = output::err_style();
    let imported = match (host.import)(args.language, &args.file, style.color) {
        Ok(imported) => imported,
        // It has its own shape, with a caret.
        Err(report) => {
            output::err(report.trim_end());
            return Ok(exit::USAGE);
        }
    };
    if args.json {
        output::out_json(&serde_json::json!({
            "text": imported.text, "carried": imported.carried, "looks": imported.looks,
        }))?;
        return Ok(exit::DONE);
    }
    output::out(imported.text.trim_end());
    let carried = count(imported.carried as u64, "directive", "directives");
    output::err(&match imported.looks {
        0 => format!("{} {carried} carried over", style.green("✓")),
        1 => format!(
            "{} {carried} carried over, 1 needs a look: it is a comment",
            style.yellow("!")
        ),
        looks => format!(
            "{} {carried} carried over, {looks} need a look: they are comments",
            style.yellow("!")
        ),
    });
    Ok(exit::DONE)
}
