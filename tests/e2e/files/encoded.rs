//! Files that lie there encoded already, beside what they were made of.

use std::time::Duration;

use super::{Site, age};
use crate::common::fixture::HOST;

const ENCODINGS: [(&str, &str); 3] = [("br", "br"), ("zstd", "zst"), ("gzip", "gz")];

/// A file with its three encoded forms, whose bytes only have to differ.
fn put_all(site: &Site, name: &str) {
    site.put(name, "as it is, and long enough to be encoded: ".repeat(100));
    for (encoding, ending) in ENCODINGS {
        site.put(&format!("{name}.{ending}"), encoding);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_gets_the_form_that_it_likes_best_and_caches_are_told() {
    let site = Site::start("").await;
    put_all(&site, "app.js");
    let mut tags = Vec::new();
    for (accepted, expected) in [
        ("br", Some("br")),
        ("zstd", Some("zstd")),
        ("gzip", Some("gzip")),
        ("gzip, deflate, br, zstd", Some("br")),
        ("gzip;q=1, br;q=0.9", Some("gzip")),
        ("br;q=0, *", Some("zstd")),
        ("*;q=0", None),
        ("identity", None),
        ("br;q=0.5, identity", None),
        ("", None),
    ] {
        let answer = site.ask("GET", "/app.js", &[("accept-encoding", accepted)]).await;
        assert_eq!(
            (answer.status, answer.field("content-encoding")),
            (200, expected),
            "{accepted}"
        );
        assert_eq!(
            answer.field("content-type"),
            Some("text/javascript; charset=utf-8"),
            "{accepted}"
        );
        assert_eq!(answer.field("vary"), Some("Accept-Encoding"), "{accepted}");
        match expected {
            Some(encoding) => assert_eq!(answer.text(), encoding),
            None => assert!(answer.text().starts_with("as it is")),
        }
        let tag = answer.field("etag").unwrap().to_owned();
        let known = site
            .ask(
                "GET",
                "/app.js",
                &[("accept-encoding", accepted), ("if-none-match", &tag)],
            )
            .await;
        assert_eq!((known.status, known.field("etag")), (304, Some(&*tag)), "{accepted}");
        tags.push((expected, tag));
    }
    tags.sort();
    tags.dedup();
    assert_eq!(tags.len(), 4, "each form has one tag of its own: {tags:?}");
    let part = site
        .ask("GET", "/app.js", &[("accept-encoding", "gzip"), ("range", "bytes=1-2")])
        .await;
    assert_eq!((part.status, part.text().as_str()), (206, "zi"));
    assert_eq!(
        (part.field("content-encoding"), part.field("content-range")),
        (Some("gzip"), Some("bytes 1-2/4"))
    );
    let head = site.ask("HEAD", "/app.js", &[("accept-encoding", "br")]).await;
    assert_eq!(
        (head.field("content-encoding"), head.field("content-length")),
        (Some("br"), Some("2"))
    );
    // Ten thousand wishes are read once.
    let many = format!("{}gzip;q=0.1", "x;q=0.9, ".repeat(5000));
    let answer = site.ask("GET", "/app.js", &[("accept-encoding", &many)]).await;
    assert_eq!(answer.field("content-encoding"), Some("gzip"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_that_is_older_than_its_file_or_no_file_is_not_sent() {
    let site = Site::start("").await;
    put_all(&site, "app.js");
    age(&site.blue.path().join("app.js.br"), Duration::from_secs(7200));
    let ask = async || {
        let fields = [("accept-encoding", "br, zstd;q=0.9, gzip;q=0.8")];
        let answer = site.ask("GET", "/app.js", &fields).await;
        answer.field("content-encoding").unwrap_or("none").to_owned()
    };
    assert_eq!(ask().await, "zstd");
    std::fs::remove_file(site.blue.path().join("app.js.zst")).unwrap();
    std::fs::create_dir(site.blue.path().join("app.js.zst")).unwrap();
    assert_eq!(ask().await, "gzip");
    std::fs::remove_file(site.blue.path().join("app.js.gz")).unwrap();
    std::os::unix::fs::symlink("/etc/hostname", site.blue.path().join("app.js.gz")).unwrap();
    assert_eq!(ask().await, "none");
    // A form without its file is a file like any other, and what does not shrink has none.
    site.put("lonely.js.gz", "gzip");
    assert_eq!(
        site.ask("GET", "/lonely.js", &[("accept-encoding", "gzip")])
            .await
            .status,
        404
    );
    let archive = site.ask("GET", "/lonely.js.gz", &[("accept-encoding", "gzip")]).await;
    assert_eq!(
        (archive.field("content-type"), archive.field("content-encoding")),
        (Some("application/gzip"), None)
    );
    site.put("a.png", "png");
    site.put("a.png.gz", "gzip");
    let picture = site.ask("GET", "/a.png", &[("accept-encoding", "gzip")]).await;
    assert_eq!((picture.text().as_str(), picture.field("vary")), ("png", None));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_lies_there_encoded_is_sent_and_the_rest_is_encoded_on_its_way() {
    let site = Site::start("compress = true").await;
    put_all(&site, "app.js");
    let text = "a text that nobody has encoded ".repeat(200);
    site.put("plain.js", &text);
    let ready = site.ask("GET", "/app.js", &[("accept-encoding", "gzip")]).await;
    assert_eq!(
        (ready.text().as_str(), ready.field("content-encoding")),
        ("gzip", Some("gzip"))
    );
    assert!(!ready.field("etag").unwrap().starts_with("W/"));

    let fields = [("accept-encoding", "gzip")];
    let made = site.ask("GET", "/plain.js", &fields).await;
    assert_eq!((made.status, made.field("content-encoding")), (200, Some("gzip")));
    assert_eq!(
        (made.field("content-length"), made.field("accept-ranges")),
        (None, Some("none"))
    );
    assert_eq!(made.field("vary"), Some("Accept-Encoding"));
    let mut decoded = String::new();
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&made.body[..]), &mut decoded).unwrap();
    assert_eq!(decoded, text);
    let tag = made.field("etag").unwrap();
    assert!(tag.starts_with("W/"), "{tag}");
    let fields = [("accept-encoding", "gzip"), ("if-none-match", tag)];
    assert_eq!(site.ask("GET", "/plain.js", &fields).await.status, 304);
    let part = site
        .ask(
            "GET",
            "/plain.js",
            &[("accept-encoding", "gzip"), ("range", "bytes=2-5")],
        )
        .await;
    assert_eq!((part.status, part.text().as_str()), (206, "text"));
    assert_eq!(part.field("content-encoding"), None);
    let head = site.over_h1("HEAD", "/plain.js", &[("accept-encoding", "gzip")]).await;
    assert_eq!(
        (head.field("content-encoding"), head.field("content-length")),
        (Some("gzip"), None)
    );
    let mut client = site.door.tls(HOST).await.unwrap();
    assert_eq!(client.get(HOST, "/plain.js").await.unwrap().text(), text);
}
