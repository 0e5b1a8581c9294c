//! A number of things that one core may have at a time, counted.

use std::cell::Cell;
use std::rc::Rc;

/// Seats that are free.
pub(crate) struct Seats(Rc<Cell<usize>>);

/// One that is taken, until it is dropped.
pub(crate) struct Seat(Rc<Cell<usize>>);

impl Seats {
    pub(crate) fn new(count: usize) -> Self {
        Self(Rc::new(Cell::new(count)))
    }

    /// Takes one, unless all are taken.
    pub(crate) fn take(&self) -> Option<Seat> {
        self.0.set(self.0.get().checked_sub(1)?);
        Some(Seat(self.0.clone()))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seat_that_is_given_back_can_be_taken_again() {
        let seats = Seats::new(2);
        let (first, second) = (seats.take(), seats.take());
        assert!(first.is_some() && second.is_some() && seats.take().is_none());
        drop(first);
        assert!(seats.take().is_some(), "and that one is dropped");
        let _again = seats.take();
        assert!(seats.take().is_none());
    }
}
