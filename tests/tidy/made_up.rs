//! The checks against made-up sources: what they are to find, and what they are not.

use std::path::PathBuf;

use super::imports::arrows;
use super::{circles_of_imports, is_misnamed, wrong_between_floors, wrong_between_rooms};

fn house(files: &[(&str, &str)]) -> Vec<(PathBuf, String)> {
    let mut files: Vec<_> = files
        .iter()
        .map(|(path, text)| (PathBuf::from("src").join(path), (*text).to_owned()))
        .collect();
    files.sort();
    files
}

/// The arrows, as `from → to`; those of tests in brackets.
fn seen(files: &[(&str, &str)]) -> Vec<String> {
    let short = |path: &std::path::Path| path.strip_prefix("src").unwrap().display().to_string();
    let arrows = arrows(&house(files)).into_iter().map(|arrow| {
        let shown = format!("{} → {}", short(&arrow.from), short(&arrow.to));
        if arrow.test { format!("({shown})") } else { shown }
    });
    arrows.collect()
}

#[test]
fn an_import_leads_to_the_file_of_the_last_module_that_it_names() {
    let house = [
        ("a/mod.rs", "mod b; mod c;"),
        ("a/b.rs", "use crate::a::c::Thing;"),
        ("a/c.rs", "pub struct Thing;"),
    ];
    assert_eq!(seen(&house), ["a/b.rs → a/c.rs"]);
}

#[test]
fn every_spelling_of_an_import_is_an_arrow() {
    for spelling in [
        "use crate::a::c;",
        "use crate::a::c as d;",
        "use crate::a::c::*;",
        "use crate::a::{self as this, c::Thing};",
        "use crate::{a::{c::{self, Thing}}, e};",
        "use crate::{\n    a::{\n        e,\n        c::{Thing, Other as Another},\n    },\n};",
        "use super::c::Thing;",
        "use super::{c::Thing};",
        "use super::super::a::c::Thing;",
        "pub use super::c::Thing;",
        "pub(crate) use super::c::Thing;",
        "pub(in crate::a) use super::c::Thing;",
        "mod tests { use super::super::c::Thing; }",
        "fn f() { crate::a::c::g() }",
        "fn f() -> super::c::Thing { todo() }",
        "fn f() { r#\"in a text\"#; super::c::g() }",
        "fn f<'a>(c: char) -> bool { c == '\"' && super::c::g::<'a>() }",
        "use crate::a;\nfn f() { a::c::g() }",
    ] {
        let house = [("a/mod.rs", "mod b; mod c;"), ("a/b.rs", spelling), ("a/c.rs", "")];
        assert!(seen(&house).contains(&"a/b.rs → a/c.rs".to_owned()), "{spelling}");
    }
}

#[test]
fn what_is_no_import_is_no_arrow() {
    for spelling in [
        "// use crate::a::c;",
        "/* crate::a::c::g() */",
        "//! use super::c::Thing;",
        "const C: &str = \"crate::a::c \\\" super::c::g()\";",
        "const C: &str = r#\"use \"crate::a::c\"; super::c::g()\"#;",
        "pub(in crate::a) struct C;",
        "pub(super) fn c() {}",
        "use std::a::c;",
        "use c::Thing;",
        "mod c { pub fn g() {} }\nfn f() { c::g() }",
        "fn f() { self::g() }",
    ] {
        let house = [("a/mod.rs", "mod b; mod c;"), ("a/b.rs", spelling), ("a/c.rs", "")];
        assert_eq!(seen(&house), Vec::<String>::new(), "{spelling}");
    }
}

#[test]
fn what_a_door_hands_on_is_the_doors() {
    let house = [
        ("x/mod.rs", "mod y;\npub use y::Y;"),
        ("x/y.rs", "pub struct Y;"),
        ("z.rs", "use crate::x::Y;"),
    ];
    assert_eq!(seen(&house), ["x/mod.rs → x/y.rs", "z.rs → x/mod.rs"]);
}

#[test]
fn a_module_is_found_where_the_compiler_finds_it() {
    let house = [
        ("a.rs", "mod b;\nmod c { pub mod d {} }\nfn f() { b::g(); c::d::g() }"),
        ("a/b.rs", "use super::c::d::g;\nuse super::h;"),
        ("e.rs", "use crate::a::c::d;"),
    ];
    assert_eq!(seen(&house), ["a/b.rs → a.rs", "a.rs → a/b.rs", "e.rs → a.rs"]);
    let elsewhere = [
        ("a.rs", "#[cfg(test)]\n#[path = \"a_tests.rs\"]\nmod tests;"),
        ("a_tests.rs", "use super::g;\nuse crate::b::g;"),
        ("b.rs", ""),
    ];
    assert_eq!(seen(&elsewhere), ["(a_tests.rs → a.rs)", "(a_tests.rs → b.rs)"]);
}

#[test]
fn what_only_tests_need_is_told_apart() {
    let house = [
        (
            "a.rs",
            "#[cfg(test)]\nuse crate::b::g;\nuse crate::c::g;\n#[cfg(test)]\nmod tests;",
        ),
        ("a/tests.rs", "use crate::b::g;"),
        (
            "b.rs",
            "#[cfg(test)]\nmod tests { use crate::c::g; }\n#[cfg(not(test))]\nfn f() { crate::a::g() }",
        ),
        (
            "c.rs",
            "#[cfg(test)]\nfn f() -> crate::a::T { }\nfn g() { crate::b::g() }",
        ),
    ];
    let expected = [
        "(a/tests.rs → b.rs)",
        "(a.rs → b.rs)",
        "a.rs → c.rs",
        "b.rs → a.rs",
        "(b.rs → c.rs)",
        "(c.rs → a.rs)",
        "c.rs → b.rs",
    ];
    assert_eq!(seen(&house), expected);
}

#[test]
fn circles_are_found_and_named() {
    let circles = |files: &[(&str, &str)]| circles_of_imports(&house(files));
    let two = [("a.rs", "use crate::b::B;"), ("b.rs", "use crate::a::A;")];
    assert_eq!(circles(&two), ["src/a.rs → src/b.rs → src/a.rs"]);
    let three = [
        ("r/a.rs", "use super::b::B;"),
        ("r/b.rs", "use super::{c::C, d::D};"),
        ("r/c.rs", "use crate::r::a::A;"),
        ("r/d.rs", ""),
    ];
    assert_eq!(circles(&three), ["src/r/a.rs → src/r/b.rs → src/r/c.rs → src/r/a.rs"]);
    let through_the_door = [
        ("r/mod.rs", "mod a;\nmod b;\npub use a::A;"),
        ("r/a.rs", "use super::b::B;"),
        ("r/b.rs", "use super::A;"),
    ];
    assert_eq!(
        circles(&through_the_door),
        ["src/r/a.rs → src/r/b.rs → src/r/mod.rs → src/r/a.rs"]
    );
    let a_door_that_defines = [
        ("r/mod.rs", "mod a;\nfn f() { a::g() }\npub(crate) const N: u8 = 1;"),
        ("r/a.rs", "use super::N;"),
    ];
    assert_eq!(
        circles(&a_door_that_defines),
        ["src/r/a.rs → src/r/mod.rs → src/r/a.rs"]
    );
    let only_down = [
        ("r/mod.rs", "mod a;\nmod b;\npub use a::A;"),
        ("r/a.rs", "use super::b::B;"),
        ("r/b.rs", "#[cfg(test)]\nmod tests { use crate::r::A; }"),
    ];
    assert_eq!(circles(&only_down), Vec::<String>::new());
}

#[test]
fn a_circle_of_folders_is_found_where_no_file_goes_round() {
    let house = house(&[
        ("r/up/a.rs", "use crate::r::down::c::C;"),
        ("r/up/b.rs", ""),
        ("r/down/c.rs", ""),
        ("r/down/d.rs", "use crate::r::up::b::B;"),
    ]);
    assert_eq!(circles_of_imports(&house), ["src/r/down → src/r/up → src/r/down"]);
}

#[test]
fn an_arrow_up_between_floors_is_named() {
    let files = house(&[
        ("r/up/a.rs", "use crate::r::down::b::B;"),
        ("r/down/b.rs", "use crate::r::top;\nuse crate::r::free;"),
        ("r/top.rs", ""),
        ("r/free.rs", ""),
    ]);
    assert_eq!(
        wrong_between_floors(&files, &[("r", "top up down")]),
        ["src/r/down/b.rs:1 sees src/r/top.rs"]
    );
    let forgotten = wrong_between_floors(&files, &[("r", "up")]);
    assert_eq!(
        forgotten,
        ["`down` is a floor of `r` that this test does not know: give it its place"]
    );
}

#[test]
fn an_arrow_up_or_sideways_between_rooms_is_named() {
    let wrong = |path: &str, text: &str| {
        let rooms = [
            "config/mod.rs",
            "control/mod.rs",
            "http1/mod.rs",
            "model/mod.rs",
            "proxy/mod.rs",
            "tls/mod.rs",
        ];
        let mut files: Vec<_> = rooms
            .iter()
            .filter(|room| **room != path)
            .map(|room| (*room, ""))
            .collect();
        files.push((path, text));
        wrong_between_rooms(&house(&files)).len()
    };
    assert_eq!(wrong("model/drain.rs", "use crate::config::units::Duration;"), 1);
    assert_eq!(
        wrong(
            "model/drain.rs",
            "use crate::model::slot::Slot;\nuse super::slot::Slot;"
        ),
        0
    );
    assert_eq!(
        wrong("proxy/core.rs", "use crate::{config::Config, tls::{store, files}};"),
        1
    );
    assert_eq!(wrong("proxy/core.rs", "fn f() { crate::control::x() }"), 1);
    assert_eq!(
        wrong("proxy/core.rs", "#[cfg(test)]\nmod tests { use crate::control::x; }"),
        1
    );
    assert_eq!(wrong("tls/mod.rs", "use super::proxy::Error;"), 1);
    assert_eq!(wrong("tls/store.rs", "use super::super::proxy::Error;"), 1);
    assert_eq!(wrong("tls/store.rs", "use super::proxy::Error;"), 0);
    assert_eq!(wrong("control/switcher/mod.rs", "use super::super::proxy::run;"), 0);
    assert_eq!(
        wrong("cli/output.rs", "// crate::control\nlet text = \"crate::control\";"),
        0
    );
    assert_eq!(wrong("cli/output.rs", "use crate::http1::head;"), 1);
    assert_eq!(wrong("bin/proxyd.rs", "use greengate::control::Daemon;"), 0);
    assert_eq!(wrong("cellar/mod.rs", ""), 1);
}

#[test]
fn a_rule_stands_at_the_beginning_of_a_name() {
    for name in [
        "n12_it_waits",
        "e7_it_is_refused",
        "f5_it_is_found",
        "as_f64",
        "it_is_http2",
        "n",
        "e2e_runs",
    ] {
        assert!(!is_misnamed(name), "{name}");
    }
    for name in ["it_waits_n12", "n05_one_at_a_time", "an_e7_is_refused", "n1_and_n2"] {
        assert!(is_misnamed(name), "{name}");
    }
}
