//! Environments by the names that people type.

use crate::cli::exit::Stop;
use crate::cli::output::text::escape;

/// That an environment is not there, and which one may have been meant.
pub(super) fn unknown<'a>(name: &str, known: impl Iterator<Item = &'a str> + Clone) -> Stop {
    no_such("environment", name, known)
}

/// That something is not there, and which one may have been meant.
pub(super) fn no_such<'a>(what: &str, name: &str, known: impl Iterator<Item = &'a str> + Clone) -> Stop {
    let stop = Stop::usage(format!("there is no {what} `{}`", escape(name)));
    let near = known
        .clone()
        .map(|one| (strsim::damerau_levenshtein(one, name), one))
        .min()
        .filter(|&(distance, _)| distance <= 2);
    if let Some((_, near)) = near {
        return stop.hint(format!("did you mean `{}`?", escape(near)));
    }
    let known: Vec<_> = known.map(|one| format!("`{}`", escape(one))).collect();
    if known.is_empty() {
        stop
    } else {
        stop.hint(format!("there are {}", known.join(", ")))
    }
}
