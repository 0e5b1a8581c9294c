//! The application log: what the process says about itself, on standard error. Requests go to the access log, operations to the
//! journal.
//!
//! `GREENGATE_LOG` filters (`info` unless set; `greengate=debug` says more). A terminal gets text, everything else JSON lines.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// Sends `tracing` to standard error, and panics to `tracing`. A second call changes nothing.
pub fn init() {
    let builder = tracing_subscriber::fmt()
        .with_writer(io::stderr)
        .with_env_filter(filter());
    // An error means that a subscriber is there already, as in tests.
    let _ = if io::stderr().is_terminal() {
        let colors = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        builder.with_target(false).with_ansi(colors).try_init()
    } else {
        builder
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(false)
            .try_init()
    };
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let thread = std::thread::current();
        let message = panic.payload_as_str().unwrap_or("no message");
        tracing::error!(
            place,
            thread = thread.name().unwrap_or("unnamed"),
            panic = message,
            "panicked"
        );
    }));
}

fn filter() -> EnvFilter {
    let builder = EnvFilter::builder().with_default_directive(LevelFilter::INFO.into());
    match std::env::var("GREENGATE_LOG") {
        // What cannot be read must not keep the daemon from starting, nor make it silent.
        Ok(text) => builder.parse_lossy(text),
        Err(_) => builder.parse_lossy(""),
    }
}
