//! `proxy.toml`: whatever stands in it, it is a configuration or an explanation that points into the file.

use std::path::Path;

use greengate::config::{Config, Diagnostic, Severity, diff, render};
use greengate::model::treacherous::is_treacherous;

use crate::fuzz;

const WORDS: &[&[u8]] = &[
    b"[env.prod]\n",
    b"[env.dev.service.api]\n",
    b"[defaults]\n",
    b"[server]\n",
    b"[acme]\n",
    b"[redirect]\n",
    b"host = \"example.com\"\n",
    b"host = [\"a.test\", \"*.b.test\"]\n",
    b"host = \"\xc3\xa4.example\"\n",
    b"blue = 3000\n",
    b"green = \"unix:/run/app.sock\"\n",
    b"upstream = [4000, \"[::1]:4001\"]\n",
    b"upstream = 99999\n",
    b"extends = \"prod\"\n",
    b"path = \"/api\"\nstrip_prefix = true\n",
    b"health.path = \"/\"\n",
    b"health.status = \"200-299\"\n",
    b"timeout.connect = \"9999999999999999999h\"\n",
    b"limit.body = \"18446744073709551615GiB\"\n",
    b"hold = { for = \"off\" }\n",
    b"tls = { cert = \"certs/missing.pem\", key = \"certs/missing.key\" }\n",
    b"trusted_proxies = [\"10.0.0.0/8\", \"::/0\"]\n",
    b"\"www.example.com\" = \"https://example.com\"\n",
    b"\xf0\x9f\x9a\xaa",
    b"'''",
    b"\"\"\"",
    b"\\u0000",
    b"\\uD800",
    b"1979-05-27T07:32:00Z",
    b"0x7fffffffffffffff",
    b"nan",
    b"\r\n",
    b"\t# comment\n",
];

#[test]
fn a_file_is_a_configuration_or_an_explanation_that_points_into_it() {
    fuzz("proxy_toml", WORDS, |bytes| {
        let text = String::from_utf8_lossy(bytes);
        // A file that could name a device is none of this test's.
        if text.contains("/dev") || text.contains("/proc") {
            return;
        }
        let file = Path::new("proxy.toml");
        match Config::parse(file, &text) {
            Ok((config, diagnostics)) => {
                assert!(diagnostics.iter().all(|one| one.severity != Severity::Error));
                explained(&text, &diagnostics);
                let (again, _) = Config::parse(file, &text).expect("what was accepted is accepted again");
                assert_eq!(diff(&config, &again).changes, [], "it differs from itself");
            }
            Err(error) => {
                assert!(error.diagnostics.iter().any(|one| one.severity == Severity::Error));
                explained(&text, &error.diagnostics);
                assert!(!error.render(true).is_empty() && error.to_string().contains("proxy.toml"));
            }
        }
    });
}

/// Every span lies in the text, and is shown.
fn explained(text: &str, diagnostics: &[Diagnostic]) {
    for one in diagnostics {
        let spans = one.related.iter().map(|(span, _)| span).chain([&one.span]);
        for span in spans {
            assert!(
                text.get(span.clone()).is_some(),
                "{span:?} is no part of the text: {one:?}"
            );
        }
        assert!(!one.message.is_empty());
        let labels = one.related.iter().map(|(_, label)| label);
        for told in [&one.message]
            .into_iter()
            .chain(&one.expected)
            .chain(&one.hint)
            .chain(labels)
        {
            assert!(!told.contains(is_treacherous), "{told:?}");
        }
    }
    let lines = text.split('\n').count();
    assert!(diagnostics.iter().take(100).all(|one| one.line(text) <= lines));
    for color in [false, true] {
        let shown = render("proxy.toml", text, diagnostics, color);
        assert_eq!(shown.is_empty(), diagnostics.is_empty());
    }
}
