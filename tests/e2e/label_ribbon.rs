//! A ribbon with the environment's label behind every page, over HTTP/1.1 and HTTP/2: on pages, and on nothing else.

use std::io::Read as _;

use bytes::Bytes;

use crate::common::app::{Step, send};
use crate::common::client::{Client, Response, WEB_SOCKET};
use crate::common::fixture::{HOST, Pair};

const LABELLED: &str = "label = \"stag<ing&\"\nlabel_ribbon = true\nauth.basic = \"off\"\n";
const MARK: &str = "<greengate-ribbon role=note>stag&lt;ing&amp;</greengate-ribbon>";
const PAGE: &str = "<!doctype html><title>app</title><p>a page</p></html>\n";
const HTML: &str = "Content-Type: text/html; charset=utf-8\r\n";
/// What a browser sends that opens a page.
const BROWSER: &[(&str, &str)] = &[
    ("accept", "text/html,application/xhtml+xml,*/*;q=0.8"),
    ("accept-encoding", "gzip, br"),
    ("sec-fetch-dest", "document"),
];

fn whole(status: &str, fields: &str, body: &str) -> Vec<Step> {
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\n{fields}Content-Length: {length}\r\n\r\n");
    vec![Step::ReadBody, send(format!("{head}{body}"))]
}

fn assert_ribbon(answer: &Response, page: &str) {
    let text = answer.text();
    let ribbon = text.strip_prefix(page).unwrap_or_else(|| panic!("{text}"));
    assert!(
        ribbon.contains(MARK) && ribbon.len() < 600 && ribbon.contains("pointer-events:none"),
        "{ribbon}"
    );
}

fn assert_as_it_is(answer: &Response, body: &str) {
    assert_eq!(answer.text(), body, "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_has_the_ribbon_behind_it_and_a_length_and_a_tag_that_are_true() {
    let pair = Pair::tls(LABELLED).await;
    let fields = format!("{HTML}ETag: \"v1\"\r\nAccept-Ranges: bytes\r\nVary: Cookie\r\n");
    pair.blue.on("/page", whole("200 OK", &fields, PAGE));
    for answer in pair.both("GET", "/page", BROWSER).await {
        assert_ribbon(&answer, PAGE);
        assert_eq!(answer.field("content-length"), Some(&*answer.body.len().to_string()));
        assert_eq!(answer.field("etag"), Some("W/\"v1\""));
        assert_eq!(answer.field("accept-ranges"), Some("none"));
        assert_eq!(
            answer.field("vary"),
            Some("Cookie, Sec-Fetch-Dest, Accept, X-Requested-With")
        );
        assert_eq!(answer.field("x-environment"), Some("stag<ing&"));
    }
    let long = answer_length(&pair.both("GET", "/page", BROWSER).await[0]);
    for answer in pair.both("HEAD", "/page", BROWSER).await {
        assert_eq!((answer.body.len(), answer_length(&answer)), (0, long));
        assert_eq!(answer.field("etag"), Some("W/\"v1\""));
    }
    // The log counts what has left.
    let lines = pair.door.logged("\"/page\"", 6).await;
    let sent = lines.iter().filter(|line| line["bytes_out"] == long).count();
    assert_eq!(sent, 4, "{lines:?}");
}

fn answer_length(answer: &Response) -> usize {
    answer.field("content-length").unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_app_is_asked_for_pages_unencoded_and_for_all_else_as_ever() {
    let pair = Pair::tls(LABELLED).await;
    let echo = |target: &'static str, fields: &'static [(&'static str, &'static str)]| {
        let pair = &pair;
        async move {
            pair.both("GET", target, fields)
                .await
                .map(|answer| answer.text().to_lowercase())
        }
    };
    // Without a script an app of the tests answers with the head that it got.
    for head in echo("/head", BROWSER).await {
        assert!(
            head.contains("\r\naccept-encoding: identity\r\n") && !head.contains("gzip"),
            "{head}"
        );
    }
    for fields in [
        &[
            ("accept", "*/*"),
            ("accept-encoding", "gzip"),
            ("sec-fetch-dest", "script"),
        ][..],
        &[
            ("accept", "text/html"),
            ("accept-encoding", "gzip"),
            ("sec-fetch-dest", "iframe"),
        ],
        &[
            ("accept", "text/html"),
            ("accept-encoding", "gzip"),
            ("x-requested-with", "XMLHttpRequest"),
        ],
        &[("accept", "*/*"), ("accept-encoding", "gzip")],
    ] {
        for head in echo("/head", fields).await {
            assert!(head.contains("\r\naccept-encoding: gzip\r\n"), "{head}");
        }
    }
    // On the plain port and in older browsers nobody says what it is for.
    for head in echo("/head", &[("accept", "text/html, */*"), ("accept-encoding", "gzip")]).await {
        assert!(head.contains("\r\naccept-encoding: identity\r\n"), "{head}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_page_or_may_not_be_changed_stays_as_it_is() {
    let pair = Pair::tls(LABELLED).await;
    let cases = [
        ("/json", "200 OK", "Content-Type: application/json\r\n"),
        ("/xhtml", "200 OK", "Content-Type: application/xhtml+xml\r\n"),
        ("/utf16", "200 OK", "Content-Type: text/html; charset=utf-16le\r\n"),
        (
            "/encoded",
            "200 OK",
            "Content-Type: text/html\r\nContent-Encoding: x-own\r\n",
        ),
        (
            "/fixed",
            "200 OK",
            "Content-Type: text/html\r\nCache-Control: no-transform\r\n",
        ),
        (
            "/digest",
            "200 OK",
            "Content-Type: text/html\r\nRepr-Digest: sha-256=:x:\r\n",
        ),
        ("/md5", "200 OK", "Content-Type: text/html\r\nContent-MD5: x\r\n"),
        (
            "/file",
            "200 OK",
            "Content-Type: text/html\r\nContent-Disposition: attachment\r\n",
        ),
        (
            "/policy",
            "200 OK",
            "Content-Type: text/html\r\nContent-Security-Policy: default-src 'self'\r\n",
        ),
        (
            "/part",
            "206 Partial Content",
            "Content-Type: text/html\r\nContent-Range: bytes 0-53/99\r\n",
        ),
        ("/away", "302 Found", "Content-Type: text/html\r\nLocation: /\r\n"),
    ];
    for (target, status, fields) in cases {
        pair.blue
            .on(target, whole(status, &format!("{fields}ETag: \"v1\"\r\n"), PAGE));
        for answer in pair.both("GET", target, BROWSER).await {
            assert_as_it_is(&answer, PAGE);
            assert_eq!(answer.field("etag"), Some("\"v1\""), "{target}");
            assert_eq!(answer_length(&answer), PAGE.len());
        }
    }
    // A page that a script asks for is a part of another one.
    pair.blue
        .on("/page", whole("200 OK", &format!("{HTML}ETag: \"v1\"\r\n"), PAGE));
    for fields in [
        &[("sec-fetch-dest", "empty")][..],
        &[("accept", "text/html"), ("hx-request", "true")],
        &[],
    ] {
        for answer in pair.both("GET", "/page", fields).await {
            assert_as_it_is(&answer, PAGE);
            assert_eq!(answer.field("etag"), Some("\"v1\""));
            assert_eq!(answer.field("vary"), Some("Sec-Fetch-Dest, Accept, X-Requested-With"));
        }
    }
    pair.blue.on("/empty", whole("200 OK", HTML, ""));
    for answer in pair.both("GET", "/empty", BROWSER).await {
        assert_as_it_is(&answer, "");
    }
    // Two policies that let styles of the page in, and one that only reports.
    let lax = format!(
        "{HTML}Content-Security-Policy: style-src 'unsafe-inline'; default-src 'none'\r\n\
         Content-Security-Policy-Report-Only: default-src 'none'\r\n"
    );
    pair.blue.on("/lax", whole("200 OK", &lax, PAGE));
    for answer in pair.both("GET", "/lax", BROWSER).await {
        assert_ribbon(&answer, PAGE);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_says_unchanged_is_found_by_the_tag_that_the_app_has_written() {
    let pair = Pair::tls(LABELLED).await;
    pair.blue
        .on("/page", whole("200 OK", &format!("{HTML}ETag: \"v1\"\r\n"), PAGE));
    pair.both("GET", "/page", BROWSER).await;
    let again = [BROWSER, &[("if-none-match", "W/\"v1\"")]].concat();
    for head in pair.both("GET", "/head", &again).await.map(|answer| answer.text()) {
        assert!(head.to_lowercase().contains("\r\nif-none-match: \"v1\"\r\n"), "{head}");
    }
    pair.blue.on(
        "/same",
        vec![send(
            "HTTP/1.1 304 Not Modified\r\nETag: \"v1\"\r\nDate: Thu, 26 Nov 2026 12:00:00 GMT\r\n\r\n",
        )],
    );
    for answer in pair.both("GET", "/same", &again).await {
        assert_eq!((answer.status, answer.field("etag")), (304, Some("W/\"v1\"")));
        assert_eq!(answer.field("vary"), Some("Sec-Fetch-Dest, Accept, X-Requested-With"));
    }
    for answer in pair
        .both(
            "GET",
            "/same",
            &[("if-none-match", "\"v1\""), ("sec-fetch-dest", "empty")],
        )
        .await
    {
        assert_eq!((answer.status, answer.field("etag")), (304, Some("\"v1\"")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_stay_streams_and_what_is_cut_has_no_ribbon() {
    let pair = Pair::tls(LABELLED).await;
    let chunked = format!("HTTP/1.1 200 OK\r\n{HTML}Transfer-Encoding: chunked\r\n\r\n");
    pair.blue.on(
        "/stream",
        vec![
            send(format!("{chunked}4\r\n<p>1\r\n")),
            Step::Until("go"),
            send("4\r\n<p>2\r\n0\r\n\r\n"),
        ],
    );
    let mut client = pair.door.tls(HOST).await.unwrap();
    let ask = format!("GET /stream HTTP/1.1\r\nHost: {HOST}\r\nSec-Fetch-Dest: document\r\n\r\n");
    client.send(ask).await.unwrap();
    let (status, head) = client.head().await.unwrap();
    assert_eq!((status, head.fields.get("transfer-encoding")), (200, Some("chunked")));
    assert_eq!(client.incoming.chunk().await.unwrap().as_deref(), Some(&b"<p>1"[..]));
    pair.blue.release("go");
    let mut rest = Vec::new();
    while let Some(chunk) = client.incoming.chunk().await.unwrap() {
        rest.extend(chunk);
    }
    let rest = String::from_utf8(rest).unwrap();
    assert!(rest.starts_with("<p>2") && rest.contains(MARK), "{rest}");
    pair.blue
        .on("/cut", vec![send(format!("{chunked}4\r\n<p>1\r\n")), Step::Close]);
    let h2 = pair.door.h2(HOST).await.unwrap();
    let request = http::Request::get(format!("https://{HOST}/cut")).header("sec-fetch-dest", "document");
    assert!(h2.send(request, Bytes::new()).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn compression_works_behind_it_and_our_own_errors_have_it() {
    let pair = Pair::tls(&format!("{LABELLED}compress = true\nhold.for = \"off\"\n")).await;
    let page = format!("{PAGE}{}", "<p>words of a page</p>\n".repeat(100));
    pair.blue
        .on("/page", whole("200 OK", &format!("{HTML}ETag: \"v1\"\r\n"), &page));
    for answer in pair
        .both(
            "GET",
            "/page",
            &[("accept-encoding", "gzip"), ("sec-fetch-dest", "document")],
        )
        .await
    {
        assert_eq!(answer.field("content-encoding"), Some("gzip"));
        assert_eq!(answer.field("etag"), Some("W/\"v1\""));
        assert_eq!(
            answer.field("vary"),
            Some("Sec-Fetch-Dest, Accept, X-Requested-With, Accept-Encoding")
        );
        let mut text = String::new();
        flate2::read::GzDecoder::new(&answer.body[..])
            .read_to_string(&mut text)
            .unwrap();
        assert!(text.starts_with(&page) && text.contains(MARK));
    }
    pair.blue.stop_hard().await;
    for answer in pair.both("GET", "/", &[("accept", "text/html")]).await {
        assert_eq!(answer.status, 503);
        assert!(answer.text().contains(MARK), "{}", answer.text());
        assert_eq!(answer_length(&answer), answer.body.len());
    }
    for answer in pair.both("GET", "/", &[("accept", "application/json")]).await {
        assert!(!answer.text().contains("greengate-ribbon"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_shows_and_takes_it_away_and_web_sockets_are_no_pages() {
    let pair = Pair::tls("label = \"dev\"\nauth.basic = \"off\"\n").await;
    pair.blue.on("/page", whole("200 OK", HTML, PAGE));
    assert_as_it_is(&pair.both("GET", "/page", BROWSER).await[0], PAGE);
    pair.door
        .replace("label = \"dev\"", "label = \"dev\"\nlabel_ribbon = true");
    pair.door.reload(&[]).await.assert_code(0);
    for answer in pair.both("GET", "/page", BROWSER).await {
        assert!(answer.text().contains(">dev</greengate-ribbon>"));
    }
    let mut client: Client = pair.door.tls(HOST).await.unwrap();
    let ask = format!("GET /ws HTTP/1.1\r\nHost: {HOST}\r\nAccept: text/html\r\n{WEB_SOCKET}\r\n");
    client.send(ask).await.unwrap();
    assert_eq!(client.head().await.unwrap().0, 101);
}
