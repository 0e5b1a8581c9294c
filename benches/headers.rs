//! What the rewriting of a request head costs: from the parsed head to the bytes that leave for the app.

#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use greengate::http1::head::{Limits, RequestHead};
use greengate::proxy::rewrite_head;

const BROWSER: &[u8] = b"GET /assets/app.js?v=3 HTTP/1.1\r\nHost: app.example.com\r\nConnection: keep-alive\r\n\
User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36\r\n\
Accept: */*\r\nSec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: no-cors\r\nSec-Fetch-Dest: script\r\n\
Referer: https://app.example.com/\r\nAccept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: en-GB,en;q=0.9\r\n\
Cookie: session=0123456789abcdef0123456789abcdef; theme=dark\r\nIf-None-Match: \"5f3-abc\"\r\n\r\n";

fn rewrite(c: &mut Criterion) {
    let mut head = RequestHead::new();
    head.parse(
        BROWSER,
        Limits {
            bytes: 65_536,
            fields: 100,
        },
    )
    .unwrap();
    let client = "203.0.113.7".parse().unwrap();
    let mut out = Vec::with_capacity(4096);
    let mut group = c.benchmark_group("headers");
    group.throughput(Throughput::Bytes(BROWSER.len() as u64));
    group.bench_function("rewrite a browser's request", |b| {
        b.iter(|| {
            out.clear();
            rewrite_head(&head, BROWSER, client, &mut out).unwrap();
            out.len()
        });
    });
    group.finish();
}

criterion_group!(benches, rewrite);
criterion_main!(benches);
