//! `benches/peers` tells of what it measured as a table, as JSON and as a picture; here of figures that were made up.

use std::path::Path;
use std::process::Command;

#[test]
fn what_was_measured_becomes_a_table_json_and_a_picture() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let canned = root.join("tests/e2e/peers/canned.json");
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new("python3");
    command.arg(root.join("benches/peers")).arg("--from").arg(&canned);
    let output = command.arg("--results").arg(folder.path()).output().unwrap();
    assert!(output.status.success(), "{output:?}");

    let read = |path: &Path| std::fs::read_to_string(path).unwrap();
    let table = read(&folder.path().join("README.md"));
    for line in [
        "2026-01-01, Linux 6.1.0, 2 cores (made up); Greengate 0.1.0, byte relay, nginx 1.2.3, HAProxy 2.0.1, wrk 4.1.0, h2load 1.52.0.",
        "Caddy is left out: there is no caddy; apt install caddy.",
        // Ratios are of the same round: 20 to 16, and 25 to 20.
        "| HTTP/1.1 TLS GET | 18.0 µs | 0.94 (0.94–0.95) | 1.25 (1.25–1.25) | 1.38 (1.25–1.50) | **0.80 (0.80–0.80)** nginx |",
        "| idle connection, HTTP/1.1 TLS | 9.1 KiB | 1.55 (1.55–1.56) | **0.64 (0.64–0.65)** nginx |",
        "| HTTP/1.1 GET, access log | 1.04 (1.02–1.06) | 1.11 (1.10–1.12) |",
        "| HTTP/2 GET | CPU time for one request | 0.85 × the best other | 1.38 | missed |",
        "| HTTP/1.1 TLS GET | CPU time for one request | 1.12 × byte relay | 1.06 | met |",
        "- HTTP/2 GET: CPU time for one request is 1.38 (1.25–1.50) times that of HAProxy",
        "- HTTP/2 GET: Requests a second is 0.71 (0.67–0.75) times that of HAProxy",
    ] {
        assert!(table.contains(line), "{line} is not in:\n{table}");
    }
    let lost = table.split("### Where another door is better").nth(1).unwrap();
    assert_eq!(
        lost.matches("\n- ").count(),
        2,
        "ties and what is better are no losses: {lost}"
    );
    assert!(String::from_utf8(output.stdout).unwrap().contains(lost.trim()));

    let json = |path: &Path| serde_json::from_str::<serde_json::Value>(&read(path)).unwrap();
    assert_eq!(json(&folder.path().join("results.json")), json(&canned));

    let picture = read(&folder.path().join("peers.svg"));
    assert!(
        picture.starts_with("<svg ") && picture.trim_end().ends_with("</svg>"),
        "{picture}"
    );
    for text in [
        "HTTP/2 GET",
        "nginx 1.2.3",
        "HAProxy 2.0.1",
        "18.0 µs",
        "prefers-color-scheme: dark",
    ] {
        assert!(picture.contains(text), "{text} is not in:\n{picture}");
    }
}
