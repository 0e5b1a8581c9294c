//! What every request pays for the promise: the snapshot, the route, and the claim, alone and while other cores do the same.

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use criterion::Criterion;
use greengate::config::Config;
use greengate::control::initial;
use greengate::model::state::State;
use greengate::proxy::{Gate, Routing};
use greengate::telemetry::Totals;

const TEXT: &str = "
[defaults]
tls = \"internal\"
[env.prod.service.web]
host = \"app.example.com\"
blue = 3000
green = 3010
[env.prod.service.api]
host = \"app.example.com\"
path = \"/api\"
blue = 8001
green = 8011
";

fn claim(criterion: &mut Criterion) {
    let gate = Arc::new(Gate::new(2));
    let claim = |gate: &Gate| {
        if black_box(gate).try_claim(0) {
            black_box(gate.release(0));
        }
    };
    criterion.bench_function("claim/alone", |bencher| bencher.iter(|| claim(&gate)));

    let over = Arc::new(AtomicBool::new(false));
    let neighbour = {
        let (gate, over) = (gate.clone(), over.clone());
        thread::spawn(move || {
            while !over.load(Ordering::Relaxed) {
                if gate.try_claim(1) {
                    gate.release(1);
                }
            }
        })
    };
    criterion.bench_function("claim/beside another core", |bencher| bencher.iter(|| claim(&gate)));
    over.store(true, Ordering::Relaxed);
    drop(neighbour.join());

    let closed = Gate::new(2);
    closed.close();
    criterion.bench_function("claim/turned away", |bencher| {
        bencher.iter(|| black_box(black_box(&closed).try_claim(0)));
    });
}

fn routing(criterion: &mut Criterion) {
    let Ok((config, _)) = Config::parse(Path::new("proxy.toml"), TEXT) else {
        return;
    };
    let routing = Routing::new(initial(&config, &State::new(), &Totals::new(2)).snapshot);
    criterion.bench_function("routing/load", |bencher| bencher.iter(|| black_box(routing.load())));
    criterion.bench_function("routing/load and find", |bencher| {
        bencher.iter(|| {
            let snapshot = routing.load();
            black_box(
                snapshot
                    .table()
                    .find(black_box("app.example.com"), black_box(b"/api/users/42")),
            );
        });
    });
    let activations: Vec<_> = routing
        .load()
        .services()
        .iter()
        .map(|live| live.activation.clone())
        .collect();
    criterion.bench_function("routing/publish", |bencher| {
        bencher.iter(|| routing.publish(routing.load().with(black_box(&activations))));
    });
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    claim(&mut criterion);
    routing(&mut criterion);
    criterion.final_summary();
}
