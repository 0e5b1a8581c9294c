//! The connections of one core, as far as they wait for a request. They are woken together when draining begins; and one of them
//! makes room for a newcomer where all places are taken (E29).

use std::task::Waker;

/// So many are looked at to find the one that is missed the least; more only while there is none.
const LOOKED_AT: usize = 32;
/// So many in all: a newcomer costs no more than its handshake, however many there are. The next one looks on from there.
const LOOKED_AT_MOST: usize = 4096;

/// A place in [`Waiting`]; `None` until the first registration.
#[derive(Debug, Default)]
pub(crate) struct Seat(Option<usize>);

/// What a connection waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum For {
    /// Its first request, or the end of its handshake: nobody has seen yet what it is good for.
    First,
    /// Another request.
    Next,
    /// Nothing: it has requests under way.
    Nothing,
}

/// The connections of one core that wait.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    places: Vec<Option<Place>>,
    free: Vec<usize>,
    /// Where the next look for one to close begins.
    hand: usize,
    /// Counts up with time, as [`Waiting::tick`] is called.
    now: u32,
}

#[derive(Debug)]
struct Place {
    waker: Waker,
    waits_for: For,
    since: u32,
    closing: bool,
}

impl Waiting {
    /// A connection is to be woken by this waker, and waits for this.
    pub(crate) fn register(&mut self, seat: &mut Seat, waker: &Waker, waits_for: For) {
        let index = *seat.0.get_or_insert_with(|| {
            self.free.pop().unwrap_or_else(|| {
                self.places.push(None);
                self.places.len() - 1
            })
        });
        let now = self.now;
        match &mut self.places[index] {
            Some(place) => {
                place.waker.clone_from(waker);
                if place.waits_for != waits_for {
                    (place.waits_for, place.since) = (waits_for, now);
                }
            }
            empty => {
                *empty = Some(Place {
                    waker: waker.clone(),
                    waits_for,
                    since: now,
                    closing: false,
                });
            }
        }
    }

    /// What a connection has waited for is there.
    pub(crate) fn is_busy(&mut self, seat: &Seat) {
        if let Some(place) = self.place(seat) {
            place.waits_for = For::Nothing;
        }
    }

    /// Whether a connection is to be closed, because a newcomer needs its place.
    pub(crate) fn is_closing(&mut self, seat: &Seat) -> bool {
        self.place(seat).is_some_and(|place| place.closing)
    }

    pub(crate) fn forget(&mut self, seat: &mut Seat) {
        if let Some(index) = seat.0.take() {
            self.places[index] = None;
            self.free.push(index);
        }
    }

    pub(crate) fn wake_all(&self) {
        for place in self.places.iter().flatten() {
            place.waker.wake_by_ref();
        }
    }

    /// Some time has gone by.
    pub(crate) fn tick(&mut self) {
        self.now = self.now.wrapping_add(1);
    }

    /// Closes one that has waited for so many ticks: of those that are looked at, one without any request before one that had some,
    /// and the one that waits the longest. Returns whether there was one.
    pub(crate) fn make_room(&mut self, ticks: u32) -> bool {
        let len = self.places.len();
        let (begin, mut looked_at) = (self.hand, 0);
        let mut found: Option<(For, u32, usize)> = None;
        while looked_at < len.min(LOOKED_AT_MOST) && (looked_at < LOOKED_AT || found.is_none()) {
            let index = (begin + looked_at) % len;
            looked_at += 1;
            let Some(place) = &self.places[index] else { continue };
            let waited = self.now.wrapping_sub(place.since);
            if place.closing || place.waits_for == For::Nothing || waited < ticks {
                continue;
            }
            if found.is_none_or(|(best, longest, _)| (place.waits_for, longest) < (best, waited)) {
                found = Some((place.waits_for, waited, index));
            }
        }
        self.hand = (begin + looked_at) % len.max(1);
        let Some((.., index)) = found else { return false };
        if let Some(place) = &mut self.places[index] {
            place.closing = true;
            place.waker.wake_by_ref();
        }
        true
    }

    fn place(&mut self, seat: &Seat) -> Option<&mut Place> {
        self.places.get_mut(seat.0?)?.as_mut()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all_of(waiting: &mut Waiting, kinds: &[For]) -> Vec<Seat> {
        let register = |kind: &For| {
            let mut seat = Seat::default();
            waiting.register(&mut seat, Waker::noop(), *kind);
            waiting.tick();
            seat
        };
        kinds.iter().map(register).collect()
    }

    fn closing(waiting: &mut Waiting, seats: &[Seat]) -> Vec<usize> {
        (0..seats.len())
            .filter(|index| waiting.is_closing(&seats[*index]))
            .collect()
    }

    #[test]
    fn e29_those_without_a_request_go_first_and_then_those_that_wait_the_longest() {
        let mut waiting = Waiting::default();
        let kinds = [For::Next, For::Nothing, For::First, For::Next, For::First];
        let seats = all_of(&mut waiting, &kinds);
        for expected in [&[2][..], &[2, 4], &[0, 2, 4], &[0, 2, 3, 4]] {
            assert!(waiting.make_room(1));
            assert_eq!(closing(&mut waiting, &seats), expected);
        }
        assert!(!waiting.make_room(1), "one with requests under way is never closed");
    }

    #[test]
    fn e29_a_connection_that_has_just_come_is_not_closed_for_the_next() {
        let mut waiting = Waiting::default();
        let seats = all_of(&mut waiting, &[For::First]);
        assert!(!waiting.make_room(2));
        waiting.tick();
        // To be woken is not to begin anew.
        let mut seat = seats.into_iter().next().unwrap();
        waiting.register(&mut seat, Waker::noop(), For::First);
        assert!(waiting.make_room(2));
        waiting.forget(&mut seat);
        assert!(!waiting.make_room(0));
        let mut next = Seat::default();
        waiting.register(&mut next, Waker::noop(), For::Next);
        assert_eq!(waiting.places.len(), 1, "a forgotten place is used again");
        assert!(!waiting.is_closing(&next));
    }

    #[test]
    fn e29_a_newcomer_finds_the_only_one_that_waits_among_any_number_that_do_not() {
        for before in [0, LOOKED_AT - 1, LOOKED_AT, 1000] {
            let mut waiting = Waiting::default();
            let mut kinds = vec![For::Nothing; before];
            kinds.push(For::Next);
            kinds.extend([For::Nothing; 100]);
            let seats = all_of(&mut waiting, &kinds);
            assert!(waiting.make_room(1), "behind {before}");
            assert_eq!(closing(&mut waiting, &seats), [before]);
            assert!(!waiting.make_room(1));
        }
    }

    #[test]
    fn e29_those_without_a_request_go_first_wherever_the_look_begins() {
        let mut waiting = Waiting::default();
        let kinds = [[For::Next; 10], [For::First; 10]].concat();
        let seats = all_of(&mut waiting, &kinds);
        for round in 1..=10 {
            assert!(waiting.make_room(1));
            let closing = closing(&mut waiting, &seats);
            assert!(closing.len() == round && closing[0] >= 10, "{closing:?}");
        }
    }
}
