//! The page in Chromium: one browser sees a daemon through a day. In each state nothing is wider than the screen, axe-core objects to
//! nothing, light or dark; and nothing is asked of anybody else.

use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout};

use super::place;
use crate::common::app::{App, Health};
use crate::common::door::{Door, QUICK_PLAIN, environment};
use crate::common::fixture::PLAIN;
use crate::common::load::{Load, MIXED_PLAIN};
use crate::common::place::tests;
use crate::common::tool::tool;
use crate::common::{eventually, holds, secs};

/// A browser that does as it is told.
struct Browser {
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    _profile: tempfile::TempDir,
}

impl Browser {
    fn start() -> Self {
        drop(tool("chromium"));
        let profile = tempfile::tempdir().unwrap();
        let mut child = tool("node")
            .arg(tests().join("node/dashboard.js"))
            .arg(profile.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self {
            child,
            input,
            output: BufReader::new(output).lines(),
            _profile: profile,
        }
    }

    async fn tell(&mut self, what: Value) -> Value {
        self.input.write_all(format!("{what}\n").as_bytes()).await.unwrap();
        let line = tokio::time::timeout(secs(90), self.output.next_line()).await;
        let line = line.unwrap_or_else(|_| panic!("no answer to {what}")).unwrap();
        serde_json::from_str(&line.unwrap_or_else(|| panic!("the browser has ended at {what}"))).unwrap()
    }

    /// Waits until this is true in the page.
    async fn wait(&mut self, expression: &str) -> Value {
        let answer = self.tell(json!({ "wait": expression })).await;
        assert!(
            answer.get("late").is_none(),
            "{expression}: {}\n{}",
            answer["late"],
            answer["text"].as_str().unwrap_or_default()
        );
        answer["value"].clone()
    }

    /// Waits until a part of the page has these words.
    async fn reads(&mut self, part: &str, words: &str) {
        self.wait(&format!(
            "document.querySelector({}).textContent.includes({})",
            json!(part),
            json!(words)
        ))
        .await;
    }

    /// Presses a key; returns the beginning of what has the focus then.
    async fn key(&mut self, key: &str) -> String {
        self.tell(json!({ "key": key })).await["focus"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    /// Nothing is wrong with what is shown now.
    async fn is_well_made(&mut self, state: &str) {
        let found = self.tell(json!({ "look": state })).await;
        assert_eq!(found["found"], json!([]), "{state}");
    }

    /// Nothing went wrong so far, and nobody else was asked for anything.
    async fn was_quiet(&mut self, here: &str) {
        let told = self.tell(json!({ "told": true })).await;
        assert_eq!(told["wrong"], json!([]));
        let elsewhere = told["asked"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|url| !url.as_str().unwrap().starts_with(here));
        assert_eq!(elsewhere.collect::<Vec<_>>(), Vec::<&Value>::new());
    }

    async fn end(mut self) {
        drop(self.input);
        let ended = tokio::time::timeout(secs(60), self.child.wait()).await;
        assert!(ended.expect("the browser does not end").unwrap().success());
    }
}

/// A certificate for a name that ends tomorrow.
fn tomorrow(folder: &Path, name: &str) -> String {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
    let end = std::time::SystemTime::now() + secs(24 * 3600);
    params.not_after = end.into();
    let cert = params.self_signed(&key).unwrap();
    let (cert_file, key_file) = (folder.join("cert.pem"), folder.join("key.pem"));
    std::fs::write(&cert_file, cert.pem()).unwrap();
    std::fs::write(&key_file, key.serialize_pem()).unwrap();
    format!(
        "tls = {{ cert = \"{}\", key = \"{}\" }}",
        cert_file.display(),
        key_file.display()
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_shows_a_daemon_through_a_day_and_objections_there_are_none() {
    let mut browser = Browser::start();
    let (blue, green, dev) = (
        App::start("blue", "v1").await,
        App::start("green", "v2").await,
        App::start("dev", "d1").await,
    );
    let prod = environment("prod", PLAIN, &blue, &green);
    let address = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let config = format!(
        "{QUICK_PLAIN}health.version = \"header:X-Version\"\nhold.for = \"1s\"\n{prod}\
         [env.dev]\nhost = \"dev.test\"\nupstream = \"{}\"\n",
        dev.address()
    );
    let door = Door::start_with(&format!("dashboard = \"{address}\""), &config).await;
    assert_eq!(place(&door), Some(address));
    let here = format!("http://{address}/");

    // Nobody asks for anything.
    browser.tell(json!({ "open": here })).await;
    browser.reads("#verdict h1", "All is well").await;
    browser.reads("[data-key=prod] .standing", "no traffic").await;
    browser.reads("[data-key=prod] .live", "blue").await;
    browser.reads("[data-key=prod] .times", "v1").await;
    browser.wait("document.title.startsWith('✓ prod is on blue')").await;
    browser
        .wait("document.querySelector('#cards article').dataset.key === 'prod'")
        .await;
    browser.is_well_made("idle").await;

    // Under load; one side becomes the other.
    let load = Load::start(
        crate::common::load::Target {
            address: door.http(),
            host: PLAIN.into(),
            tls: None,
        },
        &MIXED_PLAIN,
    )
    .await;
    browser.wait("document.querySelector('.area.blue .fill')").await;
    browser.reads("[data-key=prod] .standing", "well").await;
    let mut slow = door.plain().await;
    blue.answer_when("/last", "go", "at last");
    slow.send(format!("GET /last HTTP/1.1\r\nHost: {PLAIN}\r\n\r\n"))
        .await
        .unwrap();
    blue.reached("/last").await;
    let swap = door.watch(&["swap", "prod"]);
    browser.reads("#change-title", "Under way").await;
    browser.reads("#change .steps", "to go").await;
    browser.reads("[data-key=prod] .notes", "blue drains").await;
    browser
        .wait("document.querySelector('#verdict h1').textContent.includes('swap under way')")
        .await;
    browser.wait("document.querySelector('.area.green .fill')").await;
    browser.is_well_made("in a swap").await;
    blue.release("go");
    assert_eq!(slow.response("GET").await.unwrap().text(), "at last");
    swap.finish().await.assert_done();
    browser.reads("#change-title", "Last change").await;
    browser.reads("#change .standing", "done").await;
    browser.reads("#spoken", "swap of prod").await;
    browser.reads("#history", "v2").await;
    browser
        .wait("document.querySelector('.flag.well')?.getAttribute('aria-label').includes('swap v2 by ')")
        .await;
    load.stop().await.assert_no_failures();

    keys(&mut browser).await;

    // A refused one, with the app's own words.
    blue.health(Health {
        body: "migrations are \u{202e}pending <b>".into(),
        ..Health::status(503)
    });
    door.swap("prod", &["--deadline", "300ms"]).await.assert_code(4);
    browser.reads("#change .standing", "refused").await;
    browser
        .reads("#change blockquote", "migrations are \\u{202e}pending <b>")
        .await;
    browser.reads("#change .steps", "stays live, and is healthy").await;
    browser.wait("document.querySelector('.flag.bad')").await;
    browser.is_well_made("after a refused swap").await;

    // The app dies: that does not look like no traffic.
    green.stop_hard().await;
    let held = door.plain().await.get(PLAIN, "/who/\u{9b}2J").await.unwrap();
    assert_eq!(held.status, 503);
    browser.reads("#verdict h1", "prod does not answer").await;
    browser.reads("[data-key=prod] .standing", "does not answer").await;
    browser.reads("[data-key=prod] .notes", "connection refused").await;
    browser
        .wait("document.title.startsWith('✗ prod does not answer')")
        .await;
    browser
        .wait("document.getElementById('icon').getAttribute('href') === 'icon-bad.svg'")
        .await;
    browser.is_well_made("with a dead app").await;
    browser.reads("#requests", "the app: ").await;
    // What a client sent is text, as what an app says is (E34).
    browser.reads("#requests", "/who/\\u{9b}2J").await;
    green.listen().await;
    eventually(secs(60), || async {
        let status = door.plain().await.get(PLAIN, "/who").await.unwrap().status;
        holds(status == 200, || format!("{status}"))
    })
    .await;
    browser
        .wait("!document.querySelector('#verdict h1').textContent.includes('does not answer')")
        .await;

    // Twelve environments, and a certificate that ends tomorrow.
    let certificate = tomorrow(door.folder(), "shop.test");
    let mut apps = Vec::new();
    let mut more = String::new();
    for name in ["shop", "e1", "e2", "e3", "e4", "e5", "e6", "e7", "e8", "e9"] {
        let app = App::start(name, "v1").await;
        let upstream = app.address();
        more += &format!("[env.{name}]\nhost = \"{name}.test\"\nupstream = \"{upstream}\"\n");
        if name == "shop" {
            more += &format!("{certificate}\n");
        }
        apps.push(app);
    }
    door.rewrite(|text| format!("{text}{more}"));
    door.reload(&[]).await.assert_code(0);
    browser
        .wait("document.querySelectorAll('#cards article').length === 12")
        .await;
    browser.reads("#certificates .standing", "ends in 23 h").await;
    browser.reads("#verdict .told", "shop.test").await;
    browser.is_well_made("twelve environments").await;
    browser.was_quiet(&here).await;

    // The daemon is gone, and comes back.
    door.kill9();
    door.end(secs(60)).await;
    browser.reads("#link", "the daemon is away since").await;
    browser.reads("[data-key=prod] .standing", "as of ").await;
    browser.reads("[data-key=prod] .health", "not known").await;
    browser.wait("[...document.querySelectorAll('[data-key=prod] .figure dd:not(.spark-place)')].every((dd) => !/\\d+(\\.\\d)? ?m?s?$/.test(dd.firstChild.data))").await;
    browser.wait("document.title.startsWith('? the daemon is away')").await;
    browser.is_well_made("with the daemon gone").await;
    door.restart().await;
    browser.reads("#link", "live").await;
    browser.reads("[data-key=prod] .live", "green").await;
    browser
        .wait("!document.querySelector('#verdict h1').textContent.includes('away')")
        .await;

    browser.end().await;
    eventually(secs(60), || async {
        let connections = door.status().await.connections;
        holds(connections <= 1, || format!("{connections} connections"))
    })
    .await;
}

/// Everything can be reached and used by key.
async fn keys(browser: &mut Browser) {
    let mut seen = String::new();
    for _ in 0..40 {
        let focus = browser.key("Tab").await;
        if focus.contains("class=\"skip\"") && !seen.is_empty() {
            break;
        }
        seen += &focus;
        if focus.contains("data-pick=\"dev\"") {
            browser.key("Enter").await;
            browser.wait("document.querySelector('[data-key=dev].chosen')").await;
            browser
                .wait("document.querySelector('select[data-environments]').value === 'dev'")
                .await;
        }
        if focus.contains("data-range=\"2h\"") {
            browser.key("Enter").await;
            browser
                .wait("document.querySelector('[data-range=\"2h\"]').getAttribute('aria-pressed') === 'true'")
                .await;
        }
        if focus.contains("role=\"slider\"") {
            let now = "document.querySelector('.plots').getAttribute('aria-valuenow')";
            browser.key("ArrowLeft").await;
            browser
                .wait(&format!("document.querySelector('.cursor') && {now} < 7200"))
                .await;
            browser.wait("/^\\d\\d:\\d\\d:\\d\\d: Requests/.test(document.querySelector('.plots').getAttribute('aria-valuetext'))").await;
            browser.key("Escape").await;
            browser.wait("!document.querySelector('.cursor')").await;
        }
        if focus.contains("<summary") {
            browser.key("Enter").await;
            browser
                .wait("document.querySelector('#history details[open] .steps')")
                .await;
        }
    }
    for part in [
        "data-pick=\"prod\"",
        "data-pick=\"dev\"",
        "data-environments",
        "data-range=\"24h\"",
        "role=\"slider\"",
        "<summary",
    ] {
        assert!(seen.contains(part), "{part} is not reached by Tab: {seen}");
    }
    browser
        .wait("document.querySelector('[data-pick=prod]').click() ?? true")
        .await;
    browser
        .wait("document.querySelector('[data-range=\"10m\"]').click() ?? true")
        .await;
    browser.wait("document.querySelector('.flag.well')").await;
}
