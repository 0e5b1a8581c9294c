//! `proxyctl parity`: two environments that serve, compared by what the file says and by what their apps answer.

use greengate::model::api::{Parity, exit};

use crate::common::app::{App, Health, send};
use crate::common::door::{Door, QUICK};

/// An environment in the short form, with one side.
fn serving(name: &str, app: &App, more: &str) -> String {
    let address = app.address();
    format!("\n[env.{name}]\nhost = \"{name}.localhost\"\nupstream = \"{address}\"\n{more}\n")
}

struct Two {
    prod: App,
    dev: App,
    door: Door,
}

impl Two {
    async fn start(of_prod: &str, of_dev: &str) -> Self {
        let (prod, dev) = (App::start("prod", "1").await, App::start("dev", "2").await);
        let config = format!(
            "{QUICK}{}{}",
            serving("prod", &prod, of_prod),
            serving("dev", &dev, of_dev)
        );
        let door = Door::start(&config).await;
        Self { prod, dev, door }
    }

    /// What differs, in words, and the exit code that goes with it.
    async fn differing(&self) -> Vec<String> {
        let output = self.door.proxyctl(&["parity", "prod", "dev", "--json"]).await;
        let parity: Parity =
            serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:#?}"));
        assert_eq!((parity.a.as_str(), parity.b.as_str()), ("prod", "dev"));
        let code = if parity.differences.is_empty() {
            exit::DONE
        } else {
            exit::FAILED
        };
        output.assert_code(code);
        let value = |value: Option<String>| value.unwrap_or_else(|| "–".into());
        let told = parity.differences.into_iter();
        told.map(|it| format!("{:?} {}: {} | {}", it.about, it.key, value(it.a), value(it.b)))
            .collect()
    }
}

const NAMED: &str = "health.version = \"header:X-Version\"";

#[tokio::test(flavor = "multi_thread")]
async fn two_environments_of_one_shape_are_alike_whatever_versions_they_run() {
    let two = Two::start(NAMED, &format!("{NAMED}\nlabel = \"dev\"")).await;
    assert_eq!(two.differing().await, [""; 0]);
    let output = two.door.proxyctl(&["parity", "dev", "prod"]).await;
    output.assert_code(exit::DONE).assert_says(&["dev and prod are alike"]);
    for app in [&two.prod, &two.dev] {
        let page = app.last_seen("/");
        assert_eq!(
            page.head.fields.get("accept-encoding"),
            Some("gzip, br, zstd"),
            "as a browser asks"
        );
        assert_eq!(
            page.head.fields.get("x-forwarded-proto"),
            Some("https"),
            "as traffic arrives"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_file_says_otherwise_and_what_the_apps_run_on_is_listed() {
    let secret = |value: &str| format!("{NAMED}\nheaders.request.X-Api-Key = \"{value}\"");
    let two = Two::start(
        &format!("{}\nlimit.body = \"1GiB\"", secret("first-secret")),
        &secret("second-secret"),
    )
    .await;
    two.prod
        .every_answer("Server: gunicorn/20.1\r\nX-AspNet-Version: 4.0\r\n");
    two.dev
        .every_answer("Server: gunicorn/21.2\r\nX-Powered-By: Express\r\n");
    let page = "HTTP/1.0 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 0\r\n\r\n";
    two.dev.on("/", vec![send(page)]);
    assert_eq!(
        two.differing().await,
        [
            "Configuration limit.body: 1 GiB | 100 MiB",
            "Configuration headers.request.x-api-key: *** | ***",
            "Answers protocol: HTTP/1.1 | HTTP/1.0, HTTP/1.1",
            "Answers server: gunicorn/20.1 | gunicorn/21.2",
            "Answers x-aspnet-version: 4.0 | –",
            "Answers compression: – | gzip",
            "Answers x-powered-by: – | Express",
        ]
    );
    let output = two.door.proxyctl(&["parity", "prod", "dev"]).await;
    output
        .assert_code(exit::FAILED)
        .assert_says(&["prod and dev differ in 7 things"])
        .assert_says(&["gunicorn/20.1"]);
    for secret in ["first-secret", "second-secret"] {
        assert!(!format!("{output:?}").contains(secret), "{output:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_side_that_does_not_answer_is_told_and_is_a_difference() {
    let two = Two::start("", "").await;
    two.dev.health(Health::status(503));
    assert_eq!(two.differing().await, ["Answers health status: 200 | 503"]);
    two.dev.stop_hard().await;
    assert_eq!(two.differing().await, ["Answers answer: – | none: connection refused"]);
    two.prod.stop_hard().await;
    assert_eq!(
        two.differing().await,
        ["Answers answer: none: connection refused | none: connection refused"],
        "two that do not answer are not alike for it"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_compared_is_what_is_served_and_after_a_reload_what_is_served_then() {
    let two = Two::start("", "").await;
    two.door.replace("[env.dev]\n", "[env.dev]\nhold.for = \"5s\"\n");
    assert_eq!(two.differing().await, [""; 0], "the file is not served yet");
    two.door.reload(&[]).await.assert_code(exit::DONE);
    assert_eq!(two.differing().await, ["Configuration hold.for: 30 s | 5 s"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_environment_that_is_not_there_is_named() {
    let two = Two::start("", "").await;
    for args in [["prod", "stging"], ["stging", "prod"]] {
        let output = two.door.proxyctl(&["parity", args[0], args[1]]).await;
        output
            .assert_code(exit::USAGE)
            .assert_says(&["there is no environment `stging`"])
            .assert_says(&["`prod`, `dev`"]);
    }
    let output = two.door.proxyctl(&["parity", "prod", "prod"]).await;
    output.assert_code(exit::USAGE).assert_says(&["with itself"]);
}
