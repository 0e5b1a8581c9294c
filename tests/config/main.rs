//! The configuration as a user meets it: every error with its whole message, every default, `extends`, and the files that
//! other pages show.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers fail a test by panicking, too"
)]

mod acme;
mod cases;
mod certificates;
mod error_pages;
mod explain;
mod extends;
mod files;
mod folders;
mod parity;
mod parts;
mod typing;
mod users;
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

/// What a probe of its first instance asks for.
fn health_path(service: &Service) -> &str {
    let first = service.slots.all().next().expect("a service runs somewhere");
    service.health.path.at(first)
}

#[expect(clippy::disallowed_methods, reason = "a file of a test need not survive a crash")]
fn write(path: &Path, content: &[u8]) {
    std::fs::write(path, content).unwrap();
}
