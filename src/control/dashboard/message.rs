//! What stands in one message of the feed: an event of a stream (WHATWG HTML §9.2), with JSON in it. `page/feed.js` reads them.

use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;

use crate::model::api::{Series, Track};

/// One event.
pub(super) fn event(name: &str, json: &str) -> Bytes {
    // JSON has no line end of its own.
    format!("event: {name}\ndata: {json}\n\n").into()
}

/// A value as JSON.
pub(super) fn json(value: &impl Serialize) -> String {
    // Our own types have string keys and no failing parts.
    serde_json::to_string(value).unwrap_or_else(|_| "null".into())
}

/// An object of parts that are JSON already; those that are not there are left out.
pub(super) fn object(parts: &[(&str, Option<&str>)]) -> String {
    let there = parts
        .iter()
        .filter_map(|(name, text)| Some(format!("\"{name}\":{}", (*text)?)));
    format!("{{{}}}", there.collect::<Vec<_>>().join(","))
}

/// A list of parts that are JSON already.
pub(super) fn list<'t>(parts: impl IntoIterator<Item = &'t str>) -> String {
    format!("[{}]", parts.into_iter().collect::<Vec<_>>().join(","))
}

/// The newest steps of each track, the oldest of them first: what is zero in one is left out of it.
pub(super) fn points(series: &Series, steps: usize) -> Vec<String> {
    (0..steps)
        .rev()
        .map(|back| list(of_step(series, back).iter().map(String::as_str)))
        .collect()
}

fn of_step(series: &Series, back: usize) -> Vec<String> {
    series.tracks.iter().map(|track| of_track(track, back)).collect()
}

fn of_track(track: &Track, back: usize) -> String {
    let Track {
        environment,
        service,
        steps,
        blue,
        green,
        upstream,
        app_errors,
        proxy_errors,
        client_errors,
        p50_us,
        p95_us,
        held,
        in_flight,
    } = track;
    let mut point = serde_json::Map::new();
    point.insert("environment".into(), environment.as_str().into());
    if let Some(service) = service {
        point.insert("service".into(), service.as_str().into());
    }
    let columns = [
        ("blue", blue),
        ("green", green),
        ("upstream", upstream),
        ("app_errors", app_errors),
        ("proxy_errors", proxy_errors),
        ("client_errors", client_errors),
        ("p50_us", p50_us),
        ("p95_us", p95_us),
        ("held", held),
        ("in_flight", in_flight),
    ];
    for (name, column) in columns {
        let value = steps.checked_sub(back + 1).and_then(|place| column.get(place));
        if let Some(value) = value.filter(|value| **value > 0) {
            point.insert(name.into(), (*value).into());
        }
    }
    json(&Value::Object(point))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::api::Range;

    #[test]
    fn a_message_is_one_event_of_a_stream() {
        let text = object(&[("a", Some("1")), ("b", None), ("c", Some("[]"))]);
        assert_eq!(text, r#"{"a":1,"c":[]}"#);
        assert_eq!(
            event("second", &text),
            r#"event: second
data: {"a":1,"c":[]}

"#
        );
        let line = json(&"one\ntwo");
        assert!(!line.contains('\n'), "{line}");
    }

    #[test]
    fn a_point_has_what_happened_in_its_step_and_no_zero() {
        let track = Track {
            environment: "prod".into(),
            steps: 3,
            blue: vec![1, 2, 0],
            p95_us: vec![0, 0, 9],
            ..Track::default()
        };
        let series = Series {
            range: Range::Minute,
            step_s: 1,
            end: 100,
            tracks: vec![track],
        };
        let told = points(&series, 2);
        assert_eq!(
            told,
            [
                r#"[{"blue":2,"environment":"prod"}]"#,
                r#"[{"environment":"prod","p95_us":9}]"#
            ]
        );
        assert_eq!(
            points(&series, 4)[0],
            r#"[{"environment":"prod"}]"#,
            "before all that is known"
        );
    }
}
