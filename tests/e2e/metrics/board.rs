//! The board for Grafana: a real Prometheus that has seen traffic, failures and a swap has something to show in each of its panels.

use serde_json::Value;

use super::{ON, place};
use crate::common::fixture::Pair;
use crate::common::load::{Load, MIXED};
use crate::common::prometheus::{Prometheus, packaged};

/// Panels that stay empty here, and why.
const EMPTY: [(&str, &str); 1] = [("Renewals", "no CA is asked for a certificate")];

/// What Grafana puts in place of its variables.
fn filled(expression: &str) -> String {
    let values = [
        ("$__rate_interval", "1m"),
        ("$__range", "1h"),
        ("$environment", "prod"),
        ("$job", "greengate"),
    ];
    let filled = values
        .iter()
        .fold(expression.to_owned(), |text, (name, value)| text.replace(name, value));
    assert!(!filled.contains('$'), "{filled} has a variable that nobody fills");
    filled
}

fn board() -> Value {
    let text = std::fs::read_to_string(packaged("grafana.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn list<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    value[key].as_array().map(Vec::as_slice).unwrap_or_default()
}

#[test]
fn it_can_be_imported_and_knows_no_data_source_of_ours() {
    let board = board();
    assert!(
        board["id"].is_null() && board["schemaVersion"].as_u64() >= Some(39),
        "{board}"
    );
    let variables: Vec<_> = list(&board["templating"], "list")
        .iter()
        .map(|one| one["name"].as_str())
        .collect();
    assert!(variables.contains(&Some("datasource")) && variables.contains(&Some("environment")));
    let mut ids = std::collections::BTreeSet::new();
    let mut rows = Vec::new();
    for panel in list(&board, "panels") {
        assert!(ids.insert(panel["id"].as_u64()), "two panels have one id: {panel}");
        let place = &panel["gridPos"];
        let right = place["x"].as_u64().zip(place["w"].as_u64()).map(|(x, width)| x + width);
        assert!(right <= Some(24), "{panel} is wider than the board");
        if panel["type"] == "row" {
            rows.push(panel["title"].as_str().unwrap());
            continue;
        }
        assert!(
            panel["description"].as_str().is_some_and(|text| !text.is_empty()),
            "{panel}"
        );
        for source in list(panel, "targets").iter().chain([panel]) {
            assert_eq!(source["datasource"]["uid"], "${datasource}", "{panel}");
        }
    }
    let manual = include_str!("../../../docs/metrics.md");
    for row in rows {
        assert!(
            manual.contains(&format!("**{row}**")),
            "the page does not tell of {row}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_of_its_expressions_has_something_to_show_after_traffic_failures_and_a_swap() {
    let pair = Pair::tls_with(ON, "limit.body = \"100KiB\"").await;
    let prometheus = Prometheus::start(place(&pair.door)).await;
    let load = Load::start(pair.target(), &MIXED).await;
    // What counts from one look to the next is shown.
    for round in 0..2 {
        pair.get("/status/500").await;
        let mut client = pair.target().client().await.unwrap();
        let large = client.post("app.localhost", "/echo", &[0; 200_000]).await.unwrap();
        assert_eq!(large.status, 413);
        load.more(30).await;
        prometheus.scraped().await;
        if round == 0 {
            pair.door.swap("prod", &[]).await.assert_done();
            load.more(30).await;
            prometheus.scraped().await;
        }
    }
    load.stop().await.assert_no_failures();
    prometheus.scraped().await;
    let board = board();
    let mut asked = 0;
    for panel in list(&board, "panels") {
        let title = panel["title"].as_str().unwrap();
        for target in list(panel, "targets") {
            let expression = filled(target["expr"].as_str().unwrap());
            let found = prometheus.query(&expression).await;
            asked += 1;
            let may_be_empty = EMPTY.iter().any(|(panel, _)| *panel == title);
            assert!(may_be_empty == found.is_empty(), "{title}: {expression} has {found:?}");
            // What the legend names is there.
            let legend = target["legendFormat"].as_str().unwrap();
            for label in legend.split("{{").skip(1).filter_map(|rest| rest.split("}}").next()) {
                let named = found.iter().all(|one| one.labels.contains_key(label));
                assert!(named, "{title}: {label:?} is no label of {found:?}");
            }
        }
    }
    assert!(asked >= 40, "{asked} expressions");
    for annotation in list(&board["annotations"], "list") {
        if let Some(expression) = annotation["expr"].as_str() {
            assert_eq!(
                prometheus.query(&filled(expression)).await.len(),
                1,
                "the swap is marked"
            );
        }
    }
    for variable in list(&board["templating"], "list") {
        let Some(query) = variable["query"]["query"].as_str() else {
            continue;
        };
        let inside = query
            .strip_prefix("label_values(")
            .and_then(|rest| rest.strip_suffix(')'));
        let (metric, label) = inside.and_then(|inside| inside.split_once(", ")).unwrap();
        let found = prometheus.query(metric).await;
        assert!(
            found.iter().any(|one| one.labels.contains_key(label)),
            "{query}: {found:?}"
        );
    }
}
