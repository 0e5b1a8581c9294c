//! The time, read once for each look at a connection: what is done in one look is done at one moment. A look takes microseconds, and
//! without this a request would ask for the time ten times.

use std::cell::Cell;

use tokio::time::Instant;

thread_local! {
    static HELD: Cell<Held> = const { Cell::new(Held::No) };
}

/// Whether time stands still on this core.
#[derive(Debug, Clone, Copy)]
enum Held {
    No,
    /// From the first time that somebody asks.
    Unasked,
    At(Instant),
}

/// While this is there, time stands still on its core.
pub(crate) struct Look {
    before: Held,
}

/// Begins a look, which ends before anything is waited for.
#[must_use]
pub(crate) fn look() -> Look {
    Look {
        before: HELD.replace(Held::Unasked),
    }
}

impl Drop for Look {
    fn drop(&mut self) {
        HELD.set(self.before);
    }
}

/// The moment of this look, or now.
pub(crate) fn now() -> Instant {
    match HELD.get() {
        Held::At(at) => at,
        Held::Unasked => goes_on(),
        Held::No => Instant::now(),
    }
}

/// Now. Whoever waits for a moment that has come looks on from here: otherwise it would wait for it again.
pub(crate) fn goes_on() -> Instant {
    let now = Instant::now();
    if !matches!(HELD.get(), Held::No) {
        HELD.set(Held::At(now));
    }
    now
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_look_has_one_moment_and_one_within_it_has_its_own() {
        let (began, second) = (now(), Duration::from_secs(1));
        let outer = look();
        advance(second).await;
        assert_eq!(now() - began, second);
        advance(second).await;
        assert_eq!(now() - began, second);
        let inner = look();
        assert_eq!(now() - began, 2 * second);
        drop(inner);
        assert_eq!(now() - began, second);
        assert_eq!(goes_on() - began, 2 * second);
        assert_eq!(now() - began, 2 * second);
        drop(outer);
        advance(second).await;
        assert_eq!(now() - began, 3 * second);
    }
}
