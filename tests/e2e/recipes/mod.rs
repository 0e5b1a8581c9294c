//! The recipes of `docs/recipes.md`, as they stand there: a real sshd, sudo, git and make carry them out, and a real `proxyd` is what they
//! deploy to.

mod page;
mod server;

use std::collections::BTreeMap;
use std::path::Path;

use greengate::model::api::exit;
use greengate::model::slot::Slot;
use tokio::io::{AsyncBufReadExt as _, BufReader};

use self::page::{block, blocks, yaml};
use self::server::{on_a_server, release, script};
use crate::common::door::with;
use crate::common::{eventually, holds, secs};

#[test]
fn a_workflow_of_github_deploys_over_ssh() {
    on_a_server("recipes::a_workflow_of_github_deploys_over_ssh", async |server| {
        let commit = server.checkout("").await;
        server.version(&commit);
        let job = &yaml(".github/workflows/deploy.yml")["jobs"]["deploy"];
        let known = [
            ("github.sha", commit.as_str()),
            ("secrets.DEPLOY_SSH_KEY", &server.key),
            ("secrets.DEPLOY_KNOWN_HOSTS", &server.known_hosts),
        ];
        let steps = job["steps"].as_array().unwrap();
        assert_eq!(steps[0]["uses"], "actions/checkout@v4", "which is done");
        let mut last = None;
        for step in &steps[1..] {
            let mut env = BTreeMap::new();
            for table in [&job["env"], &step["env"]] {
                let table = table.as_object().into_iter().flatten();
                env.extend(table.map(|(name, value)| (name.as_str(), filled(value.as_str().unwrap(), &known))));
            }
            let env: Vec<_> = env.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let output = server.runner(&env, step["run"].as_str().unwrap()).await;
            output.assert_code(exit::DONE);
            last = Some(output);
        }
        last.unwrap().assert_says(&["green is live."]);
        server.serves(&commit).await;
        assert_eq!(
            server.migrations(),
            [format!("web {commit}")],
            "a release runs nothing as root"
        );
        assert_eq!(server.live().await, Slot::Green);
    });
}

#[test]
fn a_job_of_gitlab_deploys_over_ssh_and_fails_as_the_deploy_does() {
    let test = "recipes::a_job_of_gitlab_deploys_over_ssh_and_fails_as_the_deploy_does";
    on_a_server(test, async |server| {
        let commit = server.checkout("").await;
        let job = &yaml(".gitlab-ci.yml")["deploy"];
        let lines = |key: &str| -> Vec<String> {
            let lines = job[key].as_array().unwrap().iter();
            lines.map(|line| line.as_str().unwrap().to_owned()).collect()
        };
        let script = [lines("before_script"), lines("script")].concat().join("\n");
        // Variables of the type File hold the name of one, whose text ends with a line's end.
        for (name, text) in [("key", &server.key), ("known", &server.known_hosts)] {
            std::fs::write(format!("/srv/{name}"), format!("{text}\n")).unwrap();
        }
        let env = [
            ("SERVER", job["variables"]["SERVER"].as_str().unwrap()),
            ("DEPLOY_SSH_KEY", "/srv/key"),
            ("DEPLOY_KNOWN_HOSTS", "/srv/known"),
            ("CI_COMMIT_SHA", commit.as_str()),
        ];
        // What was built is not what it is called, and no gate has to wait long for that.
        server.version("v9");
        let usual = std::fs::read_to_string(server.door.config()).unwrap();
        server.door.restore(&with(&usual, "health.deadline = \"2s\""));
        server.door.reload(&[]).await.assert_code(exit::DONE);
        let refused = server.runner(&env, &script).await;
        refused
            .assert_code(exit::REFUSED)
            .assert_says(&["Nothing was switched; blue stays live, and is healthy."]);
        server.serves("v0").await;
        server.version(&commit);
        server.door.restore(&usual);
        server.door.reload(&[]).await.assert_code(exit::DONE);
        server.runner(&env, &script).await.assert_code(exit::DONE);
        server.serves(&commit).await;
    });
}

#[test]
fn a_push_deploys_by_a_hook_that_builds_on_the_server() {
    let test = "recipes::a_push_deploys_by_a_hook_that_builds_on_the_server";
    on_a_server(test, async |server| {
        server.key_at_home().await;
        // The server builds from what was pushed, so the version has to come from there.
        let commit = server
            .checkout("version:\n\tbasename \"$$(git --git-dir=/srv/deploy/web.git rev-parse main)\" > version\nbuild: version\n")
            .await;
        server
            .deployer("git init -q --bare -b main /srv/deploy/web.git")
            .await
            .assert_code(0);
        let hook = "/srv/deploy/web.git/hooks/post-receive";
        script(Path::new(hook), block(hook));
        let push = "git push deploy@app.example.com:web.git";
        let other = server.runner(&[], &format!("{push} main:other")).await;
        other.assert_code(0);
        server.serves("v0").await;
        let pushed = server.runner(&[], &format!("{push} main")).await;
        pushed.assert_code(0).assert_says(&["remote: green is live."]);
        server.serves(&commit).await;
        assert_eq!(server.migrations(), [format!("web {commit}")]);
        let deleted = server.runner(&[], &format!("{push} :other")).await;
        deleted.assert_code(0);
    });
}

#[test]
fn make_deploys_goes_back_and_promotes() {
    on_a_server("recipes::make_deploys_goes_back_and_promotes", async |server| {
        server.key_at_home().await;
        server.checkout(block("Makefile")).await;
        let described = server.runner(&[], "git describe --always --dirty").await;
        let first = described.stdout.trim().to_owned();
        server.version(&first);
        server.runner(&[], "make deploy").await.assert_code(0);
        server.serves(&first).await;
        server.version("2.0");
        server.runner(&[], "make deploy VERSION=2.0").await.assert_code(0);
        server.serves("2.0").await;
        server.runner(&[], "make rollback").await.assert_code(0);
        server.serves(&first).await;
        // Dev has to have been well for two minutes; that somebody waits for that is enough here.
        let mut promote = server.start_runner("make -C work promote");
        let mut lines = BufReader::new(promote.stderr.take().unwrap()).lines();
        let told = async {
            while let Some(line) = lines.next_line().await.unwrap() {
                if line.contains("dev is healthy as v0") && line.ends_with("waiting for 2 min") {
                    return;
                }
            }
            panic!("it ended");
        };
        tokio::time::timeout(secs(60), told).await.unwrap();
    });
}

#[test]
fn cron_promotes_what_dev_runs() {
    on_a_server("recipes::cron_promotes_what_dev_runs", async |server| {
        let entry = block("/etc/cron.d/promote").lines().last().unwrap();
        let fields: Vec<&str> = entry.splitn(7, ' ').collect();
        assert_eq!(fields[..5], ["30", "6", "*", "*", "1-5"]);
        let words = entry.split_once(" deploy ").expect("a user").1.trim();
        let early = server.deployer(words).await;
        early
            .assert_code(exit::REFUSED)
            .assert_says(&["`dev` has been healthy as `v0`"]);
        let same = server.deployer(&words.replace("--for 1h", "--for 1s --wait 10s")).await;
        same.assert_code(exit::DONE).assert_says(&["`prod` runs v0 already"]);
        // Another version on prod; dev's is among the releases.
        release("v1");
        let deploy = "sudo proxyctl deploy prod --version v1 --yes=prod";
        server.deployer(deploy).await.assert_code(exit::DONE);
        server.serves("v1").await;
        let promoted = server.deployer(&words.replace("--for 1h", "--for 1s")).await;
        promoted.assert_code(exit::DONE).assert_says(&["is live."]);
        server.serves("v0").await;
    });
}

#[test]
fn the_user_who_deploys_may_do_what_the_rules_say_and_nothing_else() {
    let test = "recipes::the_user_who_deploys_may_do_what_the_rules_say_and_nothing_else";
    on_a_server(test, async |server| {
        for words in ["status prod", "history prod"] {
            server.deployer(&format!("sudo proxyctl {words}")).await.assert_code(0);
        }
        let fields = std::fs::read_to_string("/etc/shadow").unwrap();
        let shadow = fields.lines().find(|line| line.starts_with("deploy:")).unwrap();
        assert!(
            shadow.starts_with("deploy:!") || shadow.starts_with("deploy:*"),
            "{shadow}"
        );
        for words in [
            // A socket of another daemon would say what runs as root.
            "sudo proxyctl deploy prod --version 1 --socket /tmp/x --yes=prod",
            "sudo proxyctl --socket /tmp/x deploy prod --version 1 --yes=prod",
            "sudo proxyctl deploy prod --version '1 --socket /tmp/x' --yes=prod",
            "sudo proxyctl deploy prod --version --socket=/tmp/x --yes=prod",
            "sudo proxyctl deploy prod --version \"$(printf '1\\n2')\" --yes=prod",
            "sudo proxyctl deploy prod --version 1 --wait '1m --socket /tmp/x' --yes=prod",
            "sudo proxyctl rollback prod --yes=prod --socket /tmp/x",
            "sudo PROXYCTL_SOCKET=/tmp/x proxyctl status prod",
            "PROXYCTL_SOCKET=/tmp/x sudo -E proxyctl status prod",
            "PROXYCTL_SOCKET=/tmp/x sudo --preserve-env=PROXYCTL_SOCKET proxyctl status prod",
            "sudo -D /srv proxyctl status prod",
            "sudo proxyctl deploy dev --version 1 --yes=prod",
            "sudo proxyctl swap prod --force --yes=prod",
            "sudo proxyctl rollback prod --force --yes=prod",
            "sudo proxyctl status",
            "sudo proxyctl reload",
            "sudo proxyctl pause prod -- id",
            "sudo proxyctl backup /srv/deploy/all",
            "sudo sh",
            "sudo -u web sh",
            // Neither does it reach the daemon without sudo.
            "proxyctl status",
        ] {
            let output = server.deployer(words).await;
            assert_ne!(output.code, 0, "{words}: {output:#?}");
            let denied = ["a password is required", "not allowed", "not permitted"];
            assert!(
                denied.iter().any(|why| output.all().contains(why)),
                "{words}: {output:#?}"
            );
        }
        // What `sudo` lets through of the environment leads nowhere.
        let elsewhere = server
            .deployer("PROXYCTL_SOCKET=/tmp/x sudo proxyctl status prod")
            .await;
        elsewhere.assert_code(0);
        assert_eq!(server.live().await, Slot::Blue);
        // A key without a password, and no way in without it.
        server.key_at_home().await;
        let ssh = |more: &str| format!("ssh -o BatchMode=yes {more} deploy@app.example.com id -un");
        let inside = server.start_runner(&ssh("")).wait_with_output().await.unwrap();
        assert_eq!(String::from_utf8_lossy(&inside.stdout), "deploy\n", "{inside:?}");
        let without = server
            .start_runner(&ssh("-o PubkeyAuthentication=no"))
            .wait_with_output()
            .await;
        assert!(!without.unwrap().status.success());
    });
}

#[test]
fn a_job_that_is_cancelled_leaves_a_deploy_that_ends_by_itself() {
    let test = "recipes::a_job_that_is_cancelled_leaves_a_deploy_that_ends_by_itself";
    on_a_server(test, async |server| {
        server.key_at_home().await;
        server.checkout("").await;
        server.version("v1");
        let rsync = "make build && rsync -a --delete build/ deploy@app.example.com:/srv/web/releases/v1/";
        server.runner(&[], rsync).await.assert_code(0);
        std::fs::write("/srv/hold", "").unwrap();
        std::fs::set_permissions("/srv", std::os::unix::fs::PermissionsExt::from_mode(0o1777)).unwrap();
        let mut job =
            server.start_runner("exec ssh deploy@app.example.com sudo proxyctl deploy prod --version v1 --yes=prod");
        eventually(secs(60), || async {
            holds(Path::new("/srv/held").exists(), || "the migration does not run".into())
        })
        .await;
        job.kill().await.unwrap();
        server.serves("v0").await;
        std::fs::remove_file("/srv/hold").unwrap();
        server.serves("v1").await;
        let history = async || server.door.proxyctl(&["history", "prod"]).await.stdout;
        eventually(secs(60), || async {
            let free = server.door.environment("prod").await.operation.is_none();
            holds(free, || "somebody still holds prod".into())
        })
        .await;
        assert!(history().await.contains("done"), "{}", history().await);
    });
}

#[test]
fn every_block_of_the_page_is_run_by_a_test() {
    let run = [
        "deploy.sudoers",
        "setup",
        ".github/workflows/deploy.yml",
        ".gitlab-ci.yml",
        "/srv/deploy/web.git/hooks/post-receive",
        "Makefile",
        "/etc/cron.d/promote",
    ];
    run.iter().for_each(|name| assert!(!block(name).is_empty()));
    // And the configuration.
    assert_eq!(blocks().len(), run.len() + 1);
}

/// A text with `${{ NAME }}` filled in.
fn filled(text: &str, known: &[(&str, &str)]) -> String {
    let mut text = text.to_owned();
    for (name, value) in known {
        text = text.replace(&format!("${{{{ {name} }}}}"), value);
    }
    assert!(!text.contains("${{"), "{text}");
    text
}
