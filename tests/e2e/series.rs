//! `/v1/series`: what was done lately, second by second, as charts and sparklines show it.

use greengate::cli::client::Client;
use greengate::model::api::{Range, Series, exit};

use crate::common::door::Door;
use crate::common::fixture::{PLAIN, Pair};
use crate::common::load::{Kind, Load};
use crate::common::{eventually, holds, secs};

async fn series(door: &Door, range: Range) -> Series {
    let path = format!("/v1/series?range={}", range.as_str());
    let client = Client::new(door.socket());
    client.get(&path).await.expect("series")
}

fn sum(column: &[u32]) -> u32 {
    column.iter().sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_swap_is_seen_as_one_column_that_ends_and_another_that_begins() {
    let pair = Pair::plain("limit.body = \"1KiB\"").await;
    let load = Load::start(pair.target(), &[(Kind::Get, 2)]).await;
    load.more(20).await;
    pair.door.swap("prod", &["--no-wait"]).await.assert_code(exit::DONE);
    pair.get("/status/500").await;
    let mut client = pair.door.plain().await;
    let answer = client.request("POST", PLAIN, "/echo", "", &[0; 2048]).await.unwrap();
    assert_eq!(answer.status, 413);
    load.more(20).await;
    let prod = eventually(secs(20), || async {
        let prod = series(&pair.door, Range::Minute).await.tracks.remove(0);
        let errors = [&prod.app_errors, &prod.client_errors].map(|column| sum(column));
        let both = sum(&prod.blue) > 0 && sum(&prod.green) > 0 && errors == [1, 1];
        holds(both, || format!("{prod:?}")).map(|()| prod)
    })
    .await;
    load.stop().await.assert_no_failures();
    assert_eq!((prod.environment.as_str(), prod.service.as_deref()), ("prod", None));
    let served = |column: &[u32]| column.iter().rposition(|&n| n > 0);
    let last_of_blue = served(&prod.blue).unwrap();
    let first_of_green = prod.green.iter().position(|&n| n > 0).unwrap();
    assert!(
        last_of_blue <= first_of_green,
        "the two sides meet in one second at most: {prod:?}"
    );
    assert_eq!(prod.blue.len(), prod.steps);
    assert!(sum(&prod.p95_us) > 0 && prod.proxy_errors.is_empty(), "{prod:?}");
    // All that was answered is in it, whatever the step.
    let status = pair.door.status().await;
    assert_eq!((status.series.tracks, status.series.left_out), (1, 0));
    assert!((1..512 * 1024).contains(&status.series.bytes), "{:?}", status.series);
}
