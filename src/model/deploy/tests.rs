//! What each preset makes of a side, as the commands that one would type.

use super::*;
use crate::model::slot::{Address, Slot};
use std::path::PathBuf;

fn template(text: &str) -> Template {
    Template::parse(text).unwrap()
}

fn templates(texts: &[&str]) -> Vec<Template> {
    texts.iter().map(|text| template(text)).collect()
}

fn words(texts: &[&str]) -> Vec<Words> {
    texts.iter().map(|text| Words::parse(text).unwrap()).collect()
}

fn with(preset: Preset) -> Table {
    Table {
        preset: Some(preset),
        before: Vec::new(),
        after: Vec::new(),
        keep: std::time::Duration::ZERO,
        cwd: None,
    }
}

fn docker(port: Option<u16>) -> Table {
    with(Preset::Docker(Docker {
        image: template("ghcr.io/me/web:{version}"),
        port,
        args: templates(&["--env-file", "/etc/web-{slot}.env"]),
    }))
}

fn plain(start: &[&str], stop: &[&str]) -> Table {
    with(Preset::Plain(Plain {
        start: words(start),
        stop: words(stop),
    }))
}

/// Green of the service `web` of `prod`, at these addresses.
fn green<T>(addresses: &[&str], see: impl FnOnce(&Values<'_>) -> T) -> T {
    let addresses: Vec<Address> = addresses.iter().map(|text| text.parse().unwrap()).collect();
    see(&Values {
        environment: "prod",
        service: Some("web"),
        slot: Slot::Green,
        addresses: &addresses,
        version: Some("8b71ff7"),
    })
}

/// Commands as they are read, each behind what it depends on.
fn shown(commands: Result<Vec<CommandLine>, NoValue>) -> Vec<String> {
    let one = |command: &CommandLine| {
        let conditions = command
            .only_if
            .iter()
            .map(|condition| format!("{:?}({}) ", condition.met, condition.argv.join(" ")));
        format!("{}{command}", conditions.collect::<String>())
    };
    commands.unwrap().iter().map(one).collect()
}

#[test]
fn units_of_the_caller_are_preferred_and_failures_are_forgotten_before_a_start() {
    let deploy = with(Preset::Systemd(Systemd {
        units: templates(&["web@{slot}", "worker@{port}"]),
    }));
    green(&["3010", "3011"], |values| {
        let units = "web@green worker@3010 worker@3011";
        let mine = format!("Succeeds(systemctl --user cat {units}) ");
        let machines = format!("Fails(systemctl --user cat {units}) ");
        assert_eq!(
            shown(deploy.start(values)),
            [
                format!(
                    "{mine}Succeeds(systemctl --user is-failed --quiet {units}) systemctl --user reset-failed {units}"
                ),
                format!("{mine}systemctl --user restart {units}"),
                format!("{machines}Succeeds(systemctl is-failed --quiet {units}) systemctl reset-failed {units}"),
                format!("{machines}systemctl restart {units}"),
            ]
        );
        assert_eq!(
            shown(deploy.stop(values)),
            [
                format!("{mine}systemctl --user stop {units}"),
                format!("{machines}systemctl stop {units}"),
            ]
        );
        assert_eq!(
            shown(deploy.log(values))[..2],
            [
                "Succeeds(systemctl --user cat web@green) journalctl --user --no-pager --quiet --lines 30 --unit web@green",
                "Fails(systemctl --user cat web@green) journalctl --no-pager --quiet --lines 30 --unit web@green",
            ]
        );
    });
}

#[test]
fn a_process_of_pm2_is_restarted_or_where_a_file_describes_it_started_anew() {
    let pm2 = |ecosystem: Option<&str>| {
        with(Preset::Pm2(Pm2 {
            names: templates(&["web-{slot}"]),
            ecosystem: ecosystem.map(template),
        }))
    };
    let exists = "Prints(pm2 ping) Succeeds(pm2 describe web-green) ";
    green(&["3010"], |values| {
        let start = |ecosystem| shown(pm2(ecosystem).start(values));
        assert_eq!(start(None), ["pm2 restart web-green --update-env"]);
        assert_eq!(
            start(Some("ecosystem.config.js")),
            [
                format!("{exists}pm2 delete web-green"),
                "pm2 start ecosystem.config.js --only web-green".to_owned(),
            ]
        );
        assert_eq!(shown(pm2(None).stop(values)), [format!("{exists}pm2 stop web-green")]);
        assert_eq!(
            shown(pm2(None).log(values)),
            [format!("{exists}pm2 logs web-green --nostream --raw --lines 30")]
        );
        assert_eq!(pm2(None).start(values).unwrap()[0].env["PORT"], "3010");
    });
}

#[test]
fn a_container_takes_the_place_of_the_one_before_it_and_is_published_on_the_address_of_its_side() {
    let exists = "Prints(docker container ls --all --quiet --filter name=^greengate-prod-web-green$) ";
    let variables = "--env GREENGATE_ADDRESS=127.0.0.1:3010 --env GREENGATE_ENVIRONMENT=prod --env GREENGATE_PORT=3010 \
                     --env GREENGATE_SERVICE=web --env GREENGATE_SLOT=green --env GREENGATE_VERSION=8b71ff7 --env PORT=3000";
    green(&["3010"], |values| {
        assert_eq!(
            shown(docker(Some(3000)).start(values)),
            [
                format!("{exists}docker rm --force greengate-prod-web-green"),
                format!(
                    "docker run --detach --name greengate-prod-web-green --restart unless-stopped --publish 127.0.0.1:3010:3000 \
                     {variables} --env-file /etc/web-green.env ghcr.io/me/web:8b71ff7"
                ),
            ]
        );
        assert_eq!(
            shown(docker(Some(3000)).stop(values)),
            [
                format!("{exists}docker stop greengate-prod-web-green"),
                format!("{exists}docker rm greengate-prod-web-green"),
            ]
        );
        assert_eq!(
            shown(docker(Some(3000)).log(values)),
            [format!("{exists}docker logs --tail 30 greengate-prod-web-green")]
        );
    });
}

#[test]
fn containers_are_published_on_what_docker_understands() {
    let run = |address: &str, port| green(&[address], |values| shown(docker(port).start(values))[1].clone());
    for (address, published) in [
        ("localhost:3010", "--publish 127.0.0.1:3010:3000 "),
        ("[::1]:3010", "--publish '[::1]:3010:3000' "),
        ("10.0.0.2:3010", "--publish 10.0.0.2:3010:3000 "),
    ] {
        assert!(
            run(address, Some(3000)).contains(published),
            "{}",
            run(address, Some(3000))
        );
    }
    let socket = run("unix:/run/web.sock", None);
    assert!(!socket.contains("--publish") && !socket.contains("PORT="), "{socket}");
    assert!(
        socket.contains("--env GREENGATE_ADDRESS=unix:/run/web.sock"),
        "{socket}"
    );
}

#[test]
fn each_instance_has_a_container_of_its_own() {
    green(&["3010", "3011"], |values| {
        let names = shown(docker(Some(3000)).stop(values));
        let names: Vec<&str> = names
            .iter()
            .filter_map(|line| line.split_once(" docker stop "))
            .map(|(_, name)| name)
            .collect();
        assert_eq!(names, ["greengate-prod-web-green", "greengate-prod-web-green-2"]);
        let started = shown(docker(Some(3000)).start(values));
        assert!(started[3].contains("127.0.0.1:3011:3000"), "{}", started[3]);
    });
}

#[test]
fn services_of_a_compose_file_are_created_anew_without_what_they_depend_on() {
    let deploy = with(Preset::Compose(Compose {
        file: template("compose.yml"),
        services: templates(&["web-{slot}"]),
    }));
    green(&["3010"], |values| {
        let both = |words: &str| {
            [
                format!("Succeeds(docker compose version) docker compose --file compose.yml {words} web-green"),
                format!("Fails(docker compose version) docker-compose --file compose.yml {words} web-green"),
            ]
        };
        assert_eq!(
            shown(deploy.start(values)),
            both("up --detach --no-deps --force-recreate")
        );
        assert_eq!(shown(deploy.stop(values)), both("stop"));
        assert_eq!(shown(deploy.log(values)), both("logs --no-color --tail 30"));
    });
}

#[test]
fn a_command_that_names_an_instance_is_run_for_each_and_one_that_is_run_once_has_the_first() {
    let mut deploy = plain(&["./start {port}", "./tell {slot}"], &["./stop {address}"]);
    deploy.before = words(&["./migrate {port}"]);
    deploy.after = words(&["sh -c 'echo {version}'"]);
    green(&["3010", "3011"], |values| {
        assert_eq!(
            shown(deploy.start(values)),
            ["./start 3010", "./start 3011", "./tell green"]
        );
        assert_eq!(
            shown(deploy.stop(values)),
            ["./stop 127.0.0.1:3010", "./stop 127.0.0.1:3011"]
        );
        assert_eq!(shown(deploy.before(values)), ["./migrate 3010"]);
        assert_eq!(shown(deploy.after(values)), ["sh -c 'echo 8b71ff7'"]);
        assert_eq!(deploy.log(values).unwrap(), []);
        assert!(!deploy.replaces() && deploy.needs_version());
    });
}

#[test]
fn a_value_stays_one_word_whatever_is_in_it() {
    let deploy = plain(&["./start {service}"], &[]);
    green(&["3010"], |values| {
        let odd = Values {
            service: Some("a b'c"),
            ..*values
        };
        assert_eq!(deploy.start(&odd).unwrap()[0].argv, ["./start", "a b'c"]);
    });
}

#[test]
fn commands_are_run_in_their_folder_and_found_there() {
    let mut deploy = plain(&["./start", "bin/tell", "npm ci", "/opt/x"], &[]);
    deploy.cwd = Some(template("/srv/web-{slot}"));
    green(&["3010"], |values| {
        let commands = deploy.start(values).unwrap();
        let programs: Vec<&str> = commands.iter().map(|command| &*command.argv[0]).collect();
        assert_eq!(
            programs,
            ["/srv/web-green/start", "/srv/web-green/bin/tell", "npm", "/opt/x"]
        );
        let folder = Some(PathBuf::from("/srv/web-green"));
        assert!(commands.iter().all(|command| command.cwd == folder));
        assert_eq!(deploy.cwd(values), Ok(folder));
    });
}

#[test]
fn a_version_that_nobody_knows_is_an_error_before_anything_is_run() {
    green(&["3010"], |values| {
        let unknown = Values {
            version: None,
            ..*values
        };
        assert_eq!(docker(Some(3000)).start(&unknown), Err(NoValue(Placeholder::Version)));
        assert!(docker(Some(3000)).stop(&unknown).is_ok());
    });
}

#[test]
fn a_table_reads_back_as_it_was_told() {
    let mut all = plain(&["sh -c 'a \"$B\" {slot}'"], &["./stop"]);
    all.before = words(&["./migrate"]);
    all.keep = std::time::Duration::from_secs(600);
    all.cwd = Some(template("/srv/{environment}"));
    let nothing = Table {
        preset: None,
        ..docker(None)
    };
    for table in [all, docker(Some(3000)), docker(None), nothing] {
        let text = serde_json::to_string(&table).unwrap();
        assert_eq!(serde_json::from_str::<Table>(&text).unwrap(), table, "{text}");
    }
}
