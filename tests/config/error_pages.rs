//! Folders of error pages: what may be in them, and what is said where it is not so.

use std::path::Path;

use greengate::config::{Config, Diagnostic, Severity};
use greengate::model::error_pages::PageName;

use super::{environment, service, write};

const TEXT: &str = "[env.prod]\nhost = \"example.com\"\nupstream = 3000\nerror_pages = \"pages\"\n";

/// What is said about a folder with these files, without the path of the folder.
fn said(files: &[(&str, &[u8])]) -> Vec<String> {
    let (config, diagnostics) = checked(files);
    assert!(config.environments[0].error_pages.is_some());
    diagnostics
}

fn checked(files: &[(&str, &[u8])]) -> (Config, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let pages = folder.path().join("pages");
    std::fs::create_dir(&pages).unwrap();
    for (name, content) in files {
        write(&pages.join(name), content);
    }
    let (config, diagnostics) = Config::parse(&folder.path().join("proxy.toml"), TEXT).unwrap();
    let at = format!("{}/", folder.path().display());
    let shown = |one: &Diagnostic| {
        assert_eq!(one.line(TEXT), 4);
        assert_eq!(one.severity == Severity::Pages, one.is_error_for_check(), "{one}");
        one.to_string().replace(&at, "")
    };
    (config, diagnostics.iter().map(shown).collect())
}

#[test]
fn pages_are_read_once_and_the_nearest_folder_wins() {
    let folder = tempfile::tempdir().unwrap();
    for (place, text) in [("all", "all {status}"), ("prod", "prod"), ("api", "api")] {
        std::fs::create_dir(folder.path().join(place)).unwrap();
        write(&folder.path().join(place).join("5xx.html"), text.as_bytes());
        write(&folder.path().join(place).join(".hidden"), b"");
    }
    let text = "[defaults]\nerror_pages = \"all\"\n\
                [env.prod]\nerror_pages = \"prod\"\n\
                [env.prod.service.web]\nhost = \"a.example.com\"\nupstream = 1\n\
                [env.prod.service.api]\nhost = \"b.example.com\"\nupstream = 2\nerror_pages = \"api\"\n\
                [env.prod.service.raw]\nhost = \"c.example.com\"\nupstream = 3\nerror_pages = \"off\"\n\
                [env.copy]\nextends = \"prod\"\n\
                [env.copy.service.web]\nhost = \"d.example.com\"\nupstream = 4\n\
                [env.copy.service.api]\nhost = \"e.example.com\"\nupstream = 5\n\
                [env.copy.service.raw]\nhost = \"f.example.com\"\nupstream = 6\n\
                [env.dev]\nhost = \"dev.example.com\"\nupstream = 7\n";
    let (config, diagnostics) = Config::parse(&folder.path().join("proxy.toml"), text).unwrap();
    assert!(diagnostics.is_empty(), "{diagnostics:?}");
    let of = |env: &str, name: &str| {
        let pages = service(&config, env, name).error_pages.as_ref()?;
        Some(pages.find(502)?.text().to_owned())
    };
    for env in ["prod", "copy"] {
        assert_eq!(of(env, "web").as_deref(), Some("prod"));
        assert_eq!(of(env, "api").as_deref(), Some("api"));
        assert_eq!(of(env, "raw"), None);
        let own = environment(&config, env).error_pages.as_ref().unwrap();
        assert_eq!(own.folder, folder.path().join("prod"));
    }
    assert_eq!(of("dev", "dev").as_deref(), Some("all {status}"));
    assert!(
        config
            .error_pages
            .as_ref()
            .unwrap()
            .pages
            .contains_key(&PageName::Class(5))
    );
}

#[test]
fn what_is_no_page_is_an_error_of_check_with_a_way_out() {
    let mut large = vec![b'a'; 64 << 10];
    assert_eq!(
        said(&[("404.html", &large), ("5xx.html", b"<h1>{status}</h1>")]),
        [""; 0]
    );
    large.push(b'a');
    let what = "a page is for one status from 400 to 599, or for all that begin as it does";
    let alone = "nothing in the folder is served by itself: styles and pictures have to stand in the page";
    assert_eq!(
        said(&[
            ("200.html", b"a"),
            ("401.html", b"a"),
            ("404.html", &large),
            ("429.html", b" \n"),
            ("500.html", b"a"),
            ("503.html", b"\xff"),
            ("foo.html", b"a"),
            ("style.css", b"a"),
        ]),
        [
            format!("`pages/200.html` is no page of an error; hint: {what}"),
            "cannot read `pages/404.html`: larger than 64 KiB".to_owned(),
            "`pages/429.html` is empty".to_owned(),
            "the proxy never answers 500 by itself; hint: `pages/500.html` is never shown: what an app answers is the app's own"
                .to_owned(),
            "`pages/503.html` is no UTF-8".to_owned(),
            format!("`pages/foo.html` is no page of an error; hint: {what}"),
            format!("`pages/style.css` is no page of an error; hint: {alone}"),
        ]
    );
    assert_eq!(said(&[]), ["`pages` holds no page"]);
    // What can be used is used, when a daemon starts.
    let (config, _) = checked(&[("503.html", b"\xff"), ("404.html", b"gone")]);
    let pages = config.environments[0].services[0].error_pages.clone().unwrap();
    assert!(pages.find(404).is_some() && pages.find(503).is_none());
}

#[test]
fn a_folder_that_cannot_be_read_is_an_error_of_check() {
    let folder = tempfile::tempdir().unwrap();
    let said = |prepare: &dyn Fn(&Path)| {
        let pages = folder.path().join("pages");
        prepare(&pages);
        let (_, diagnostics) = Config::parse(&folder.path().join("proxy.toml"), TEXT).unwrap();
        assert_eq!(diagnostics.len(), 1);
        assert!(diagnostics[0].is_error_for_check() && diagnostics[0].refuses_reload());
        diagnostics[0]
            .to_string()
            .replace(&format!("{}/", folder.path().display()), "")
    };
    let missing = said(&|_| {});
    assert!(missing.starts_with("cannot read the folder `pages`: ") && missing.contains("relative paths"));
    let many = said(&|pages| {
        std::fs::create_dir(pages).unwrap();
        (0..=250).for_each(|n| write(&pages.join(format!("{n}")), b""));
    });
    assert_eq!(
        many,
        "cannot read the folder `pages`: more than 250 files; hint: the daemon's user has to be able to read it"
    );
    let folder_in_it = said(&|pages| {
        std::fs::remove_dir_all(pages).unwrap();
        std::fs::create_dir_all(pages.join("404.html")).unwrap();
    });
    assert_eq!(folder_in_it, "cannot read `pages/404.html`: not a file");
    let file = said(&|pages| {
        std::fs::remove_dir_all(pages).unwrap();
        write(pages, b"");
    });
    assert!(file.contains("hint: name the folder that the pages are in"), "{file}");
}
