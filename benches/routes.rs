//! What a route lookup costs: the same for 2 hosts and for 1,000.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion};
use greengate::model::routes::{RouteTable, canonical_host};

fn table(hosts: usize) -> RouteTable<usize> {
    (0..hosts)
        .flat_map(|number| {
            let host = format!("site-{number}.example.com");
            [(host.clone(), "/", number), (host, "/api", number)]
        })
        .chain([("*.example.org".to_owned(), "/", hosts)])
        .collect()
}

fn find(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("find");
    for hosts in [2, 1_000] {
        let table = table(hosts);
        for (name, host, path) in [
            ("exact", "site-1.example.com", "/api/users/42"),
            ("wildcard", "customer.example.org", "/"),
            ("unknown", "example.net", "/"),
            ("escaped", "site-1.example.com", "/files/a%20b.txt"),
        ] {
            group.bench_with_input(BenchmarkId::new(name, hosts), &table, |bencher, table| {
                bencher.iter(|| black_box(table.find(black_box(host), black_box(path.as_bytes()))));
            });
        }
    }
    group.finish();
}

fn canonical(criterion: &mut Criterion) {
    for (name, raw) in [("as it is", "app.example.com"), ("rewritten", "App.Example.com.:443")] {
        criterion.bench_function(&format!("canonical_host/{name}"), |bencher| {
            bencher.iter(|| black_box(canonical_host(black_box(raw.as_bytes()))));
        });
    }
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    find(&mut criterion);
    canonical(&mut criterion);
    criterion.final_summary();
}
