//! Conditional requests (RFC 9110 §13), and what tells one version of a file from the next.

use std::collections::BTreeSet;
use std::time::{Duration, UNIX_EPOCH};

use super::{Site, age};
use crate::common::fixture::HOST;

#[tokio::test(flavor = "multi_thread")]
async fn conditions_are_asked_in_the_order_of_the_rfc() {
    let site = Site::start("").await;
    site.put("app.js", "let a = 1;");
    let whole = site.get("/app.js").await;
    let (tag, date) = (whole.field("etag").unwrap(), whole.field("last-modified").unwrap());
    let (before, weak) = ("Sun, 06 Nov 1994 08:49:37 GMT", format!("W/{tag}"));
    for (fields, expected) in [
        (&[("if-none-match", tag)][..], 304),
        (&[("if-none-match", &weak)], 304),
        (&[("if-none-match", "*")], 304),
        (&[("if-none-match", "\"other\"")], 200),
        (&[("if-none-match", "\"other\""), ("if-modified-since", date)], 200),
        (&[("if-none-match", tag), ("if-modified-since", before)], 304),
        (&[("if-modified-since", date)], 304),
        (&[("if-modified-since", before)], 200),
        (&[("if-modified-since", "yesterday")], 200),
        (&[("if-match", tag)], 200),
        (&[("if-match", "*")], 200),
        (&[("if-match", &weak)], 412),
        (&[("if-match", "\"other\"")], 412),
        (&[("if-match", "\"other\""), ("if-none-match", tag)], 412),
        (&[("if-match", tag), ("if-unmodified-since", before)], 200),
        (&[("if-unmodified-since", date)], 200),
        (&[("if-unmodified-since", before)], 412),
        (&[("if-match", tag), ("if-none-match", tag)], 304),
        (&[("if-none-match", tag), ("range", "bytes=0-1")], 304),
    ] {
        for method in ["GET", "HEAD"] {
            let answer = site.ask(method, "/app.js", fields).await;
            assert_eq!(answer.status, expected, "{method} {fields:?}");
            match expected {
                304 => {
                    assert_eq!(
                        (answer.field("etag"), answer.field("vary")),
                        (Some(tag), Some("Accept-Encoding"))
                    );
                    assert_eq!(
                        (answer.body.len(), answer.field("content-length")),
                        (0, None),
                        "{fields:?}"
                    );
                }
                412 => assert!(answer.body.is_empty(), "{fields:?}"),
                _ => assert_eq!(answer.field("etag"), Some(tag)),
            }
        }
    }
    // What is not there is not there, whatever its client has.
    assert_eq!(site.ask("GET", "/none.js", &[("if-none-match", "*")]).await.status, 404);
    // The connection goes on behind an answer without a body.
    let mut client = site.door.tls(HOST).await.unwrap();
    for (field, status) in [(format!("If-None-Match: {tag}\r\n"), 304), (String::new(), 200)] {
        let answer = client.request("GET", HOST, "/app.js", &field, b"").await.unwrap();
        assert_eq!(answer.status, status);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_files_never_have_one_strong_tag() {
    let site = Site::start("").await;
    let path = site.put("app.js", "let a = 0;");
    let mut tags = BTreeSet::new();
    let mut versions = 0;
    for round in 1..=9 {
        let (content, beside) = (format!("let a = {round};"), site.blue.path().join("new.js"));
        match round % 3 {
            // Written in place, put in its place, and put there with the size and the time of what was there.
            0 => std::fs::write(&path, &content).unwrap(),
            1 => {
                std::fs::write(&beside, &content).unwrap();
                std::fs::rename(&beside, &path).unwrap();
            }
            _ => {
                std::fs::write(&beside, &content).unwrap();
                let time = std::fs::metadata(&path).unwrap().modified().unwrap();
                std::fs::File::open(&beside).unwrap().set_modified(time).unwrap();
                std::fs::rename(&beside, &path).unwrap();
            }
        }
        let answer = site.over_h1("GET", "/app.js", &[]).await;
        assert_eq!(answer.text(), content, "round {round}");
        let tag = answer.field("etag").unwrap().to_owned();
        if !tag.starts_with("W/") {
            assert!(tags.insert(tag), "round {round}: {tags:?}");
            versions += 1;
        }
    }
    assert_eq!(tags.len(), versions);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_the_other_side_with_the_same_size_and_time_is_another_file() {
    let site = Site::start("health.path = \"/\"").await;
    let time = UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    for (folder, content) in [(&site.blue, "let a = 1;"), (&site.green, "let a = 2;")] {
        let path = folder.path().join("app.js");
        std::fs::write(&path, content).unwrap();
        std::fs::File::open(&path).unwrap().set_modified(time).unwrap();
    }
    let blue = site.get("/app.js").await;
    let tag = blue.field("etag").unwrap();
    assert_eq!(site.ask("GET", "/app.js", &[("if-none-match", tag)]).await.status, 304);
    site.door.swap("prod", &[]).await.assert_done();
    let green = site.ask("GET", "/app.js", &[("if-none-match", tag)]).await;
    assert_eq!((green.status, green.text().as_str()), (200, "let a = 2;"));
    assert_ne!(green.field("etag"), Some(tag));
    // Half of one and half of the other is neither.
    let fields = [("range", "bytes=5-"), ("if-range", tag)];
    assert_eq!(site.ask("GET", "/app.js", &fields).await.text(), "let a = 2;");
    let date = green.field("last-modified").unwrap();
    let fields = [("range", "bytes=5-"), ("if-range", date)];
    assert_eq!(site.ask("GET", "/app.js", &fields).await.text(), "let a = 2;");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_older_than_the_one_before_it_is_sent_all_the_same() {
    let site = Site::start("health.path = \"/\"").await;
    site.put("app.js", "let a = 1;");
    let before = site.get("/app.js").await;
    let date = before.field("last-modified").unwrap();
    let green = site.green.path().join("app.js");
    std::fs::write(&green, "let a = 2;").unwrap();
    age(&green, Duration::from_secs(86_400));
    site.door.swap("prod", &[]).await.assert_done();
    let after = site.ask("GET", "/app.js", &[("if-modified-since", date)]).await;
    assert_eq!((after.status, after.text().as_str()), (200, "let a = 2;"));
}
