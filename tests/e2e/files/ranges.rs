//! Parts of a file (RFC 9110 §14).

use super::{Site, is_multipart};
use crate::common::client::Response;
use crate::common::fixture::HOST;

/// A file whose every byte says where it stands.
fn content() -> Vec<u8> {
    (0..100_000_u32)
        .map(|n| b'a' + u8::try_from(n * 7 % 26).unwrap())
        .collect()
}

/// The parts of an answer with several: where each says that it stands, and its bytes.
fn parts(answer: &Response) -> Vec<(String, Vec<u8>)> {
    assert!(is_multipart(answer), "{answer:?}");
    let kind = answer.field("content-type").unwrap();
    let boundary = kind.strip_prefix("multipart/byteranges; boundary=").unwrap();
    let body = &answer.body;
    assert!(body.starts_with(format!("--{boundary}\r\n").as_bytes()));
    let end = format!("\r\n--{boundary}--\r\n");
    let inner = body.strip_suffix(end.as_bytes()).unwrap();
    let between = format!("--{boundary}\r\n");
    let text: Vec<u8> = inner.to_vec();
    let text = String::from_utf8(text).unwrap();
    let split = text.split(&between).skip(1);
    let parts = split.map(|part| {
        let (head, bytes) = part.split_once("\r\n\r\n").unwrap();
        assert!(head.contains("content-type: text/plain; charset=utf-8"), "{head}");
        let range = head.split("content-range: ").nth(1).unwrap();
        (range.to_owned(), bytes.trim_end_matches("\r\n").as_bytes().to_vec())
    });
    parts.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_part_is_sent_as_it_was_asked_for() {
    let site = Site::start("").await;
    let content = content();
    site.put("a.txt", &content);
    for (range, expected) in [
        ("bytes=0-0", 0..1),
        ("bytes=0-99", 0..100),
        ("bytes=50000-", 50_000..100_000),
        ("bytes=-7", 99_993..100_000),
        ("bytes=99999-200000", 99_999..100_000),
        ("bytes=-200000", 0..100_000),
        ("bytes=0-0,1-1,2-2", 0..3),
    ] {
        let answer = site.ask("GET", "/a.txt", &[("range", range)]).await;
        assert_eq!(answer.status, 206, "{range}");
        let said = format!("bytes {}-{}/100000", expected.start, expected.end - 1);
        assert_eq!(answer.field("content-range"), Some(&*said), "{range}");
        assert_eq!(answer.body, content[expected], "{range}");
        assert!(answer.field("etag").is_some() && answer.field("last-modified").is_some());
        // HEAD knows no parts.
        let head = site.ask("HEAD", "/a.txt", &[("range", range)]).await;
        assert_eq!(
            (head.status, head.field("content-length")),
            (200, Some("100000")),
            "{range}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn several_parts_come_in_one_answer_and_what_touches_comes_once() {
    let site = Site::start("").await;
    let content = content();
    site.put("a.txt", &content);
    for (range, expected) in [
        ("bytes=500-599,0-99", vec![500..600, 0..100]),
        (
            "bytes=0-0, 50000-50009 ,-1",
            vec![0..1, 50_000..50_010, 99_999..100_000],
        ),
        ("bytes=0-9,5-14,1000-1009", vec![0..15, 1000..1010]),
        (
            "bytes=0-0,1000-1000,2000-2000,3000-3000,4000-4000,5000-5000,6000-6000,7000-7000",
            (0..8).map(|n| n * 1000..n * 1000 + 1).collect(),
        ),
    ] {
        for answer in [
            site.over_h1("GET", "/a.txt", &[("range", range)]).await,
            site.over_h2("GET", "/a.txt", &[("range", range)]).await,
        ] {
            assert_eq!(answer.status, 206, "{range}");
            let length = answer.body.len().to_string();
            assert_eq!(answer.field("content-length"), Some(&*length), "{range}");
            assert_eq!(answer.field("content-range"), None, "{range}");
            assert_eq!(answer.field("vary"), Some("Accept-Encoding"), "{range}");
            let expected: Vec<_> = expected
                .iter()
                .map(|part| {
                    (
                        format!("bytes {}-{}/100000", part.start, part.end - 1),
                        content[part.clone()].to_vec(),
                    )
                })
                .collect();
            assert_eq!(parts(&answer), expected, "{range}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_should_ask_for_is_answered_right_and_cheaply() {
    let site = Site::start("").await;
    let content = content();
    site.put("a.txt", &content);
    site.put("empty.txt", "");
    let many = format!("bytes={}", "0-,".repeat(10_000));
    for range in [
        "bytes=2-1",
        "bytes=a-b",
        "bytes=",
        "lines=0-1",
        "0-1",
        "bytes=0-1;2-3",
        &many,
    ] {
        let answer = site.ask("GET", "/a.txt", &[("range", range)]).await;
        assert_eq!(
            (answer.status, answer.body.len()),
            (200, content.len()),
            "{:.40}",
            range
        );
    }
    for range in ["bytes=100000-", "bytes=-0", "bytes=99999999999999999999999-"] {
        let answer = site.ask("GET", "/a.txt", &[("range", range)]).await;
        assert_eq!(
            (answer.status, answer.field("content-range")),
            (416, Some("bytes */100000")),
            "{range}"
        );
        assert!(answer.body.is_empty());
    }
    let empty = site.ask("GET", "/empty.txt", &[("range", "bytes=0-")]).await;
    assert_eq!((empty.status, empty.body.len()), (200, 0));
    // All of it, once, and the connection goes on behind it.
    let mut client = site.door.tls(HOST).await.unwrap();
    for _ in 0..2 {
        let answer = client
            .request("GET", HOST, "/a.txt", "Range: bytes=0-,0-,0-\r\n", b"")
            .await
            .unwrap();
        assert_eq!((answer.status, answer.body.len()), (206, content.len()));
    }
    let lines = site.door.logged("\"status\":416", 6).await;
    assert!(lines.iter().all(|line| line["termination"] == "done"), "{lines:?}");
}
