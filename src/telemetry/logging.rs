//! The application log: what the process says about itself, on standard error. Requests go to the access log, operations to the
//! journal.
//!
//! `GREENGATE_LOG` filters (`info` unless set; `greengate=debug` says more). A terminal gets text, everything else JSON lines.

use std::io::{self, IsTerminal};

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt;
use tracing_subscriber::prelude::*;

/// Sends `tracing` to standard error, and panics to `tracing`. A second call changes nothing.
pub fn init() {
    // What cannot be read must not keep the daemon from starting, nor make it silent.
    let asked = std::env::var("GREENGATE_LOG").unwrap_or_default();
    let subscriber = tracing_subscriber::registry().with(filter(&asked));
    let lines = fmt::layer().with_writer(io::stderr);
    // An error means that a subscriber is there already, as in tests.
    let _ = if io::stderr().is_terminal() {
        let colors = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        subscriber.with(lines.with_target(false).with_ansi(colors)).try_init()
    } else {
        let lines = lines
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(false);
        subscriber.with(lines).try_init()
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

/// `debug` for all, `greengate=debug` for a part, or several with commas; `info` for the rest.
fn filter(asked: &str) -> Targets {
    let directives = asked.split(',').map(str::trim).filter(|one| !one.is_empty());
    let directives: Vec<Targets> = directives.filter_map(|one| one.parse().ok()).collect();
    let for_all = directives.iter().filter_map(Targets::default_level).next_back();
    let filter = Targets::new().with_default(for_all.unwrap_or(LevelFilter::INFO));
    let parts = directives.iter().flat_map(Targets::iter);
    parts.fold(filter, |filter, (target, level)| filter.with_target(target, level))
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::filter;

    #[test]
    fn a_filter_says_more_where_it_was_asked_to_and_is_never_silent() {
        let hears = |asked, target, level| filter(asked).would_enable(target, &level);
        for asked in ["", " ", ",", "==", "greengate=loud"] {
            assert!(hears(asked, "greengate", Level::INFO), "{asked}");
            assert!(!hears(asked, "hyper", Level::DEBUG), "{asked}");
        }
        assert!(hears("debug", "hyper", Level::DEBUG));
        assert!(hears("rustls=warn, greengate=debug", "greengate::proxy", Level::DEBUG));
        assert!(hears("rustls=warn, greengate=debug", "hyper", Level::INFO));
        assert!(!hears("rustls=warn, greengate=debug", "rustls", Level::INFO));
        assert!(
            !hears("rustls=warn, debug", "rustls", Level::INFO) && hears("rustls=warn, debug", "hyper", Level::DEBUG)
        );
    }
}
