//! The idle connections of one core to the instances of one activation. It dies with the activation (N22).

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::time::Duration;

use tokio::time::Instant;

use super::connection::Upstream;
use crate::model::slot::Address;
use crate::proxy::stock::descriptors::{Reserve, is_exhausted};

/// Idle connections that one core keeps to one instance.
const KEPT: usize = 512;
/// How long an instance that could not be connected to is passed over while there are others.
const SHUNNED: Duration = Duration::from_secs(1);

/// Per instance: idle connections (last in, first out), and how many exchanges are in flight.
pub(crate) struct Pool {
    instances: Vec<Instance>,
    idle: Duration,
    /// How long the connection is kept that came last.
    kept: Cell<Duration>,
    closed: Cell<bool>,
    turn: Cell<usize>,
}

/// An exchange's seat at an instance, which counts as in flight there until this is dropped.
pub(crate) struct Seat {
    pub(crate) instance: usize,
    rides: bool,
    taken: Rc<Taken>,
}

impl Seat {
    /// It rides a connection of the pool.
    pub(crate) fn rides(&mut self) {
        if !std::mem::replace(&mut self.rides, true) {
            self.taken.by_riders.set(self.taken.by_riders.get() + 1);
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let Taken { seats, by_riders } = &*self.taken;
        seats.set(seats.get() - 1);
        by_riders.set(by_riders.get() - u32::from(self.rides));
    }
}

/// Seats at an instance.
#[derive(Default)]
struct Taken {
    seats: Cell<u32>,
    by_riders: Cell<u32>,
}

#[derive(Default)]
struct Instance {
    idle: RefCell<Vec<Idle>>,
    taken: Rc<Taken>,
    shunned_until: Cell<Option<Instant>>,
}

struct Idle {
    upstream: Upstream,
    until: Instant,
}

impl Pool {
    pub(crate) fn new(instances: usize, idle: Duration) -> Self {
        Self {
            instances: (0..instances).map(|_| Instance::default()).collect(),
            idle,
            kept: Cell::new(idle),
            closed: Cell::new(false),
            turn: Cell::new(0),
        }
    }

    /// The instance with the least in flight; ties take turns. `tried` instances and those that just refused a connection are
    /// passed over while there are others.
    pub(crate) fn choose(&self, tried: &[usize], now: Instant) -> usize {
        if let [_] = self.instances[..] {
            return 0;
        }
        let turn = self.turn.get();
        self.turn.set(turn.wrapping_add(1));
        let count = self.instances.len();
        let rank = |place: &usize| {
            let instance = &self.instances[*place];
            let shunned = instance.shunned_until.get().is_some_and(|until| until > now);
            (tried.contains(place), shunned, instance.taken.seats.get())
        };
        (0..count)
            .map(|offset| (turn + offset) % count)
            .min_by_key(rank)
            .unwrap_or(0)
    }

    /// Whether every instance is among `tried`.
    pub(crate) fn all_tried(&self, tried: &[usize]) -> bool {
        (0..self.instances.len()).all(|place| tried.contains(&place))
    }

    /// An exchange with an instance begins.
    pub(crate) fn enter(&self, instance: usize) -> Seat {
        let taken = self.instances[instance].taken.clone();
        taken.seats.set(taken.seats.get() + 1);
        Seat {
            instance,
            rides: false,
            taken,
        }
    }

    /// An instance could not be connected to.
    pub(crate) fn shun(&self, instance: usize, now: Instant) {
        self.instances[instance].shunned_until.set(Some(now + SHUNNED));
    }

    /// An idle connection that the app has not closed, as far as can be seen (N9).
    pub(crate) fn take(&self, instance: usize, now: Instant) -> Option<Upstream> {
        let mut idle = self.instances[instance].idle.borrow_mut();
        while let Some(mut last) = idle.pop() {
            if last.until > now && last.upstream.is_quiet() {
                last.upstream.reused = true;
                return Some(last.upstream);
            }
        }
        None
    }

    /// A new connection within `timeout`, with the descriptor of an idle one or of the reserve where there is no other: a request
    /// that was accepted comes before new clients (N30).
    ///
    /// # Errors
    /// As [`Upstream::connect`].
    pub(crate) async fn connect(
        &self,
        address: &Address,
        timeout: Duration,
        reserve: &Reserve,
    ) -> io::Result<Upstream> {
        let error = match Upstream::connect(address, timeout).await {
            Err(error) if is_exhausted(&error) => error,
            connected => return connected,
        };
        if self.spare() {
            return Upstream::connect(address, timeout).await;
        }
        if !reserve.lend() {
            return Err(error);
        }
        let mut upstream = Upstream::connect(address, timeout).await?;
        upstream.lent = true;
        Ok(upstream)
    }

    /// Keeps a connection whose exchange is over, for at most the time that both sides want it (N9).
    pub(crate) fn put(&self, instance: usize, upstream: Upstream, app_idle: Option<Duration>, now: Instant) {
        let kept = app_idle.map_or(self.idle, |app| {
            self.idle.min(app.saturating_sub(Duration::from_secs(1)))
        });
        self.kept.set(kept);
        if !kept.is_zero() {
            self.keep(instance, upstream, now + kept);
        }
    }

    /// Keeps a connection until this moment.
    pub(crate) fn keep(&self, instance: usize, upstream: Upstream, until: Instant) {
        let mut idle = self.instances[instance].idle.borrow_mut();
        if !self.closed.get() && !upstream.lent && idle.len() < KEPT {
            idle.push(Idle { upstream, until });
        }
    }

    /// How many connections are kept and of use, with those in use, and how long one is kept that comes now. One that has served only
    /// once is not counted: the app may not keep it, and if it does, nobody has come for it.
    pub(crate) fn kept(&self, now: Instant) -> (usize, Duration) {
        let of_use = |idle: &&Idle| idle.upstream.reused && idle.until > now && idle.upstream.is_quiet();
        let kept = self.instances.iter().map(|instance| {
            let idle = instance.idle.borrow();
            idle.iter().filter(of_use).count() + instance.taken.by_riders.get() as usize
        });
        (kept.sum(), self.kept.get())
    }

    /// Closes one idle connection, because its descriptor is needed. Whether there was one.
    fn spare(&self) -> bool {
        self.instances
            .iter()
            .any(|instance| instance.idle.borrow_mut().pop().is_some())
    }

    /// Whether connections are kept at all.
    pub(crate) fn keeps(&self) -> bool {
        !self.idle.is_zero() && !self.closed.get()
    }

    /// Closes what has been kept long enough, or was closed by the app.
    pub(crate) fn sweep(&self, now: Instant) {
        for instance in &self.instances {
            instance
                .idle
                .borrow_mut()
                .retain(|idle| idle.until > now && idle.upstream.is_quiet());
        }
    }

    /// Closes everything, and keeps nothing any more.
    pub(crate) fn close(&self) {
        self.closed.set(true);
        for instance in &self.instances {
            instance.idle.borrow_mut().clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_instance_with_the_least_in_flight_is_chosen() {
        let pool = Pool::new(3, Duration::from_secs(4));
        let now = Instant::now();
        let at_0 = pool.enter(0);
        let _at_2 = pool.enter(2);
        assert_eq!(pool.choose(&[], now), 1);
        assert_ne!(pool.choose(&[1], now), 1);
        pool.shun(1, now);
        assert_ne!(pool.choose(&[], now), 1);
        assert_eq!(pool.choose(&[], now + SHUNNED), 1);
        drop(at_0);
        let _at_1 = pool.enter(1);
        assert_eq!(pool.choose(&[], now + SHUNNED), 0);
        assert!(pool.all_tried(&[2, 0, 1]) && !pool.all_tried(&[0, 1]));
    }

    #[tokio::test(start_paused = true)]
    async fn ties_take_turns() {
        let pool = Pool::new(2, Duration::from_secs(4));
        let now = Instant::now();
        assert_ne!(pool.choose(&[], now), pool.choose(&[], now));
    }
}
