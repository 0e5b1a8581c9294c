//! Tasks of one core that want to be woken together.

use std::task::Waker;

/// A place in [`Wakers`]; `None` until the first registration.
#[derive(Debug, Default)]
pub(crate) struct Ticket(Option<usize>);

/// Tasks that want to be woken together.
#[derive(Debug, Default)]
pub(crate) struct Wakers {
    places: Vec<Option<Waker>>,
    free: Vec<usize>,
}

impl Wakers {
    pub(crate) fn register(&mut self, ticket: &mut Ticket, waker: &Waker) {
        let place = *ticket.0.get_or_insert_with(|| {
            self.free.pop().unwrap_or_else(|| {
                self.places.push(None);
                self.places.len() - 1
            })
        });
        match &mut self.places[place] {
            Some(known) => known.clone_from(waker),
            empty => *empty = Some(waker.clone()),
        }
    }

    pub(crate) fn forget(&mut self, ticket: &mut Ticket) {
        if let Some(place) = ticket.0.take() {
            self.places[place] = None;
            self.free.push(place);
        }
    }

    pub(crate) fn wake_all(&self) {
        for waker in self.places.iter().flatten() {
            waker.wake_by_ref();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forgotten_place_is_used_again() {
        let mut wakers = Wakers::default();
        let (mut first, mut second) = (Ticket::default(), Ticket::default());
        wakers.register(&mut first, Waker::noop());
        wakers.forget(&mut first);
        wakers.register(&mut second, Waker::noop());
        assert_eq!(wakers.places.len(), 1);
    }
}
