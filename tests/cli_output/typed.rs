//! What may be typed, and what it means.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{CommandFactory as _, Parser as _};
use greengate::cli::args::{Cli, Command as Typed, parse_duration, parse_target};
use greengate::cli::client::find_socket;
use greengate::cli::commands::swap;
use greengate::model::api::{Kind, Target, exit};
use greengate::model::slot::Slot;

use crate::at;

#[test]
fn durations_have_units() {
    for (typed, millis) in [("500ms", 500), ("90s", 90_000), ("5m", 300_000), ("1h", 3_600_000)] {
        assert_eq!(parse_duration(typed), Ok(Duration::from_millis(millis)));
    }
    for typed in [
        "",
        "90",
        "s",
        "-1s",
        "1.5s",
        "5 m",
        "0s",
        "5d",
        "99999999999999999999s",
        "9999999999999999h",
    ] {
        assert!(parse_duration(typed).is_err(), "{typed}");
    }
    assert!(parse_duration("90").unwrap_err().contains("`90s`"));
}

#[test]
fn targets_are_slots_addresses_or_services() {
    assert_eq!(parse_target("green"), Ok(Target::Slot(Slot::Green)));
    assert_eq!(parse_target("3005"), Ok(Target::Address(at("3005"))));
    assert_eq!(
        parse_target("unix:/run/a=b.sock"),
        Ok(Target::Address(at("unix:/run/a=b.sock")))
    );
    assert_eq!(
        parse_target("files:/srv/site=new"),
        Ok(Target::Address(at("files:/srv/site=new")))
    );
    let services = [("web".to_owned(), at("3005")), ("api".to_owned(), at("8012"))].into();
    assert_eq!(parse_target("web=3005,api=8012"), Ok(Target::Services(services)));
    for typed in [
        "",
        "purple",
        "upstream",
        "0",
        "web=",
        "=3000",
        "web=3005,",
        "web=1,web=2",
        "web=3005,api",
    ] {
        assert!(parse_target(typed).is_err(), "{typed}");
    }
}

#[test]
fn the_command_line_becomes_the_request() {
    let cli = Cli::try_parse_from([
        "proxyctl",
        "swap",
        "prod",
        "--to",
        "web=3005",
        "--expect-version",
        "8b71ff7",
        "--force",
        "--deadline",
        "90s",
        "--yes=prod",
    ])
    .unwrap();
    let Typed::Swap(args) = cli.command else {
        panic!("{:?}", cli.command)
    };
    assert_eq!(args.common.switch.yes.as_deref(), Some("prod"));
    let request = args.request(args.common.switch.yes.clone());
    assert_eq!(request.deadline_ms, Some(90_000));
    assert_eq!(request.expect_version.as_deref(), Some("8b71ff7"));
    assert_eq!(request.kind, Kind::Swap);
    assert!(request.force && !request.dry_run);
    assert_eq!(request.confirmed.as_deref(), Some("prod"));

    // Without `=`, the next word is not the name.
    let cli = Cli::try_parse_from(["proxyctl", "rollback", "--yes", "prod", "--socket", "/s"]).unwrap();
    assert_eq!(cli.socket, Some("/s".into()));
    let Typed::Rollback(args) = cli.command else {
        panic!("{:?}", cli.command)
    };
    assert_eq!(
        (args.common.environment.as_str(), args.common.switch.yes.as_deref()),
        ("prod", Some(""))
    );
}

#[test]
fn what_cannot_be_meant_is_a_usage_error() {
    Cli::command().debug_assert();
    for args in [
        &["proxyctl", "swop", "prod"][..],
        &["proxyctl", "swap"],
        &["proxyctl", "rollback", "prod", "--to", "3000"],
        &["proxyctl", "swap", "prod", "--deadline", "90"],
        &["proxyctl", "history", "--limit", "0"],
    ] {
        let error = Cli::try_parse_from(args).unwrap_err();
        assert_eq!(error.exit_code(), i32::from(exit::USAGE), "{args:?}");
    }
}

#[test]
fn a_protected_environment_has_to_be_named() {
    let ask = |typed: &'static str| Some(move || typed.to_owned());
    let nobody = || None::<fn() -> String>;
    assert_eq!(swap::confirm("prod", false, None, nobody()), Ok(None));
    assert_eq!(
        swap::confirm("prod", true, None, ask("prod\n")),
        Ok(Some("prod".into()))
    );
    assert_eq!(
        swap::confirm("prod", true, Some("prod"), nobody()),
        Ok(Some("prod".into()))
    );
    for (protected, yes, ask) in [
        (true, None, ask("dev\n")),
        (true, Some(""), ask("prod")),
        (true, Some("dev"), ask("prod")),
        (false, Some("dev"), ask("prod")),
    ] {
        assert_eq!(
            swap::confirm("prod", protected, yes, ask).unwrap_err().code,
            exit::USAGE
        );
    }
    let refused = swap::confirm("prod", true, None, nobody()).unwrap_err();
    assert_eq!(refused.code, exit::USAGE);
    assert!(refused.hint.unwrap().contains("--yes=prod"));
}

#[test]
fn the_socket_is_looked_for_where_the_daemon_puts_it() {
    const SYSTEM: &str = "/run/greengate/control.sock";
    const MINE: &str = "/run/user/1000/greengate/control.sock";
    let world = |pairs: &'static [(&str, &str)]| {
        move |name: &str| {
            pairs
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| value.into())
        }
    };
    let find = |pairs, root, existing: &'static [&str]| {
        find_socket(None, world(pairs), root, |path: &Path| {
            existing.iter().any(|one| path == Path::new(one))
        })
        .unwrap()
    };
    assert_eq!(find(&[], true, &[]), Path::new(SYSTEM));
    assert_eq!(
        find(&[("RUNTIME_DIRECTORY", "/run/gg")], true, &[]),
        Path::new("/run/gg/control.sock")
    );
    assert_eq!(
        find(&[("XDG_RUNTIME_DIR", "/run/user/1000")], false, &[]),
        Path::new(MINE)
    );
    // A member of the control group is not root.
    assert_eq!(
        find(&[("XDG_RUNTIME_DIR", "/run/user/1000")], false, &[SYSTEM]),
        Path::new(SYSTEM)
    );
    assert_eq!(
        find(&[("XDG_RUNTIME_DIR", "/run/user/1000")], false, &[SYSTEM, MINE]),
        Path::new(MINE)
    );
    assert_eq!(
        find(&[("PROXYCTL_SOCKET", "/a"), ("RUNTIME_DIRECTORY", "/b")], true, &[]),
        Path::new("/a")
    );
    assert_eq!(find(&[("PROXYCTL_SOCKET", "")], true, &[]), Path::new(SYSTEM));
    let flag = find_socket(Some("/flag".into()), world(&[("PROXYCTL_SOCKET", "/a")]), true, |_| {
        true
    });
    assert_eq!(flag, Ok(PathBuf::from("/flag")));
}
