//! Files on disk: the examples that other pages show, what cannot be read, and how a report looks.

use std::path::Path;

use greengate::config::{Config, Listen, Severity, render};

use super::{FILE, accepted, complained, health_path, service, write};

#[test]
fn the_examples_of_deployments_are_accepted() {
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/deploy.md")).unwrap();
    let blocks: Vec<&str> = page
        .split("```toml\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .collect();
    assert!(blocks.len() > 6, "{} examples", blocks.len());
    for block in blocks {
        let prod = "[env.prod]\nhost = \"example.com\"\nblue = 3000\ngreen = 3001\n";
        let around = if block.contains("host ") { "" } else { prod };
        let text = format!("{around}{block}");
        if let Err(error) = Config::parse(Path::new(FILE), &text) {
            panic!("{block}\n{error}");
        }
    }
}

#[test]
fn the_examples_of_the_manual_are_accepted() {
    let config = accepted(
        r#"
[env.prod]
host  = "example.com"
blue  = 3000
green = 3001

[env.dev]
host     = "dev.example.com"
upstream = 4000
"#,
    );
    assert_eq!(config.environments.len(), 2);
    let (config, diagnostics) = complained(
        r#"
[env.prod]
protected = true                        # swap and rollback ask for the name, or --yes=prod

[env.prod.service.web]
host  = "app.example.com"
blue  = 3000
green = 3010

[env.prod.service.api]
host  = "api.example.com"
blue  = 8001
green = 8011
health.path = "/healthz"

[env.staging]
extends    = "prod"                     # same services, same rules
label      = "staging"                  # X-Environment header, noindex
[env.staging.service.web]
host = "staging.example.com"
upstream = 3001
[env.staging.service.api]
host = "staging-api.example.com"
upstream = 8002
"#,
    );
    let said: Vec<_> = diagnostics
        .iter()
        .map(|one| (one.severity, one.message.as_str()))
        .collect();
    let open = "`staging` has a `label`, and everybody on the internet may read it";
    assert_eq!(said, [(Severity::Warning, open)], "once, whatever services there are");
    assert_eq!(health_path(service(&config, "staging", "api")), "/healthz");
    assert_eq!(service(&config, "staging", "web").label.as_deref(), Some("staging"));
}

#[test]
fn the_annotated_example_is_accepted_and_needs_no_root() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("proxy.toml.example");
    let text = std::fs::read_to_string(&path).unwrap();
    let (config, diagnostics) = Config::load(&path).unwrap_or_else(|error| panic!("{error}"));
    assert!(diagnostics.is_empty(), "{}", render(FILE, &text, &diagnostics, false));
    for listen in [&config.server.http, &config.server.https] {
        let Listen::At(addresses) = listen else {
            panic!("{listen:?} needs root")
        };
        assert!(addresses.iter().all(|address| address.port() >= 1024));
    }
    let hosts = || {
        config
            .environments
            .iter()
            .flat_map(|one| &one.services)
            .flat_map(|one| &one.hosts)
    };
    assert!(hosts().all(|host| host.ends_with(".localhost")));
    assert!(service(&config, "prod", "web").slots.can_swap());
    assert!(!service(&config, "staging", "web").slots.can_swap());
}

/// A commented line that shows a default, uncommented, has to change nothing.
#[test]
fn the_defaults_that_the_annotated_example_shows_are_the_defaults() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("proxy.toml.example");
    let text = std::fs::read_to_string(&path).unwrap();
    let plain = accepted(&text);
    let mut shown = 0;
    for line in text.lines() {
        let Some(setting) = line.strip_prefix("# ").filter(|line| line.contains(" = ")) else {
            continue;
        };
        // What has no default to show says so behind the value.
        if setting.contains("default:")
            || setting.contains("not as root")
            || !setting.starts_with(|c: char| c.is_lowercase())
        {
            continue;
        }
        let config = accepted(&text.replace(line, setting));
        assert_eq!(
            (&config.server, &config.acme),
            (&plain.server, &plain.acme),
            "{setting}"
        );
        for (one, other) in config.environments.iter().zip(&plain.environments) {
            assert_eq!(one.services, other.services, "{setting}");
        }
        shown += 1;
    }
    assert!(shown >= 15, "only {shown} defaults are shown");
}

#[test]
fn a_file_that_cannot_be_read_is_an_error_with_path_and_reason() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("proxy.toml");
    let error = Config::load(&path).unwrap_err();
    let shown = path.display();
    assert_eq!(
        error.render(false),
        format!("error: cannot read `{shown}`: No such file or directory (os error 2)\n--> {shown}\n")
    );
    let error = Config::load(folder.path()).unwrap_err();
    assert!(error.to_string().contains("Is a directory"), "{error}");
}

#[test]
fn a_file_that_is_not_utf_8_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("proxy.toml");
    write(&path, b"[env.a]\nhost = \"\xff\"\n");
    let error = Config::load(&path).unwrap_err().to_string();
    assert!(
        error.contains("invalid utf-8 sequence of 1 bytes from index 16"),
        "{error}"
    );
}

#[test]
fn colours_are_drawn_only_when_asked_for() {
    let error = Config::parse(Path::new(FILE), "colour = 1\n").unwrap_err();
    assert!(!error.render(false).contains('\u{1b}'));
    assert!(error.render(true).contains('\u{1b}'));
}

#[test]
fn a_warning_is_one_line_in_a_log_and_no_error_for_check() {
    let text = include_str!("accepted/a_drain_that_is_shorter_than_an_answer_may_take_is_a_warning.toml");
    let (_, diagnostics) = complained(text);
    assert_eq!(diagnostics.len(), 1);
    assert_eq!(diagnostics[0].severity, Severity::Warning);
    assert!(!diagnostics[0].is_error_for_check());
    assert_eq!(diagnostics[0].line(text), 5);
    assert_eq!(
        diagnostics[0].to_string(),
        "`drain.requests` (30 s) is shorter than `timeout.response` (5 min); hint: a request that was sent just before a swap \
         may be cut off while it still waits for its answer"
    );
}
