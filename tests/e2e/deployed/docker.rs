//! Containers of the real Docker, one for each instance, and services of a compose file.

use std::collections::BTreeSet;

use greengate::model::api::Stage;

use super::{HISTORY, LEDGER, assert_journal, deploy_under_load, journal};
use crate::common::count;
use crate::common::docker::{Docker, in_the_network_of_a_docker};
use crate::common::door::{Door, QUICK};
use crate::common::fixture::HOST;
use crate::common::operation::run;
use crate::common::place::tests;

/// A host of the environment that compose runs.
const SHOP: &str = "shop.localhost";

const COMPOSE: &str = r#"version: "3"
x-app: &app
  image: "app:${GREENGATE_VERSION}"
  volumes: ["/usr:/usr:ro", "APP:/app:ro", "FOLDER:/mnt"]
  environment: { PORT: "3000", LEDGER: /mnt/ledger, HOST: 0.0.0.0, GREENGATE_SLOT: , GREENGATE_VERSION: }
services:
  shop-blue: { <<: *app, ports: ["127.0.0.1:5000:3000"] }
  shop-green: { <<: *app, ports: ["127.0.0.1:5010:3000"] }
"#;

#[test]
fn containers_are_deployed_under_load_by_docker_and_by_compose() {
    in_the_network_of_a_docker(
        "deployed::docker::containers_are_deployed_under_load_by_docker_and_by_compose",
        async |docker| {
            let folder = docker.folder();
            let app = tests().join("apps/node-app");
            docker.import(
                "app:built",
                "exec node /app/server.js $PORT $GREENGATE_SLOT $GREENGATE_VERSION",
            );
            let compose = COMPOSE.replace("APP", &app.display().to_string());
            let compose = compose.replace("FOLDER", &folder.display().to_string());
            std::fs::write(folder.join("compose.yml"), compose).unwrap();
            let door = Door::start(&format!(
                "{QUICK}\n[env.prod]\nhost = \"{HOST}\"\nblue = 3000\ngreen = 3010\nhealth.version = \"json:version\"\n\
                 [env.prod.deploy.docker]\nimage = \"app:{{version}}\"\nport = 3000\n\
                 args = [\"--volume\", \"/usr:/usr:ro\", \"--volume\", \"{app}:/app:ro\", \"--volume\", \"{folder}:/mnt\", \
                 \"--env\", \"LEDGER=/mnt/{LEDGER}\", \"--env\", \"HOST=0.0.0.0\"]\n\
                 [env.shop]\nhost = \"{SHOP}\"\nblue = 5000\ngreen = 5010\nhealth.version = \"json:version\"\n\
                 [env.shop.deploy]\ncompose = {{ file = \"compose.yml\", service = \"shop-{{slot}}\" }}\ncwd = \"{folder}\"\n",
                app = app.display(),
                folder = folder.display(),
            ))
            .await;
            for (environment, host, name, rounds) in [
                ("prod", HOST, "greengate-prod-prod-SIDE", count(3, 30)),
                ("shop", SHOP, "shop-SIDE", count(1, 10)),
            ] {
                let deploy = async |version: &str, _: &str| {
                    docker.ok(&["tag", "app:built", &format!("app:{version}")]);
                    let mut command = door.command(&["deploy", environment, "--version", version]);
                    command.env("DOCKER_HOST", docker.host());
                    run(command).await
                };
                let running = async || running(&docker, name);
                let deployments = deploy_under_load(door.target(host), folder, rounds, deploy, running).await;
                let stages = [Stage::Start, Stage::Stop];
                assert_journal(
                    &journal(&door.proxyctl(&HISTORY).await.stdout),
                    environment,
                    deployments,
                    &stages,
                );
            }
            docker.import("app:broken", "echo cannot reach the database; exit 1");
            broken(&docker, &door, "prod", "greengate-prod-prod-SIDE").await;
            broken(&docker, &door, "shop", "shop-SIDE").await;
            let policy = "{{.HostConfig.RestartPolicy.Name}}";
            let serving = docker.ok(&["ps", "--quiet", "--filter", "name=greengate-prod-prod"]);
            assert_eq!(
                docker.ok(&["inspect", "--format", policy, serving.trim()]).trim(),
                "unless-stopped"
            );
            // Of the other side nothing is left, running or not.
            let all = docker.ok(&["ps", "--all", "--quiet", "--filter", "name=greengate-prod-prod"]);
            assert_eq!(all.lines().count(), 1, "{all}");
        },
    );
}

/// A candidate that ends at once: its log is shown, its container is removed, and nothing has changed.
async fn broken(docker: &Docker, door: &Door, environment: &str, name: &str) {
    let before = (door.unmoved(environment).await, running(docker, name));
    let mut command = door.command(&["deploy", environment, "--version", "broken", "--deadline", "1s"]);
    command.env("DOCKER_HOST", docker.host());
    let refused = run(command).await;
    refused.assert_code(4).assert_says(&["cannot reach the database"]);
    let after = (door.unmoved(environment).await, running(docker, name));
    assert_eq!(before, after);
}

/// The sides with a running container of this name.
fn running(docker: &Docker, name: &str) -> BTreeSet<&'static str> {
    let names = docker.ok(&["ps", "--format", "{{.Names}}"]);
    let sides = ["blue", "green"].into_iter();
    sides
        .filter(|side| names.contains(&name.replace("SIDE", side)))
        .collect()
}
