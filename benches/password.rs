//! What a request costs that brings a password: one that is known, and beside it the check that it was spared.

#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use greengate::model::access::Hash;
use greengate::proxy::Familiar;

/// `anna:correct horse battery`.
const AUTHORIZATION: &[u8] = b"Basic YW5uYTpjb3JyZWN0IGhvcnNlIGJhdHRlcnk=";

fn password(c: &mut Criterion) {
    let familiar = Familiar::new(AUTHORIZATION).unwrap();
    let client = "203.0.113.7".parse().unwrap();
    let mut group = c.benchmark_group("password");
    group.bench_function("let a known visitor in", |b| {
        b.iter(|| {
            let entered = familiar.enter(client, black_box(b"/assets/app.js"), black_box(AUTHORIZATION));
            assert!(entered);
        });
    });
    group.sample_size(10);
    group.bench_function("hash a password once", |b| {
        b.iter(|| Hash::of(black_box(b"correct horse battery"), [7; 16]).unwrap());
    });
    group.finish();
}

criterion_group!(benches, password);
criterion_main!(benches);
