//! Heads that are passed on: what leaves has one framing, one host and nothing of one hop, whatever came in.

use std::net::IpAddr;

use greengate::http1::framing::{self, Framing};
use greengate::http1::head::{Parsed, RequestHead, ResponseHead, list};
use greengate::proxy::{pass_fields_on, rewrite_head};

use crate::connection::LIMITS;
use crate::fuzz;

const WORDS: &[&[u8]] = &[
    b"Connection: X-A, X-Forwarded-For, Host, Content-Length\r\n",
    b"Connection: close, keep-alive\r\n",
    b"Connection: Upgrade\r\nUpgrade: websocket\r\n",
    b"Connection:\r\n",
    b"Upgrade: h2c, websocket\r\n",
    b"X-A: 1\r\n",
    b"Keep-Alive: timeout=5\r\n",
    b"TE: trailers\r\n",
    b"Proxy-Connection: keep-alive\r\n",
    b"Proxy-Authorization: Basic eA==\r\n",
    b"Proxy: evil\r\n",
    b"Forwarded: for=1.1.1.1\r\n",
    b"X-Forwarded-For: 1.1.1.1\r\n",
    b"X-Real-IP: 1.1.1.1\r\n",
    b"X-Forwarded-Proto: gopher\r\n",
    b"X_Forwarded_For: 1.1.1.1\r\n",
    b"Content_Length: 5\r\n",
    b"Transfer_Encoding: chunked\r\n",
    b"Content-Length: 5\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Expect: 100-continue\r\n",
    b"Host: a\r\n",
    b"Host: a:443\r\n",
    b"http://a",
    b"https://a:443/",
    b"#",
];

/// Names that a message to the next hop must not carry, but for what is written there anew.
const ONE_HOP: &[&str] = &[
    "keep-alive",
    "te",
    "proxy",
    "proxy-connection",
    "proxy-authorization",
    "forwarded",
    "content_length",
    "transfer_encoding",
    "x_forwarded_for",
];

#[test]
fn a_request_leaves_with_one_framing_one_host_and_nothing_of_one_hop() {
    fuzz("request_rewriting", WORDS, |bytes| {
        let client: IpAddr = "203.0.113.7".parse().unwrap();
        let (mut head, mut out) = (RequestHead::new(), Vec::new());
        if head.parse(bytes, LIMITS) != Ok(Parsed::Whole) {
            return;
        }
        if let Err(status) = rewrite_head(&head, bytes, client, &mut out) {
            assert!(matches!(status, 400 | 405 | 417 | 501), "{status}");
            return;
        }
        let shown = || out.escape_ascii().to_string();
        let mut sent = RequestHead::new();
        assert_eq!(sent.parse(&out, LIMITS_OUT), Ok(Parsed::Whole), "{}", shown());
        assert_eq!(sent.len, out.len(), "{}", shown());
        let framing = framing::of_request(&head, bytes);
        assert_eq!(framing::of_request(&sent, &out), framing, "{}", shown());
        assert_eq!(sent.method_text.of(&out), head.method_text.of(bytes));
        let target = (head.target.of(bytes), sent.target.of(&out));
        assert!(target.0.ends_with(target.1) || target.1 == b"/", "{}", shown());

        let fields: Vec<(String, &[u8])> = named(&sent.fields, &out);
        let all = |name: &str| {
            fields
                .iter()
                .filter(|field| field.0 == name)
                .map(|field| field.1)
                .collect::<Vec<_>>()
        };
        let framings = all("content-length").len() + all("transfer-encoding").len();
        let expected = usize::from(framing != Ok(Framing::None) || !all("content-length").is_empty());
        assert_eq!(framings, expected, "{}", shown());
        for name in [
            "host",
            "x-forwarded-for",
            "x-real-ip",
            "x-forwarded-proto",
            "x-forwarded-host",
        ] {
            assert_eq!(all(name).len(), 1, "{name}: {}", shown());
        }
        assert_eq!(all("x-forwarded-for"), [b"203.0.113.7"]);
        assert_eq!(all("x-forwarded-proto"), [b"https"]);
        match all("connection").as_slice() {
            [] => assert!(all("upgrade").is_empty(), "{}", shown()),
            [b"upgrade"] => assert_eq!(all("upgrade"), [b"websocket"]),
            _ => panic!("{}", shown()),
        }
        let ours = [
            "host",
            "x-request-id",
            "connection",
            "upgrade",
            "content-length",
            "transfer-encoding",
        ];
        let nominated = nominated(&named(&head.fields, bytes));
        for (name, _) in &fields {
            assert!(!ONE_HOP.contains(&name.as_str()), "{name}: {}", shown());
            let is_ours = ours.contains(&name.as_str()) || name.starts_with("x-forwarded-") || name == "x-real-ip";
            assert!(
                is_ours || name == "expect" || !nominated.contains(name),
                "{name}: {}",
                shown()
            );
        }
    });
}

#[test]
fn an_answer_is_passed_on_without_framing_and_without_anything_of_one_hop() {
    fuzz("response_rewriting", WORDS, |bytes| {
        let (mut head, mut out) = (ResponseHead::new(), b"HTTP/1.1 200 OK\r\n".to_vec());
        if head.parse(bytes, LIMITS) != Ok(Parsed::Whole) {
            return;
        }
        pass_fields_on(&head, bytes, &mut out);
        out.extend_from_slice(b"\r\n");
        let shown = || out.escape_ascii().to_string();
        let mut sent = ResponseHead::new();
        assert_eq!(sent.parse(&out, LIMITS_OUT), Ok(Parsed::Whole), "{}", shown());
        assert_eq!(sent.len, out.len(), "{}", shown());
        let came = named(&head.fields, bytes);
        let nominated = nominated(&came);
        let goes = |name: &str| {
            let one_hop = [
                "connection",
                "upgrade",
                "keep-alive",
                "te",
                "proxy-connection",
                "proxy-authenticate",
            ];
            let frames = ["content-length", "transfer-encoding"];
            !one_hop.contains(&name) && !frames.contains(&name) && !nominated.iter().any(|one| one == name)
        };
        let expected: Vec<_> = came.iter().filter(|field| goes(&field.0)).cloned().collect();
        assert_eq!(named(&sent.fields, &out), expected, "{}", shown());
    });
}

/// What leaves is longer than what came, by no more than a few fields.
const LIMITS_OUT: greengate::http1::head::Limits = greengate::http1::head::Limits {
    bytes: 2 * LIMITS.bytes,
    fields: LIMITS.fields + 10,
};

fn named<'b>(fields: &[greengate::http1::head::Field], buffer: &'b [u8]) -> Vec<(String, &'b [u8])> {
    let name = |bytes: &[u8]| String::from_utf8(bytes.to_ascii_lowercase()).unwrap();
    fields
        .iter()
        .map(|field| (name(field.name.of(buffer)), field.value.of(buffer)))
        .collect()
}

/// Names that Connection fields nominate, beyond the options of HTTP itself.
fn nominated(fields: &[(String, &[u8])]) -> Vec<String> {
    let connection = fields.iter().filter(|field| field.0 == "connection");
    let options = connection
        .flat_map(|field| list(field.1))
        .map(|option| option.to_ascii_lowercase());
    options
        .filter(|option| !matches!(option.as_slice(), b"close" | b"keep-alive" | b"upgrade"))
        .map(|option| String::from_utf8_lossy(&option).into_owned())
        .collect()
}
