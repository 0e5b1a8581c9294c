//! The queue of one service and its keeper over random schedules: apps that go away and come back, swaps, pauses, maintenance,
//! reloads, clients that leave (N12, N13, N31).

#[path = "hold/world.rs"]
mod world;

use crate::schedules::{AT_LEAST, on_every_schedule};
use world::World;

#[test]
fn n12_the_queue_holds_its_promises_on_every_schedule() {
    let Some(sum) = on_every_schedule(|seed| World::new(seed).live(), Tally::add) else {
        return;
    };
    for (count, what) in [
        (sum.released, "released"),
        (sum.over, "refused after the window"),
        (sum.full, "refused by a full queue"),
        (sum.pause_over, "refused after a pause"),
        (sum.came_back, "back in its place"),
        (sum.left, "gone while it waited"),
        (sum.doubted, "in doubt"),
        (sum.turned_out, "gone for lack of room among the doubtful"),
        (sum.whole_batches, "released with 63 others"),
        (sum.keepers, "kept"),
    ] {
        assert!(count >= AT_LEAST, "hardly anybody was {what}: {sum:?}");
    }
}

/// What came to pass.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) released: u64,
    pub(crate) over: u64,
    pub(crate) full: u64,
    pub(crate) pause_over: u64,
    pub(crate) came_back: u64,
    pub(crate) left: u64,
    pub(crate) doubted: u64,
    pub(crate) turned_out: u64,
    pub(crate) whole_batches: u64,
    pub(crate) keepers: u64,
}

impl Tally {
    fn add(&mut self, other: &Self) {
        self.released += other.released;
        self.over += other.over;
        self.full += other.full;
        self.pause_over += other.pause_over;
        self.came_back += other.came_back;
        self.left += other.left;
        self.doubted += other.doubted;
        self.turned_out += other.turned_out;
        self.whole_batches += other.whole_batches;
        self.keepers += other.keepers;
    }
}
