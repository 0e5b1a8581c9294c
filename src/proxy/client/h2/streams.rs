//! The streams of a connection: a future for each, in the connection's own task, looked at when it was woken and in the order of their
//! turns.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::channel::Channel;
use super::ready::{PLACES, Ready, waker};
use super::turn::{Rank, Standing};
use crate::proxy::stock::clock;

/// Places that are kept with all that a stream needs in them, until the connection has rested.
const WARM: usize = 32;
/// So often those that are woken in the meantime have a turn at once.
const AGAIN: usize = 8;

/// The lives of the streams in one place, one after the other.
type Life = Pin<Box<dyn Future<Output = Infallible>>>;

/// The streams that are open.
pub(crate) struct Streams {
    places: Vec<Place>,
    /// Free places that are kept with their future, and those without one.
    warm: Vec<usize>,
    cold: Vec<usize>,
    /// Their numbers, which only grow, and their places.
    open: Vec<(u32, usize)>,
    ready: Arc<Ready>,
}

struct Place {
    channel: Rc<Channel>,
    waker: Waker,
    life: Option<Life>,
}

impl Streams {
    pub(crate) fn new() -> Self {
        Self {
            places: Vec::new(),
            warm: Vec::new(),
            cold: Vec::new(),
            open: Vec::new(),
            ready: Arc::default(),
        }
    }

    /// Which of them were woken.
    pub(crate) fn ready(&self) -> &Ready {
        &self.ready
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.open.len()
    }

    /// Begins a stream, unless all places are taken; one that has ended has its place until it was looked at. `live` is for the first in its
    /// place. A stream is looked at when it was said what is to be done for it.
    pub(crate) fn begin<F>(
        &mut self,
        stream: u32,
        standing: Standing,
        live: impl FnOnce(Rc<Channel>) -> F,
    ) -> Option<&Channel>
    where
        F: Future<Output = Infallible> + 'static,
    {
        let place = match self.warm.pop().or_else(|| self.cold.pop()) {
            Some(place) => place,
            None if self.places.len() == PLACES => return None,
            None => {
                let place = self.places.len();
                self.places.push(Place {
                    channel: Rc::default(),
                    waker: waker(&self.ready, place),
                    life: None,
                });
                place
            }
        };
        let slot = &mut self.places[place];
        slot.channel.begin(stream, standing);
        if slot.life.is_none() {
            slot.life = Some(Box::pin(live(slot.channel.clone())));
        }
        self.open.push((stream, place));
        self.ready.mark(place);
        Some(&slot.channel)
    }

    /// What is shared with a stream, if it is open.
    pub(crate) fn channel(&self, stream: u32) -> Option<&Rc<Channel>> {
        self.place(stream).map(|place| &self.places[place].channel)
    }

    /// A stream is to be looked at.
    pub(crate) fn mark(&self, stream: u32) {
        if let Some(place) = self.place(stream) {
            self.ready.mark(place);
        }
    }

    /// Those that have something to write are to be looked at.
    pub(crate) fn mark_waiting(&self) {
        for (_, place) in &self.open {
            if self.places[*place].channel.waits.get() {
                self.ready.mark(*place);
            }
        }
    }

    /// Ends a stream by dropping what is under way for it.
    pub(crate) fn end(&mut self, stream: u32) {
        if let Some(place) = self.place(stream) {
            self.places[place].life = None;
            self.leave(place);
        }
    }

    /// The connection has rested: what the next streams would need is made anew.
    pub(crate) fn cool(&mut self) {
        if self.open.is_empty() {
            self.places = Vec::new();
            self.warm = Vec::new();
            self.cold = Vec::new();
            self.open = Vec::new();
        }
    }

    /// Looks at those that were woken, in the order of their turns. One that wants another turn at once has it before those that come
    /// behind it, a few times. `woken` is room for their places.
    pub(crate) fn poll(&mut self, woken: &mut Vec<(Rank, usize)>) {
        woken.clear();
        self.ready.take(|place| woken.extend(self.rank(place)));
        // The last is the first to be looked at.
        woken.sort_unstable_by(|one, other| other.cmp(one));
        let mut again = AGAIN;
        while let Some((_, place)) = woken.pop() {
            let Some(slot) = self.places.get_mut(place) else {
                continue;
            };
            let Some(life) = &mut slot.life else { continue };
            let look = clock::look();
            let Poll::Pending = life.as_mut().poll(&mut Context::from_waker(&slot.waker));
            drop(look);
            if slot.channel.take_finished() {
                self.leave(place);
            }
            if again > 0 && self.ready.is_any() {
                again -= 1;
                self.ready.take(|place| {
                    if let Some(rank) = self.rank(place) {
                        let at = woken.partition_point(|known| *known > rank);
                        woken.insert(at, rank);
                    }
                });
            }
        }
    }

    /// Where the stream at a place stands, if there is one.
    fn rank(&self, place: usize) -> Option<(Rank, usize)> {
        let channel = &self.places.get(place)?.channel;
        Some((channel.standing.get().rank(channel.stream.get()), place))
    }

    fn leave(&mut self, place: usize) {
        let slot = &mut self.places[place];
        slot.channel.clear();
        let stream = slot.channel.stream.get();
        if let Ok(at) = self.open.binary_search_by_key(&stream, |(stream, _)| *stream) {
            self.open.remove(at);
            if slot.life.is_some() && self.warm.len() < WARM {
                self.warm.push(place);
            } else {
                slot.life = None;
                self.cold.push(place);
            }
        }
    }

    fn place(&self, stream: u32) -> Option<usize> {
        let at = self.open.binary_search_by_key(&stream, |(stream, _)| *stream).ok()?;
        Some(self.open[at].1)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};
    use std::future::{pending, poll_fn};

    use super::*;
    use crate::http2::priority::Priority;

    #[test]
    fn streams_are_looked_at_when_they_were_woken_and_the_urgent_first() {
        let (mut streams, mut woken) = (Streams::new(), Vec::new());
        let seen = Rc::new(RefCell::new(Vec::new()));
        for (stream, urgency) in [(1, 5), (3, 0), (5, 3)] {
            let priority = Some(Priority {
                urgency,
                incremental: true,
            });
            let seen = seen.clone();
            streams.begin(stream, Standing { priority, last_turn: 0 }, |channel| {
                poll_fn(move |_| {
                    seen.borrow_mut().push(channel.stream.get());
                    Poll::Pending
                })
            });
        }
        streams.poll(&mut woken);
        assert_eq!(seen.take(), [3, 5, 1]);
        streams.mark(5);
        streams.mark(7);
        streams.channel(1).unwrap().waits.set(true);
        streams.mark_waiting();
        streams.poll(&mut woken);
        assert_eq!(seen.take(), [5, 1]);
        streams.end(5);
        streams.mark(5);
        streams.poll(&mut woken);
        assert!(seen.take().is_empty() && streams.len() == 2);
    }

    #[test]
    fn e26_places_are_bounded_used_again_and_given_back() {
        let (mut streams, mut woken) = (Streams::new(), Vec::new());
        let lives = Rc::new(Cell::new(0));
        let live = |channel: Rc<Channel>| {
            lives.set(lives.get() + 1);
            poll_fn(move |_| {
                channel.finish();
                Poll::Pending
            })
        };
        for stream in 0..PLACES as u32 {
            let begun = streams.begin(2 * stream + 1, Standing::default(), |_| pending());
            assert!(begun.is_some());
        }
        assert!(streams.begin(1001, Standing::default(), live).is_none());
        for stream in 0..PLACES as u32 {
            streams.end(2 * stream + 1);
        }
        for round in 1..10 {
            for stream in 0..PLACES as u32 {
                streams.begin(1000 * round + stream, Standing::default(), live);
            }
            streams.poll(&mut woken);
            assert_eq!(streams.len(), 0);
        }
        assert_eq!(
            lives.get(),
            PLACES + 8 * (PLACES - WARM),
            "those beyond the bound are made anew"
        );
        streams.begin(20_001, Standing::default(), |_| pending());
        streams.cool();
        assert_eq!(streams.len(), 1);
        streams.end(20_001);
        streams.cool();
        assert_eq!(streams.places.capacity(), 0);
    }
}
