//! What viewers are told: everything when they come, and then what is different; the same for all of them, and nobody is waited for.

use serde_json::Value;

use super::{HERE, ON, Viewer, ask, place};
use crate::common::client::Client;
use crate::common::fixture::{HOST, Pair};
use crate::common::load::{Kind, Load, MIXED_PLAIN};
use crate::common::{eventually, holds, secs};

/// The whole state, which comes first.
async fn whole(viewer: &mut Viewer) -> Value {
    let (event, data) = viewer.next().await.expect("a first message");
    assert_eq!(event, "whole", "{data}");
    data
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_sees_how_things_stand_and_a_swap_step_by_step() {
    let pair = Pair::plain_with(ON, "").await;
    let here = place(&pair.door).unwrap();
    let mut viewer = Viewer::join(here, "").await;
    let state = whole(&mut viewer).await;
    let prod = &state["environments"][0];
    assert_eq!((&prod["name"], &prod["live"]), (&"prod".into(), &"blue".into()));
    assert_eq!(state["head"]["pid"], pair.door.process().pid());
    let started = state["entries"]
        .as_array()
        .unwrap()
        .iter()
        .any(|entry| entry["record"] == "started");
    assert!(started, "{state}");
    for _ in 0..20 {
        assert_eq!(pair.get("/who").await.status, 200);
    }
    let mut counted = 0;
    viewer
        .until("twenty requests", |event, data| {
            let steps = data["steps"].as_array().filter(|_| event == "second")?;
            counted += steps
                .iter()
                .filter_map(|points| points[0]["blue"].as_u64())
                .sum::<u64>();
            (counted >= 20).then_some(())
        })
        .await;
    assert_eq!(counted, 20, "each request is told once");
    pair.door.swap("prod", &[]).await.assert_done();
    let mut steps = Vec::new();
    let mut said = Vec::new();
    viewer
        .until("end of the swap", |event, data| {
            if event != "happening" {
                return None;
            }
            said.push(data.clone());
            let step = data["entry"]["event"]["event"].as_str()?;
            steps.push(step.to_owned());
            (step == "done").then_some(())
        })
        .await;
    assert_eq!(said[0]["entry"]["record"], "asked");
    let order = ["plan", "gated", "switched", "done"];
    let told: Vec<_> = steps
        .iter()
        .map(String::as_str)
        .filter(|step| order.contains(step))
        .collect();
    assert_eq!(told, order, "{steps:?}");
    let live = viewer
        .until("new side", |_, data| {
            let live = data["environments"][0]["live"].as_str()?;
            (live == "green").then(|| live.to_owned())
        })
        .await;
    assert_eq!(live, "green");
    // Who comes now is told the same at once.
    let mut late = Viewer::join(here, "").await;
    let state = whole(&mut late).await;
    assert_eq!(state["environments"][0]["live"], "green");
    let entries = state["entries"].as_array().unwrap();
    let ends = entries.iter().filter(|entry| entry["event"]["event"] == "done").count();
    assert_eq!(ends, 1, "no line of the journal comes twice: {entries:?}");
    let series = ask(here, "GET", HERE, "/series?range=10m&environment=prod", "").await;
    let series: Value = serde_json::from_slice(&series.body).unwrap();
    let sum = |name: &str| -> u64 {
        let column = series["tracks"][0][name].as_array();
        column.into_iter().flatten().filter_map(Value::as_u64).sum()
    };
    assert!(sum("blue") == 20 && series["step_s"] == 1, "{series}");
    // What fails is told with whose fault it is, without the query.
    pair.get("/status/500?token=secret").await;
    let failed = viewer
        .until("request that failed", |_, data| {
            data["requests"]["failed"].get(0).cloned()
        })
        .await;
    assert_eq!(
        (&failed["path"], &failed["fault"], &failed["slot"]),
        (&"/status/500".into(), &"app".into(), &"green".into())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_look_beside_load_one_of_them_reads_nothing_and_nobody_waits_for_him() {
    let pair = Pair::plain_with(ON, "").await;
    let here = place(&pair.door).unwrap();
    let load = Load::start(pair.target(), &MIXED_PLAIN).await;
    // Joins, and never reads a byte.
    let mut idle = Client::narrow(here).await.unwrap();
    idle.send(format!("GET /events HTTP/1.1\r\nHost: {HERE}\r\n\r\n"))
        .await
        .unwrap();
    let mut viewers = Vec::new();
    for _ in 0..50 {
        viewers.push(Viewer::join(here, "").await);
    }
    let look = |mut viewer: Viewer| async move {
        whole(&mut viewer).await;
        let mut heard = 0;
        let mut texts = Vec::new();
        while heard < 4 {
            let (event, data) = viewer.next().await.expect("a message");
            if event == "second" {
                heard += 1;
                texts.push((data["at"].as_u64().unwrap(), data.to_string()));
            }
        }
        (viewer, texts)
    };
    let looked = tokio::spawn(async move { futures_util::future::join_all(viewers.into_iter().map(look)).await });
    pair.door.swap("prod", &[]).await.assert_done();
    load.more_of(Kind::Get, 100).await;
    let looked = tokio::time::timeout(secs(60), looked)
        .await
        .expect("all of them are told")
        .unwrap();
    // Each message is the same for all.
    let mut messages = std::collections::BTreeMap::new();
    let mut viewers = Vec::new();
    for (viewer, texts) in looked {
        for (at, text) in texts {
            let first: &mut String = messages.entry(at).or_insert_with(|| text.clone());
            assert_eq!(*first, text);
        }
        viewers.push(viewer);
    }
    load.stop().await.assert_no_failures();
    // There is a last place: 51 look.
    while viewers.len() < 63 {
        viewers.push(Viewer::join(here, "").await);
    }
    let one_too_many = ask(here, "GET", HERE, "/events", "").await;
    assert_eq!(one_too_many.status, 503, "{one_too_many:?}");
    assert_eq!(
        ask(here, "GET", HERE, "/", "").await.status,
        200,
        "the page itself is there"
    );
    drop(viewers.pop());
    eventually(secs(30), || async {
        let mut client = Client::plain(here).await.unwrap();
        client
            .send(format!("GET /events HTTP/1.1\r\nHost: {HERE}\r\n\r\n"))
            .await
            .unwrap();
        let (status, _) = client.head().await.unwrap();
        holds(status == 200, || {
            format!("a place that was left is not given: {status}")
        })
    })
    .await;
    drop(idle);
    assert_eq!(
        pair.door.plain().await.get(HOST, "/who").await.unwrap().status,
        404,
        "{HOST} is no host of this door"
    );
}
