//! Folders that are slots: what is looked for on the disk, and what a folder is asked for.

use std::os::unix::fs::symlink;
use std::path::Path;

use greengate::config::{Config, Diagnostic, Severity};
use greengate::model::files::Missing;

use super::{accepted, environment, health_path, service, write};

/// What is said about a service in this folder; `FOLDER` in the text is where it is.
fn said(folder: &Path, text: &str) -> Vec<Diagnostic> {
    let text = text.replace("FOLDER", &folder.display().to_string());
    Config::parse(&folder.join("proxy.toml"), &text).unwrap().1
}

#[test]
fn a_folder_may_be_reached_by_a_link_but_not_by_two_names_for_two_sides() {
    let folder = tempfile::tempdir().unwrap();
    for side in ["one", "two"] {
        std::fs::create_dir(folder.path().join(side)).unwrap();
    }
    symlink("one", folder.path().join("current")).unwrap();
    let pair = |blue: &str, green: &str| {
        let text =
            format!("[env.a]\nhost = \"a.com\"\nblue = \"files:FOLDER/{blue}\"\ngreen = \"files:FOLDER/{green}\"\n");
        said(folder.path(), &text)
    };
    assert!(pair("current", "two").is_empty());
    let [twin] = &pair("one", "current")[..] else {
        panic!("two names for one folder")
    };
    assert_eq!(twin.severity, Severity::Folder);
    assert!(twin.message.contains("is the same folder as"), "{twin}");
    assert!(twin.is_error_for_check() && twin.refuses_reload());
}

#[test]
fn a_configuration_that_everybody_could_read_is_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("proxy.toml"), b"");
    std::fs::create_dir(folder.path().join("dist")).unwrap();
    let of = |path: &str| {
        said(
            folder.path(),
            &format!("[env.a]\nhost = \"a.com\"\nupstream = \"files:FOLDER{path}\"\n"),
        )
    };
    let [inside] = &of("")[..] else {
        panic!("the file is in the folder")
    };
    assert_eq!(inside.severity, Severity::Warning);
    assert!(inside.message.contains("is in this folder"), "{inside}");
    assert!(of("/dist").is_empty());
}

#[test]
fn what_is_asked_of_a_folder_is_the_page_that_clients_come_to_first() {
    let config = accepted(
        r#"
        [env.prod.service.site]
        host = "example.com"
        blue = "files:/usr"
        green = "files:/etc"
        [env.prod.service.docs]
        host = "example.com"
        path = "/docs"
        upstream = "files:/usr/lib"
        [env.prod.service.bare]
        host = "example.com"
        path = "/bare"
        strip_prefix = true
        upstream = "files:/usr/lib"
        [env.prod.service.named]
        host = "named.example.com"
        upstream = "files:/usr/lib"
        health.path = "/version.json"
        [env.prod.service.both]
        host = "both.example.com"
        blue = 3000
        green = "files:/usr/bin"
        "#,
    );
    let path = |name| health_path(service(&config, "prod", name));
    assert_eq!(
        ["site", "docs", "bare", "named"].map(path),
        ["/", "/docs/", "/", "/version.json"]
    );
    let both = service(&config, "prod", "both");
    let paths: Vec<_> = both.slots.all().map(|address| both.health.path.at(address)).collect();
    assert_eq!(paths, ["/health", "/"], "an app and a folder each have their own");
}

#[test]
fn the_nearest_says_what_is_answered_for_what_is_missing() {
    let config = accepted(
        r#"
        [defaults]
        files.not_found = "/404.html"
        [env.plain]
        host = "plain.com"
        upstream = "files:/usr"
        [env.app]
        host = "app.com"
        upstream = "files:/usr/lib"
        files.fallback = "/index.html"
        files.not_found = "off"
        [env.bare]
        host = "bare.com"
        upstream = "files:/usr/bin"
        files.not_found = "off"
        [env.other]
        host = "other.com"
        upstream = 3000
        "#,
    );
    let missing = |name| environment(&config, name).services[0].missing.clone();
    assert_eq!(missing("plain"), Missing::Page("/404.html".into()));
    assert_eq!(missing("app"), Missing::Fallback("/index.html".into()));
    assert_eq!(
        (missing("bare"), missing("other")),
        (Missing::Nothing, Missing::Nothing)
    );
}
