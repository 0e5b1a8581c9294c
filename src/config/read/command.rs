//! Commands that the daemon runs, each a program with its arguments and no shell around it.

use super::deploy::SHELL;
use super::plain::{self, Problems};
use crate::config::text::raw::Value;
use crate::config::text::report::Diagnostic;
use crate::model::argv::argv;

/// Reads one; `example` is what could stand there, `path` a program by its whole path.
pub(super) fn of_daemon(
    key: &str,
    value: &Value,
    (example, path): (&str, &str),
    problems: &mut Problems,
) -> Option<Vec<String>> {
    let expected = format!("expected a program and its arguments, as `\"{example}\"`");
    let text = plain::text(key, value, problems)?;
    let wrong = match argv(&text) {
        Err(why) => Diagnostic::error(&value.span, format!("`{key}` is no command: {why}")).expected(expected),
        Ok(argv) => {
            if let Some(word) = argv.iter().find(|word| SHELL.contains(&word.as_str())) {
                Diagnostic::error(&value.span, format!("`{word}` means something to a shell only"))
                    .expected(expected)
                    .hint("write `sh -c '…'` around it")
            } else if argv[0].contains('/') && !argv[0].starts_with('/') {
                Diagnostic::error(
                    &value.span,
                    format!("`{}` is looked for in no folder of yours", argv[0]),
                )
                .expected(format!("expected the whole path, as `\"{path}\"`"))
                .hint("the daemon runs it, and not the one who has written this")
            } else {
                return Some(argv);
            }
        }
    };
    problems.push(wrong);
    None
}
