//! Whether Prometheus' own tools are content: with what is answered, in both formats, and with the rules that are packaged.

use std::path::Path;

use super::{ON, ask, place, read};
use crate::common::fixture::Pair;
use crate::common::prometheus::{Prometheus, packaged};
use crate::common::tool::{good, tool};

/// What has to be in what is answered: all that `docs/metrics.md` promises.
const MANUAL: &str = include_str!("../../../docs/metrics.md");

/// A request that is counted: its client has the answer a moment before.
async fn counted(pair: &Pair) {
    pair.get("/who").await;
    pair.door.logged("\"/who\"", 1).await;
}

#[tokio::test]
async fn promtool_accepts_the_rules_and_each_of_them_fires_when_it_should_and_not_else() {
    let promtool = |args: &[&str], file: &Path| {
        let mut command = tool("promtool");
        command.args(args).arg(file);
        command
    };
    let checked = good(promtool(
        &["check", "rules", "--lint=all", "--lint-fatal"],
        &packaged("alerts.yml"),
    ))
    .await;
    checked.assert_says(&["5 rules found"]);
    let cases = ["alerts.test.yml", "alerts-certificates.test.yml"].map(packaged);
    for file in &cases {
        good(promtool(&["test", "rules"], file)).await;
    }
    // Each of them is told of on the page.
    let rules = std::fs::read_to_string(packaged("alerts.yml")).unwrap();
    let names: Vec<_> = rules
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- alert: "))
        .collect();
    assert_eq!(names.len(), 5);
    let tests = cases.map(|file| std::fs::read_to_string(file).unwrap()).concat();
    for name in names {
        assert!(MANUAL.contains(&format!("| `{name}` |")), "{name} is not on the page");
        let of_name = tests.split("alertname: ").filter(|case| case.starts_with(name));
        let (silent, loud): (Vec<_>, Vec<_>) = of_name.partition(|case| {
            let expected = case
                .split_once("exp_alerts:")
                .map(|(_, expected)| expected.trim_start());
            expected.is_some_and(|expected| expected.starts_with("[]"))
        });
        assert!(
            !silent.is_empty() && !loud.is_empty(),
            "{name} has not a case of each kind"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn promtool_objects_to_nothing_in_what_is_answered() {
    let pair = Pair::tls_with(ON, "").await;
    for target in ["/who", "/status/500", "/status/404"] {
        pair.get(target).await;
    }
    pair.door.swap("prod", &[]).await.assert_done();
    counted(&pair).await;
    let text = ask(&pair.door, "").await.text();
    let file = pair.door.folder().join("metrics.txt");
    std::fs::write(&file, &text).unwrap();
    let mut command = tool("promtool");
    command
        .args(["check", "metrics"])
        .stdin(std::fs::File::open(&file).unwrap());
    let output = good(command).await;
    assert_eq!(output.all().trim(), "", "{output:#?}");
    // Each family is on the page, and what is on the page is there.
    let now = read(&pair.door).await;
    for family in now.types.keys() {
        assert!(
            MANUAL.contains(&format!("| `{family}` |")),
            "{family} is not on the page"
        );
    }
    for line in MANUAL.lines().filter_map(|line| line.strip_prefix("| `")) {
        let name = line.split('`').next().unwrap_or_default();
        let is_family = ["greengate_", "http_", "process_"]
            .iter()
            .any(|prefix| name.starts_with(prefix));
        assert!(
            !is_family || now.types.contains_key(name),
            "{name} is on the page alone"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_for_openmetrics_gets_the_same_series_in_that_format() {
    let pair = Pair::plain_with(ON, "").await;
    counted(&pair).await;
    let classic = ask(&pair.door, "Accept: text/plain\r\n").await;
    assert_eq!(
        classic.field("content-type"),
        Some("text/plain; version=0.0.4; charset=utf-8")
    );
    // As Prometheus asks.
    let accept = "Accept: application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
                  text/plain;version=0.0.4;q=0.5,*/*;q=0.1\r\n";
    let open = ask(&pair.door, accept).await;
    assert_eq!(
        open.field("content-type"),
        Some("application/openmetrics-text; version=1.0.0; charset=utf-8")
    );
    assert!(open.text().ends_with("\n# EOF\n"), "{}", open.text());
    let names = |text: &str| {
        let samples = text.lines().filter(|line| !line.starts_with('#'));
        let names = samples.map(|line| line.split(['{', ' ']).next().unwrap_or_default().to_owned());
        names.collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(names(&classic.text()), names(&open.text()));
}

#[tokio::test(flavor = "multi_thread")]
async fn prometheus_itself_reads_the_rules_and_none_of_them_fires_while_all_is_well() {
    let pair = Pair::tls_with(ON, "").await;
    let prometheus = Prometheus::start(place(&pair.door)).await;
    counted(&pair).await;
    prometheus.scraped().await;
    let rules = prometheus.rules().await;
    assert_eq!(rules.len(), 5, "{rules:?}");
    for rule in rules {
        let name = rule["name"].as_str().unwrap();
        let query = rule["query"].as_str().unwrap();
        assert_eq!(prometheus.query(query).await, [], "{name}");
        // Every name in it is one that there is.
        let words = query.split(|character: char| !(character.is_ascii_alphanumeric() || character == '_'));
        for word in words.filter(|word| word.starts_with("greengate_") || word.starts_with("http_server")) {
            let is_there = !prometheus.query(&format!("count({word})")).await.is_empty();
            // Nothing has failed yet.
            assert!(is_there || word == "greengate_errors_total", "{name} asks for {word}");
        }
    }
}
