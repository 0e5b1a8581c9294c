//! Clients as users have them: curl, h2load, wrk and Go's, across swaps. A tool that is missing is a failure: `tests/run` installs it.

use crate::common::fixture::{HOST, PLAIN, Pair};
use crate::common::load::bytes;
use crate::common::operation::{Output, run};
use crate::common::tool::{client, curl, good, tool, url};
use crate::common::{count, holds};
use serde_json::{Value, json};
use tokio::process::Command;

#[tokio::test(flavor = "multi_thread")]
async fn curl_speaks_every_version_and_method() {
    let pair = Pair::tls("").await;
    for (version, shown) in [
        ("--http1.1", &["1.1"][..]),
        ("--http2", &["2"]),
        ("--http1.0", &["1.1", "1.0"]),
    ] {
        let format = "%{http_version} %{http_code} %{ssl_verify_result}";
        let output = good(curl(
            &pair,
            &[version, "-o", "/dev/null", "-w", format, &url(&pair, "/hello")],
        ))
        .await;
        let seen = output
            .stdout
            .strip_suffix(" 200 0")
            .unwrap_or_else(|| panic!("{version}: {output:?}"));
        assert!(shown.contains(&seen), "{version}: {output:?}");
    }
    let head = good(curl(&pair, &["--head", &url(&pair, "/hello")])).await;
    assert!(head.stdout.to_lowercase().contains("x-app: blue"), "{head:?}");
    let body = pair.door.folder().join("body");
    std::fs::write(&body, bytes(3_000_000)).unwrap();
    for version in ["--http1.1", "--http2"] {
        let out = pair.door.folder().join("echo");
        let (data, out_name) = (format!("@{}", body.display()), out.display().to_string());
        // curl expects a 100-continue for a body of this size over HTTP/1.1.
        good(curl(
            &pair,
            &[version, "--data-binary", &data, "-o", &out_name, &url(&pair, "/echo")],
        ))
        .await;
        assert_eq!(std::fs::read(&body).unwrap(), std::fs::read(&out).unwrap(), "{version}");
        let chunked = [
            "-H",
            "Transfer-Encoding: chunked",
            "--data-binary",
            &data,
            "-o",
            &out_name,
        ];
        if version == "--http1.1" {
            good(curl(&pair, &[&chunked[..], &[version, &url(&pair, "/echo")]].concat())).await;
            assert_eq!(std::fs::read(&body).unwrap(), std::fs::read(&out).unwrap(), "chunked");
        }
    }
    let plain = format!("http://127.0.0.1:{}/a?b=c", pair.door.http().port());
    let redirect = good(curl(
        &pair,
        &[
            "-o",
            "/dev/null",
            "-w",
            "%{http_code} %{redirect_url}",
            "-H",
            &format!("Host: {HOST}"),
            &plain,
        ],
    ))
    .await;
    assert!(redirect.stdout.starts_with("308 https://app.localhost"), "{redirect:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn curl_is_not_upgraded_to_h2c() {
    let pair = Pair::plain("").await;
    let mut command = tool("curl");
    let url = format!("http://127.0.0.1:{}/hello", pair.door.http().port());
    command.args([
        "--silent",
        "--show-error",
        "--http2",
        "-H",
        &format!("Host: {PLAIN}"),
        "-w",
        " %{http_version}",
        &url,
    ]);
    assert_eq!(good(command).await.stdout, "blue v1 /hello 1.1");
}

#[tokio::test(flavor = "multi_thread")]
async fn curl_follows_events_to_their_end() {
    let pair = Pair::tls("").await;
    let output = good(curl(&pair, &["-N", &url(&pair, "/sse?n=5&ms=20")])).await;
    assert!(output.stdout.ends_with("id: 4\ndata: blue 4\n\n"), "{output:?}");
}

/// Runs a load tool while the environment is swapped, at least so many times and until the tool has ended.
async fn during_swaps(pair: &Pair, command: Command, at_least: usize) -> Output {
    let tool = tokio::spawn(run(command));
    let mut swaps = 0;
    while !tool.is_finished() {
        pair.door.swap("prod", &[]).await.assert_done();
        swaps += 1;
    }
    let output = tool.await.unwrap();
    assert!(swaps >= at_least, "only {swaps} swaps while the tool ran: {output:?}");
    output.assert_code(0);
    output
}

#[tokio::test(flavor = "multi_thread")]
async fn n2_h2load_sees_no_swap() {
    let pair = Pair::tls("").await;
    let requests = count(20_000, 1_000_000).to_string();
    for (protocol, choice) in [("h2", &["-m", "10"][..]), ("http/1.1", &["--h1"])] {
        let mut command = tool("h2load");
        command.args(["-n", &requests, "-c", "10"]).args(choice);
        command
            .arg(format!("--connect-to=127.0.0.1:{}", pair.door.https().port()))
            .arg(url(&pair, "/hello"));
        let output = during_swaps(&pair, command, 2).await;
        let succeeded = format!(
            "{requests} total, {requests} started, {requests} done, {requests} succeeded, 0 failed, 0 errored, 0 timeout"
        );
        assert!(output.stdout.contains(&succeeded), "{protocol}: {}", output.stdout);
        assert!(
            output
                .stdout
                .contains(&format!("status codes: {requests} 2xx, 0 3xx, 0 4xx, 0 5xx")),
            "{}",
            output.stdout
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn n2_the_client_of_go_sees_no_swap() {
    let pair = Pair::tls("").await;
    let requests = count(4_000, 100_000);
    let command = client("requests.go", &pair, &[&requests.to_string()]);
    let output = during_swaps(&pair, command, 2).await;
    let seen: Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(seen, json!({ "whole": requests, "failures": [] }));
}

#[tokio::test(flavor = "multi_thread")]
async fn n2_wrk_sees_no_swap() {
    let pair = Pair::plain("").await;
    let mut command = tool("wrk");
    let time = format!("{}s", count(3, 30));
    command.args(["-t", "2", "-c", "16", "-d", &time, "-H", &format!("Host: {PLAIN}")]);
    command.arg(format!("http://127.0.0.1:{}/hello", pair.door.http().port()));
    let output = during_swaps(&pair, command, 2).await;
    // wrk says these only when there were some.
    assert!(!output.stdout.contains("Socket errors"), "{}", output.stdout);
    assert!(!output.stdout.contains("Non-2xx"), "{}", output.stdout);
    let requests = output
        .stdout
        .split_whitespace()
        .zip(output.stdout.split_whitespace().skip(1));
    let requests = requests
        .filter(|(_, word)| *word == "requests")
        .find_map(|(number, _)| number.parse::<u64>().ok());
    holds(requests.is_some_and(|number| number > 500), || {
        format!("too few requests: {}", output.stdout)
    })
    .unwrap();
}
