//! The gate under loom: every interleaving that the memory model allows of claims, a publish and a close.

#[path = "../src/proxy/route/gate.rs"]
#[expect(unreachable_pub, reason = "public where it lives")]
mod gate;

/// What `gate` finds beside itself, as it does in `proxy/route`.
mod atomic {
    pub(crate) use loom::sync::atomic::{AtomicUsize, Ordering};
}

use loom::sync::Arc;
use loom::thread;

use atomic::{AtomicUsize, Ordering};
use gate::Gate;

/// A gate, and the generation of the snapshot that is published; published with the weakest order that the data plane uses.
struct World {
    gate: Gate,
    published: AtomicUsize,
    inside: AtomicUsize,
}

fn world(cores: usize) -> Arc<World> {
    Arc::new(World {
        gate: Gate::new(cores),
        published: AtomicUsize::new(1),
        inside: AtomicUsize::new(0),
    })
}

#[test]
fn n1_a_refused_claim_sees_what_was_published_before_the_close() {
    loom::model(|| {
        let world = world(2);
        let control = {
            let world = world.clone();
            thread::spawn(move || {
                world.published.store(2, Ordering::Relaxed);
                world.gate.close();
            })
        };
        for core in 0..2 {
            if world.gate.try_claim(core) {
                world.gate.release(core);
            } else {
                assert_eq!(
                    world.published.load(Ordering::Relaxed),
                    2,
                    "refused without a newer snapshot"
                );
            }
        }
        control.join().unwrap();
    });
}

#[test]
fn n1_drained_means_that_nobody_is_inside() {
    loom::model(|| {
        let world = world(2);
        let workers: Vec<_> = (0..2)
            .map(|core| {
                let world = world.clone();
                thread::spawn(move || {
                    if world.gate.try_claim(core) {
                        world.inside.fetch_add(1, Ordering::Relaxed);
                        world.inside.fetch_sub(1, Ordering::Relaxed);
                        world.gate.release(core);
                    }
                })
            })
            .collect();
        world.gate.close();
        if world.gate.is_drained() {
            assert_eq!(
                world.inside.load(Ordering::Relaxed),
                0,
                "drained, and somebody is inside"
            );
        }
        for worker in workers {
            worker.join().unwrap();
        }
        assert!(world.gate.is_drained(), "everybody left");
        assert_eq!(world.gate.claims(), 0);
    });
}

#[test]
fn a_closed_gate_admits_nobody() {
    loom::model(|| {
        let world = world(1);
        let newcomer = {
            let world = world.clone();
            thread::spawn(move || {
                if world.gate.is_closed(0) {
                    assert!(!world.gate.try_claim(0), "admitted by a closed gate");
                } else if world.gate.try_claim(0) {
                    world.gate.release(0);
                }
            })
        };
        world.gate.close();
        assert!(!world.gate.try_claim(0), "admitted by a closed gate");
        newcomer.join().unwrap();
        assert!(world.gate.is_drained());
    });
}

#[test]
fn the_last_to_leave_a_closed_gate_is_told_or_the_closer_sees_it_empty() {
    loom::model(|| {
        let world = world(1);
        assert!(world.gate.try_claim(0));
        let worker = {
            let world = world.clone();
            thread::spawn(move || world.gate.release(0))
        };
        world.gate.close();
        let empty = world.gate.is_drained();
        let told = worker.join().unwrap();
        assert!(told || empty, "whoever waits would not be woken");
    });
}
