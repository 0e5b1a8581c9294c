//! What the codec costs on a request's way. httparse on the same head is the yardstick.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use greengate::http1::chunked::BodyDecoder;
use greengate::http1::framing::Framing;
use greengate::http1::head::{Limits, Name, Parsed, RequestHead, ResponseHead};
use greengate::http1::write;

const LIMITS: Limits = Limits {
    bytes: 64 * 1024,
    fields: 100,
};

const REQUEST: &[u8] = b"GET /assets/app.8b71ff7.js?v=3 HTTP/1.1\r\n\
Host: app.example.com\r\n\
Connection: keep-alive\r\n\
User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36\r\n\
Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n\
Accept-Encoding: gzip, deflate, br, zstd\r\n\
Accept-Language: en-GB,en;q=0.9\r\n\
Referer: https://app.example.com/dashboard\r\n\
Cookie: session=0123456789abcdef0123456789abcdef; theme=dark\r\n\r\n";

const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\n\
X-Powered-By: Express\r\n\
Content-Type: text/html; charset=utf-8\r\n\
Content-Length: 1024\r\n\
ETag: W/\"400-kzTCYBHZqCqMXwqGGyGQVQ\"\r\n\
Date: Sat, 01 Aug 2026 12:00:00 GMT\r\n\
Connection: keep-alive\r\n\
Keep-Alive: timeout=5\r\n\r\n";

fn heads(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("head");
    group.throughput(Throughput::Bytes(REQUEST.len() as u64));
    group.bench_function("request", |bencher| {
        let mut head = RequestHead::new();
        bencher.iter(|| {
            assert_eq!(head.parse(black_box(REQUEST), LIMITS), Ok(Parsed::Whole));
            head.len
        });
    });
    group.bench_function("request, httparse alone", |bencher| {
        bencher.iter(|| {
            let mut fields = [httparse::EMPTY_HEADER; 100];
            let mut head = httparse::Request::new(&mut fields);
            head.parse(black_box(REQUEST)).map(|status| status.is_complete())
        });
    });
    group.throughput(Throughput::Bytes(RESPONSE.len() as u64));
    group.bench_function("response", |bencher| {
        let mut head = ResponseHead::new();
        bencher.iter(|| {
            assert_eq!(head.parse(black_box(RESPONSE), LIMITS), Ok(Parsed::Whole));
            head.len
        });
    });
    group.finish();

    // What a client that sends 64 KiB in single bytes can cost.
    let mut trickle = b"GET / HTTP/1.1\r\n".to_vec();
    trickle.extend_from_slice(format!("Some-Name: {}\r\n", "x".repeat(640)).repeat(99).as_bytes());
    let mut group = criterion.benchmark_group("trickle");
    group.sample_size(10);
    group.bench_function("64 KiB, byte by byte", |bencher| {
        let mut head = RequestHead::new();
        bencher.iter(|| {
            (1..trickle.len())
                .filter(|&end| head.parse(&trickle[..end], LIMITS).is_ok())
                .count()
        });
    });
    group.finish();
}

fn bodies(criterion: &mut Criterion) {
    let mut body = Vec::new();
    for _ in 0..16 {
        write::chunk_size(&mut body, 4096);
        body.extend_from_slice(&[b'x'; 4096]);
        body.extend_from_slice(b"\r\n");
    }
    write::last_chunk(&mut body, b"");
    let mut group = criterion.benchmark_group("chunked");
    group.throughput(Throughput::Bytes(64 * 1024));
    group.bench_function("64 KiB in chunks of 4 KiB", |bencher| {
        bencher.iter(|| {
            let mut decoder = BodyDecoder::of_response(Framing::Chunked);
            let (mut at, mut data) = (0, 0);
            while let Ok(step) = decoder.decode(black_box(&body[at..])) {
                at += step.consumed;
                data += step.data.len();
                if step.end || step.consumed == 0 {
                    break;
                }
            }
            assert_eq!(data, 64 * 1024);
        });
    });
    group.finish();
}

fn names(criterion: &mut Criterion) {
    let names: [&[u8]; 8] = [
        b"Host",
        b"Connection",
        b"User-Agent",
        b"Accept",
        b"Accept-Encoding",
        b"Cookie",
        b"Content-Length",
        b"X-Forwarded-Proto",
    ];
    criterion.bench_function("Name::of, eight names", |bencher| {
        bencher.iter(|| {
            names
                .iter()
                .filter(|name| Name::of(black_box(name)) == Name::Other)
                .count()
        });
    });
}

criterion_group!(benches, heads, bodies, names);
criterion_main!(benches);
