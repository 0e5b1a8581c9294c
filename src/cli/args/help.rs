//! How every help text looks: examples first, because those are what people look for.

/// About, examples, usage, arguments.
pub(super) const TEMPLATE: &str =
    "{about-with-newline}\n{before-help}{usage-heading} {usage}\n\n{all-args}{after-help}";

/// Examples with a heading like clap's own; clap drops the styling where there is no terminal.
macro_rules! examples {
    ($($line:literal),+ $(,)?) => {
        concat!("\x1b[1m\x1b[4mExamples:\x1b[0m", $("\n  ", $line),+)
    };
}

pub(super) use examples;
