//! What one access-log line costs the core that serves the request. The budget is 0.4 µs.
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark")]

use std::hint::black_box;
use std::time::{Duration, SystemTime};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use greengate::config::{AccessLogFormat, AccessLogTarget};
use greengate::model::log_query::LogQuery;
use greengate::telemetry::{AccessLog, Line, Origin};

fn line<'l>(origin: &'l Origin, path: &'static [u8]) -> Line<'l> {
    Line {
        time: SystemTime::UNIX_EPOCH + Duration::from_millis(1_767_225_600_007),
        origin,
        client: "203.0.113.70".parse().unwrap(),
        user: "",
        host: b"app.example.com",
        method: b"GET",
        path,
        query: &LogQuery::Keep,
        referer: b"https://app.example.com/articles",
        user_agent:
            b"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
        status: 200,
        bytes_in: 0,
        bytes_out: 15_312,
        duration_us: 12_345,
        first_byte_us: Some(12_001),
        upstream: "127.0.0.1:3000",
        retries: 0,
        held_ms: 0,
        termination: "done",
        reason: "",
        request_id: "01995f2e8a7b7c3d9e4f5a6b7c8d9e0f",
        protocol: "HTTP/1.1",
        tls: "TLSv1.3",
    }
}

fn access_log(criterion: &mut Criterion) {
    let origin = Origin::new("prod", "web", "blue", 118);
    let mut group = criterion.benchmark_group("access_log");
    group.throughput(Throughput::Elements(1));
    let (plain, escaped): (&[u8], &[u8]) = (
        b"/api/v2/articles/4711/comments?page=3&per_page=50",
        b"/search?q=\"quoted\"&name=J\xc3\xbcrgen\x1b[0m",
    );
    for (name, format, path) in [
        ("plain", AccessLogFormat::Json, plain),
        ("escaped", AccessLogFormat::Json, escaped),
        ("combined", AccessLogFormat::Combined, plain),
    ] {
        let log = AccessLog::open(&AccessLogTarget::File("/dev/null".into()), format).unwrap();
        let mut lines = log.lines();
        let line = line(&origin, path);
        group.bench_function(name, |bencher| bencher.iter(|| lines.write(black_box(&line))));
    }
    group.finish();
}

criterion_group!(benches, access_log);
criterion_main!(benches);
