//! What others hold protocols to: h2spec on HTTP/2, and the WebSockets of npm's `ws` on both sides of the door.

use std::process::Command;

use serde_json::Value;

use crate::common::app::App;
use crate::common::door::{Door, QUICK, QUICK_PLAIN};
use crate::common::fixture::{HOST, PLAIN};
use crate::common::load::Target;
use crate::common::operation::run;
use crate::common::place::{accepts, tests};
use crate::common::port::reserve;
use crate::common::process::Process;
use crate::common::tool::good;
use crate::common::{eventually, holds, secs};

#[tokio::test(flavor = "multi_thread")]
async fn h2spec_finds_nothing_wrong() {
    // It asks for the address that it connects to.
    let app = App::start("app", "v1").await;
    let config = format!(
        "{QUICK}[env.prod]\nhost = \"127.0.0.1\"\nupstream = \"{}\"\n",
        app.address()
    );
    let door = Door::start(&config).await;
    let program = tests().join("h2spec/bin/h2spec");
    assert!(
        program.exists(),
        "{} is missing: `tests/run` builds it",
        program.display()
    );
    let mut h2spec = tokio::process::Command::new(program);
    h2spec.args(["--strict", "--tls", "--insecure", "--host", "127.0.0.1", "--port"]);
    h2spec.arg(door.https().port().to_string());
    let output = run(h2spec).await;
    let verdict = "146 tests, 146 passed, 0 skipped, 0 failed";
    assert!(output.code == 0 && output.stdout.contains(verdict), "{}", output.stdout);
}

/// A script of `tests/node` with these arguments.
fn node(script: &str, args: &[&str]) -> Command {
    let mut command = Command::new("node");
    command.arg(tests().join("node").join(script)).args(args);
    command
}

/// The codes and reasons with which clients have closed, sorted.
fn sorted(closes: &str) -> Vec<String> {
    let closes: Vec<Value> = serde_json::from_str(closes).unwrap_or_else(|error| panic!("{error}: {closes}"));
    let mut closes: Vec<String> = closes.iter().map(Value::to_string).collect();
    closes.sort();
    closes
}

#[tokio::test(flavor = "multi_thread")]
async fn web_sockets_are_passed_on_with_their_fragments_control_frames_and_close_codes() {
    for (defaults, host) in [(QUICK, HOST), (QUICK_PLAIN, PLAIN)] {
        let (_port, address) = reserve();
        let server = Process::spawn("ws-server", node("ws-server.js", &[&address.port().to_string()]));
        accepts(address, &server).await;
        let config = format!("{defaults}[env.prod]\nhost = \"{host}\"\nupstream = \"{address}\"\n");
        let door = Door::start(&config).await;
        let ca = door.state_dir().join("ca/root.pem").display().to_string();
        let client = if host == HOST {
            node("ws-client.js", &[&format!("wss://{}/", door.https()), host, &ca])
        } else {
            node("ws-client.js", &[&format!("ws://{}/", door.http()), host])
        };
        let expected = sorted(&good(client.into()).await.stdout);
        assert!(expected.len() > 30, "{expected:?}");
        eventually(secs(10), || async {
            let mut client = Target::direct(address).client().await.unwrap();
            let seen = sorted(&client.get(host, "/closes").await.unwrap().text());
            holds(seen == expected, || format!("{seen:#?}"))
        })
        .await;
    }
}
