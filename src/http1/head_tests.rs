//! The parser's tables; every split and every mutation of heads is in `tests/http1_codec.rs`.

use super::{HeadError, Limits, Method, Name, Parsed, RequestHead, ResponseHead, Version, is_token, list};

const LIMITS: Limits = Limits {
    bytes: 64 * 1024,
    fields: 100,
};

fn request(bytes: &[u8]) -> Result<Parsed, HeadError> {
    RequestHead::new().parse(bytes, LIMITS)
}

fn response(bytes: &[u8]) -> Result<Parsed, HeadError> {
    ResponseHead::new().parse(bytes, LIMITS)
}

#[test]
fn a_request_head_keeps_order_case_and_bytes() {
    let bytes =
        b"PURGE /a%2F..//b\xc3\xa9?q=\"{}\" HTTP/1.1\r\nHOST: A\r\naccept:*/*\r\nX-A: \xff \t b \r\nEmpty:\r\n\r\nbody";
    let mut head = RequestHead::new();
    assert_eq!(head.parse(bytes, LIMITS), Ok(Parsed::Whole));
    assert_eq!(head.len, bytes.len() - 4);
    assert_eq!(head.method, Method::Other);
    assert_eq!(head.method_text.of(bytes), b"PURGE");
    assert_eq!(head.target.of(bytes), b"/a%2F..//b\xc3\xa9?q=\"{}\"");
    assert_eq!(head.version, Version::Http11);
    let fields: Vec<_> = head
        .fields
        .iter()
        .map(|f| (f.kind, f.name.of(bytes), f.value.of(bytes)))
        .collect();
    let expected: [(Name, &[u8], &[u8]); 4] = [
        (Name::Host, b"HOST", b"A"),
        (Name::Accept, b"accept", b"*/*"),
        (Name::Other, b"X-A", b"\xff \t b"),
        (Name::Other, b"Empty", b""),
    ];
    assert_eq!(fields, expected);
    assert_eq!(head.get(Name::Host, bytes), Some(b"A".as_slice()));
    assert_eq!(head.get(Name::Te, bytes), None);
    assert_eq!((head.count(Name::Host), head.count(Name::Te)), (1, 0));
}

#[test]
fn a_head_is_filled_again_without_what_was_in_it() {
    let mut head = RequestHead::new();
    assert_eq!(
        head.parse(b"POST /long HTTP/1.0\r\nA: b\r\nC: d\r\n\r\n", LIMITS),
        Ok(Parsed::Whole)
    );
    let capacity = head.fields.capacity();
    let bytes = b"\r\nGET / HTTP/1.1\r\n\r\n";
    assert_eq!(head.parse(bytes, LIMITS), Ok(Parsed::Whole));
    assert_eq!(
        (head.method, head.version, head.len),
        (Method::Get, Version::Http11, bytes.len())
    );
    assert_eq!((head.fields.len(), head.fields.capacity()), (0, capacity));
    assert_eq!(head.target.of(bytes), b"/");
}

/// E4, E12 (structure): each is refused as soon as it is seen, whatever follows.
#[test]
fn request_heads_that_are_refused() {
    let table: &[(&[u8], &str)] = &[
        (b"\n", "bare line feed"),
        (b"\rG", "bare carriage return"),
        (b"\r\n\r\n", "more than one empty line before the request line"),
        (b"\r\n\n", "bare line feed"),
        (b" GET", "method is not a token"),
        (b"\x16\x03\x01", "method is not a token"),
        (b"GE(", "method is not a token"),
        (b"G\0", "null byte"),
        (b"GET\t", "method is not a token"),
        (b"GET\r\n", "request line without a target"),
        (b"GET\n", "bare line feed"),
        (b"GET  ", "empty target"),
        (b"GET /a\t", "control character in the target"),
        (b"GET /a\0", "null byte"),
        (b"GET /a\x7f", "control character in the target"),
        (b"GET /\r\n", "request line without a version"),
        (b"GET /\n", "bare line feed"),
        (b"GET /\rHTTP", "bare carriage return"),
        (b"GET /  ", "no HTTP version"),
        (b"GET / b ", "no HTTP version"),
        (b"GET / http/1.1", "no HTTP version"),
        (b"GET / HTTP 1.1", "no HTTP version"),
        (b"GET / HTTP/1\r", "no HTTP version"),
        (b"GET / HTTP/11", "no HTTP version"),
        (b"GET / HTTP/1.1 ", "request line does not end with its version"),
        (b"GET / HTTP/1.10", "request line does not end with its version"),
        (b"GET / HTTP/1.1\n", "bare line feed"),
        (b"GET / HTTP/1.1\rH", "bare carriage return"),
        (b"GET / HTTP/1.1\r\n Host: a\r\n", "folded line"),
        (b"GET / HTTP/1.1\r\nHost: a\r\n b\r\n", "folded line"),
        (b"GET / HTTP/1.1\r\nHost: a\r\n\tb\r\n", "folded line"),
        (b"GET / HTTP/1.1\r\nHost : a\r\n", "space before the colon"),
        (b"GET / HTTP/1.1\r\n: a\r\n", "empty field name"),
        (b"GET / HTTP/1.1\r\nHost\r\n", "field line without a colon"),
        (b"GET / HTTP/1.1\r\nHo\xc3st: a\r\n", "field name is not a token"),
        (b"GET / HTTP/1.1\r\nHost: a\n", "bare line feed"),
        (b"GET / HTTP/1.1\r\nHost: a\n\r\n", "bare line feed"),
        (b"GET / HTTP/1.1\r\nHost: a\r\n\n", "bare line feed"),
        (b"GET / HTTP/1.1\r\nHost: a\rX: b\r\n", "bare carriage return"),
        (b"GET / HTTP/1.1\r\nHost: a\r\n\rX", "bare carriage return"),
        (b"GET / HTTP/1.1\r\nHost: a\0b\r\n", "null byte"),
        (b"GET / HTTP/1.1\r\nHost: a\x1bb\r\n", "control character"),
        (b"GET / HTTP/1.1\r\nHost: a\x7fb\r\n", "control character"),
    ];
    for (bytes, why) in table {
        assert_eq!(
            request(bytes),
            Err(HeadError::Malformed(why)),
            "{}",
            bytes.escape_ascii()
        );
        let more = [bytes, b"\r\n\r\n".as_slice()].concat();
        assert_eq!(
            request(&more),
            Err(HeadError::Malformed(why)),
            "{}",
            more.escape_ascii()
        );
    }
}

#[test]
fn other_versions_are_refused_as_such() {
    for bytes in [
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "GET / HTTP/0.9",
        "GET / HTTP/1.2",
        "GET / HTTP/3.0\r\n\r\n",
    ] {
        assert_eq!(request(bytes.as_bytes()), Err(HeadError::Version), "{bytes:?}");
    }
    assert_eq!(response(b"HTTP/2.0 200 OK\r\n"), Err(HeadError::Version));
}

#[test]
fn a_response_head_keeps_what_was_written() {
    let bytes = b"HTTP/1.0 404 Not \xff\tFound \r\nServer: x\r\n\r\nrest";
    let mut head = ResponseHead::new();
    assert_eq!(head.parse(bytes, LIMITS), Ok(Parsed::Whole));
    assert_eq!(
        (head.version, head.status, head.len),
        (Version::Http10, 404, bytes.len() - 4)
    );
    assert_eq!(head.reason.of(bytes), b"Not \xff\tFound ");
    assert_eq!(head.get(Name::Server, bytes), Some(b"x".as_slice()));
    assert_eq!(head.count(Name::Server), 1);
    for bytes in ["HTTP/1.1 200\r\n\r\n", "HTTP/1.1 200 \r\n\r\n"] {
        assert_eq!(head.parse(bytes.as_bytes(), LIMITS), Ok(Parsed::Whole));
        assert_eq!((head.status, head.reason.of(bytes.as_bytes())), (200, b"".as_slice()));
    }
}

#[test]
fn response_heads_that_are_refused() {
    let table: &[(&[u8], &str)] = &[
        (b"\r\n", "no HTTP version"),
        (b"http", "no HTTP version"),
        (b"SSH-2.0", "no HTTP version"),
        (b"HTTP/1.1\r\n", "status line without a status"),
        (b"HTTP/1.1  200", "status is not three digits"),
        (b"HTTP/1.1 20 OK", "status is not three digits"),
        (b"HTTP/1.1 2000", "status is not three digits"),
        (b"HTTP/1.1 +20", "status is not three digits"),
        (b"HTTP/1.1 099 X", "status below 100"),
        (b"HTTP/1.1 200\tOK", "status is not three digits"),
        (b"HTTP/1.1 200 OK\n", "bare line feed"),
        (b"HTTP/1.1 200\n", "bare line feed"),
        (b"HTTP/1.1 200 O\rK", "bare carriage return"),
        (b"HTTP/1.1 200 O\0K", "null byte"),
        (b"HTTP/1.1 200 O\x1bK", "control character"),
        (b"HTTP/1.1 200 OK\r\nA: b\r\n c\r\n", "folded line"),
        (b"HTTP/1.1 200 OK\r\nA b: c\r\n", "space in a field name"),
        (b"HTTP/1.1 200 OK\r\nA: b\n", "bare line feed"),
    ];
    for (bytes, why) in table {
        assert_eq!(
            response(bytes),
            Err(HeadError::Malformed(why)),
            "{}",
            bytes.escape_ascii()
        );
    }
}

#[test]
fn heads_are_partial_at_every_byte_before_their_last() {
    let bytes = b"\r\nGET /a HTTP/1.1\r\nHost: a\r\nB:\r\n\r\n";
    for end in 0..bytes.len() {
        assert_eq!(request(&bytes[..end]), Ok(Parsed::Partial), "{end}");
    }
    assert_eq!(request(bytes), Ok(Parsed::Whole));
    let bytes = b"HTTP/1.1 200 OK\r\nA: b\r\n\r\n";
    for end in 0..bytes.len() {
        assert_eq!(response(&bytes[..end]), Ok(Parsed::Partial), "{end}");
    }
    assert_eq!(response(bytes), Ok(Parsed::Whole));
}

/// E24.
#[test]
fn bytes_are_limited_to_the_byte() {
    let bytes = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    let limits = |bytes| Limits { bytes, fields: 100 };
    let mut head = RequestHead::new();
    assert_eq!(head.parse(bytes, limits(bytes.len())), Ok(Parsed::Whole));
    assert_eq!(head.parse(bytes, limits(bytes.len() - 1)), Err(HeadError::TooLarge));
    assert_eq!(head.parse(&bytes[..10], limits(11)), Ok(Parsed::Partial));
    assert_eq!(head.parse(&bytes[..10], limits(10)), Err(HeadError::TooLarge));
    let led = [b"\r\n", bytes.as_slice()].concat();
    assert_eq!(
        head.parse(&led, limits(bytes.len())),
        Ok(Parsed::Whole),
        "the empty line before does not count"
    );
    assert_eq!(head.parse(&led, limits(bytes.len() - 1)), Err(HeadError::TooLarge));
}

/// E24.
#[test]
fn fields_are_limited_to_the_field() {
    let head = |fields: usize| format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(fields));
    assert_eq!(request(head(100).as_bytes()), Ok(Parsed::Whole));
    assert_eq!(request(head(101).as_bytes()), Err(HeadError::TooLarge));
}

/// N16.
#[test]
fn two_hundred_response_fields_and_48_kb_of_cookies_pass() {
    let cookie = format!("Set-Cookie: a={}; Path=/\r\n", "x".repeat(4096));
    let text = format!(
        "HTTP/1.1 200 OK\r\n{}{}\r\n",
        cookie.repeat(12),
        "X-A: b\r\n".repeat(188)
    );
    let mut head = ResponseHead::new();
    let limits = Limits {
        bytes: 256 * 1024,
        fields: 1000,
    };
    assert_eq!(head.parse(text.as_bytes(), limits), Ok(Parsed::Whole));
    assert_eq!((head.fields.len(), head.len), (200, text.len()));
    for end in (0..text.len()).step_by(997) {
        assert_eq!(
            head.parse(&text.as_bytes()[..end], limits),
            Ok(Parsed::Partial),
            "{end}"
        );
    }
}

#[test]
fn the_end_of_a_long_head_is_judged_while_it_is_partial() {
    let long = format!("GET / HTTP/1.1\r\n{}", format!("A: {}\r\n", "x".repeat(300)).repeat(60));
    let longer = format!("GET / HTTP/1.1\r\nA: {}", "x".repeat(20_000));
    for start in [&long, &longer] {
        assert_eq!(request(start.as_bytes()), Ok(Parsed::Partial));
        assert_eq!(request(format!("{start}\r").as_bytes()), Ok(Parsed::Partial));
        for (end, why) in [
            ("a\n", "bare line feed"),
            ("a\0", "null byte"),
            ("a\rb", "bare carriage return"),
        ] {
            let text = format!("{start}{end}");
            assert_eq!(request(text.as_bytes()), Err(HeadError::Malformed(why)), "{end:?}");
        }
    }
    assert_eq!(
        request(format!("{long} folded").as_bytes()),
        Err(HeadError::Malformed("folded line"))
    );
    assert_eq!(
        request(format!("{longer}\r\n folded").as_bytes()),
        Err(HeadError::Malformed("folded line"))
    );
    assert_eq!(request(format!("{long}\r\n").as_bytes()), Ok(Parsed::Whole));
    assert_eq!(request(format!("{longer}\r\n\r\n").as_bytes()), Ok(Parsed::Whole));
    // What an early call did not judge, the one that finds the end does.
    let hidden = format!("GET / HTTP/1.1\r\nA : b\r\n{}", &long[16..]);
    assert_eq!(
        request(format!("{hidden}\r\n").as_bytes()),
        Err(HeadError::Malformed("space before the colon"))
    );
}

/// Another reader could see its end there, and would wait for nothing.
#[test]
fn e4_a_bare_line_feed_anywhere_in_a_long_head_is_not_waited_behind() {
    let rest = "x".repeat(20_000);
    for start in [
        "GET / HTTP/1.1\r\nA: b\n\r\n",
        "GET / HTTP/1.1\r\n\n",
        "GET / HTTP/1.1\nA: ",
    ] {
        let refused = Err(HeadError::Malformed("bare line feed"));
        assert_eq!(request(format!("{start}{rest}").as_bytes()), refused, "{start:?}");
    }
}

/// E24.
#[test]
fn fields_of_a_long_head_are_counted_before_its_end() {
    let head = |fields: usize| {
        format!(
            "GET / HTTP/1.1\r\n{}",
            format!("A: {}\r\n", "x".repeat(300)).repeat(fields)
        )
    };
    assert_eq!(request(head(100).as_bytes()), Ok(Parsed::Partial));
    assert_eq!(request(head(101).as_bytes()), Err(HeadError::TooLarge));
}

#[test]
fn lists_are_trimmed_and_without_empty_elements() {
    let elements = |value: &'static [u8]| list(value).collect::<Vec<_>>();
    assert_eq!(
        elements(b" close ,\tX-A,, ,keep-alive"),
        [b"close".as_slice(), b"X-A", b"keep-alive"]
    );
    assert!(elements(b"").is_empty());
    assert!(elements(b" , ").is_empty());
}

#[test]
fn tokens_are_tokens() {
    assert!(is_token(b"GET") && is_token(b"X-A_b.c!#$%&'*+-^`|~9"));
    for bad in [
        b"".as_slice(),
        b"a b",
        b"a:",
        b"a\xff",
        b"a/b",
        b"\"a\"",
        b"a,b",
        b"a\0",
    ] {
        assert!(!is_token(bad), "{}", bad.escape_ascii());
    }
}
