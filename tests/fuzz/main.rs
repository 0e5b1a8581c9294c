//! Inputs from outside, mutated at random: whatever the bytes are, what the product promises of them holds.
//!
//! Each target runs through the inputs that are kept for it (`corpus/`), and then through mutations of them for two seconds;
//! `GREENGATE_FUZZ_SECONDS` gives it more. A failure names its input and `BOLERO_RANDOM_SEED`, which replays it; it is mended,
//! and its input is kept.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests panic freely")]

mod backup;
mod connection;
mod files;
mod frames;
#[path = "../http2_codec/h2_server.rs"]
mod h2_server;
mod http1;
mod http2;
#[path = "../http1_codec/hyper_side.rs"]
mod hyper_side;
mod imports;
mod journal;
mod kept;
mod mutation;
mod proxy_protocol;
mod proxy_toml;
mod rewriting;
mod state;

use std::panic::RefUnwindSafe;
use std::time::Duration;

use mutation::{Input, Mutations};

/// Lets a target look at every input that is kept, and then at mutations of them.
fn fuzz(target: &str, words: &'static [&'static [u8]], check: impl Fn(&[u8]) + RefUnwindSafe) {
    let kept = kept::inputs(target);
    for (name, input) in &kept {
        let looked = std::panic::catch_unwind(|| check(input));
        assert!(looked.is_ok(), "corpus/{target}/{name} fails: {}", input.escape_ascii());
    }
    let mutations = Mutations {
        inputs: kept.into_iter().map(|(_, input)| input).collect(),
        words,
    };
    let seconds = std::env::var("GREENGATE_FUZZ_SECONDS").ok();
    let seconds = seconds.and_then(|seconds| seconds.parse().ok()).unwrap_or(2);
    bolero::check!(name = target)
        .with_generator(mutations)
        .with_test_time(Duration::from_secs(seconds))
        .for_each(|Input(bytes)| check(bytes));
}
