//! Drives `model::drain` over an activation: waits for the last claim, and acts when the time is up (N20, N21).

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::control::ports::Plane;
use crate::model::drain::{Drain, Limits, Step};
use crate::model::switch::Ended;
use crate::proxy::{Activation, Patience};
use crate::telemetry::Counters;

/// How often progress is told.
const PROGRESS: Duration = Duration::from_secs(1);

/// Waits until an activation whose gate was just closed is drained, or the time for all of it is up. `at_close` are its
/// counters of that moment; `progress` is told about once a second how many requests and streams are inside.
pub(in crate::control) async fn drain(
    activation: Arc<Activation>,
    limits: Limits,
    at_close: Counters,
    plane: Arc<dyn Plane>,
    progress: impl Fn(u64, u64),
) -> Ended {
    let began = Instant::now();
    let mut drain = Drain::new(limits, Duration::ZERO);
    loop {
        let (requests, streams) = activation.in_flight();
        match drain.look(began.elapsed(), activation.is_drained(), requests) {
            Step::Wait(until) => {
                progress(requests, streams);
                let next = (began + until).min(Instant::now() + PROGRESS);
                tokio::select! {
                    () = activation.drained() => {}
                    () = sleep_until(next) => {}
                }
            }
            Step::GiveUpRequests => lose_patience(&activation, Patience::NoRequests, &*plane),
            Step::EndStreams => lose_patience(&activation, Patience::EndStreams, &*plane),
            Step::Cut => lose_patience(&activation, Patience::Cut, &*plane),
            Step::Done | Step::Abandoned => break,
        }
    }
    // The cores close the idle connections that they kept for it (N22).
    plane.poke();
    let (requests, streams) = if activation.is_drained() {
        (0, 0)
    } else {
        activation.in_flight()
    };
    let since = activation.counters().since(&at_close);
    Ended {
        finished: since.requests.saturating_sub(since.ended).saturating_sub(since.cut),
        ended: since.ended,
        cut: since.cut,
        left: requests + streams,
        ..Ended::default()
    }
}

fn lose_patience(activation: &Activation, patience: Patience, plane: &dyn Plane) {
    activation.lose_patience(patience);
    plane.poke();
}
