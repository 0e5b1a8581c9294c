//! The configuration as a user meets it: every error with its whole message, every default, `extends`, and the files that
//! other pages show.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers fail a test by panicking, too"
)]

#[path = "config/accepted.rs"]
mod accepted;
#[path = "config/acme.rs"]
mod acme;
#[path = "config/certificates.rs"]
mod certificates;
#[path = "config/environments.rs"]
mod environments;
#[path = "config/extends.rs"]
mod extends;
#[path = "config/hosts.rs"]
mod hosts;
#[path = "config/keys.rs"]
mod keys;
#[path = "config/slots.rs"]
mod slots;
#[path = "config/typing.rs"]
mod typing;
#[path = "config/values.rs"]
mod values;

use std::path::Path;

use greengate::config::{Config, Diagnostic, Environment, Service, render};

const FILE: &str = "proxy.toml";

/// The configuration of a text without any complaint.
fn accepted(text: &str) -> Config {
    match Config::parse(Path::new(FILE), text) {
        Ok((config, diagnostics)) => {
            assert!(diagnostics.is_empty(), "{}", render(FILE, text, &diagnostics, false));
            config
        }
        Err(error) => panic!("{error}"),
    }
}

/// Asserts that a text is refused with exactly this report; both start on a line of their own.
fn refused(text: &str, expected: &str) {
    let text = text.strip_prefix('\n').unwrap_or(text);
    let error = Config::parse(Path::new(FILE), text).expect_err("is accepted");
    let rendered = error.render(false);
    assert_eq!(rendered.trim_end(), expected.trim(), "\n{rendered}");
}

/// The configuration and what is said about it all the same.
fn complained(text: &str) -> (Config, Vec<Diagnostic>) {
    Config::parse(Path::new(FILE), text).unwrap_or_else(|error| panic!("{error}"))
}

fn environment<'c>(config: &'c Config, name: &str) -> &'c Environment {
    let found = config
        .environments
        .iter()
        .find(|environment| &*environment.name == name);
    found.expect("the environment is there")
}

fn service<'c>(config: &'c Config, name: &str, service: &str) -> &'c Service {
    let found = environment(config, name)
        .services
        .iter()
        .find(|one| &*one.name == service);
    found.expect("the service is there")
}
