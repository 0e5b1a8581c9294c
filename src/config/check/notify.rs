//! Whether what `[[notify]]` names is there: environments, and files with URLs and secrets that nobody else may read.
//!
//! A file that cannot be used keeps no daemon from starting (N27), so what is said of it is a [`Severity::Secret`]. It is read by the
//! daemon, whenever something is sent.
//!
//! [`Severity::Secret`]: crate::config::text::report::Severity::Secret

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use crate::config::notify::{SecretUrl, secrets};
use crate::config::read::notify::RawNotify;
use crate::config::text::raw::At;
use crate::config::text::report::Diagnostic;
use crate::config::text::words;
use crate::model::secrecy;

/// What is longer than this is another kind of file.
const MOST: u64 = 16 * 1024;

/// Checks what every destination names.
pub(crate) fn check(destinations: &[RawNotify], environments: &[&str], problems: &mut Vec<Diagnostic>) {
    for destination in destinations {
        for name in &destination.environments {
            if environments.contains(&&*name.value) {
                continue;
            }
            let refusal = Diagnostic::error(&name.span, format!("there is no environment `{}`", name.value));
            problems.push(match words::nearest(&name.value, environments.iter().copied()) {
                Some(near) => refusal
                    .expected("unknown environment")
                    .hint(format!("did you mean `{near}`?")),
                None => refusal.expected(format!("expected {}", words::one_of(environments))),
            });
        }
        if let Some(file) = &destination.url_file {
            check_file(
                file,
                "a URL",
                "`https://hooks.slack.com/services/…` in it",
                problems,
                |text| SecretUrl::parse(text.trim()).map(drop),
            );
        }
        if let Some(file) = &destination.secret_file {
            check_file(
                file,
                "a secret",
                "`whsec_` and 24 to 64 bytes in base64 in it",
                problems,
                |text| secrets(text).map(drop),
            );
        }
    }
}

fn check_file(
    file: &At<PathBuf>,
    what: &str,
    expected: &str,
    problems: &mut Vec<Diagnostic>,
    read: impl Fn(&str) -> Result<(), &'static str>,
) {
    let shown = file.value.display();
    let expected = format!("expected a file with {what}: {expected}");
    let metadata = match fs::metadata(&file.value) {
        Ok(metadata) if metadata.is_file() && metadata.len() <= MOST => metadata,
        Ok(_) => {
            let wrong = Diagnostic::secret(&file.span, format!("`{shown}` is no file with {what}"));
            problems.push(wrong.expected(expected));
            return;
        }
        Err(error) => {
            problems.push(
                Diagnostic::secret(&file.span, format!("cannot read `{shown}`: {error}"))
                    .expected(expected)
                    .hint(
                        "the daemon's user has to be able to read it; relative paths start at the folder of this file",
                    ),
            );
            return;
        }
    };
    let complaint = secrecy::complaint(metadata.mode(), what, &shown, &file.value);
    problems.extend(complaint.map(|it| Diagnostic::open(&file.span, it)));
    let wrong = match fs::read_to_string(&file.value) {
        Ok(text) => read(&text).err().map(|why| format!("`{shown}` {why}")),
        Err(error) => Some(format!("cannot read `{shown}`: {error}")),
    };
    problems.extend(wrong.map(|wrong| Diagnostic::secret(&file.span, wrong).expected(expected)));
}
