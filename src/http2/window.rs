//! Flow control (RFC 9113 §5.2, §6.9): what may still be sent, and what the other side may still send.

use super::frame::MAX_WINDOW;

/// What this side may still send, of one stream or of the whole connection. Settings may take it below zero (RFC 9113 §6.9.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SendWindow(i32);

/// A window that would be larger than any may be (RFC 9113 §6.9.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Overflow;

impl SendWindow {
    /// A window of this size.
    pub(super) fn new(size: u32) -> Self {
        Self(size.min(MAX_WINDOW) as i32)
    }

    /// Bytes that may be sent.
    #[inline]
    pub(super) fn room(self) -> usize {
        usize::try_from(self.0).unwrap_or(0)
    }

    /// These bytes are sent; there is room for them.
    #[inline]
    pub(super) fn take(&mut self, bytes: usize) {
        debug_assert!(bytes <= self.room(), "more is sent than the window allows");
        self.0 -= bytes as i32;
    }

    /// The window grows, or shrinks by settings. Whether there was no room before, and now there is.
    ///
    /// # Errors
    /// When it would be too large. Then nothing has changed.
    pub(super) fn shift(&mut self, by: i64) -> Result<bool, Overflow> {
        let size = i64::from(self.0) + by;
        if size > i64::from(MAX_WINDOW) {
            return Err(Overflow);
        }
        let was_shut = self.0 <= 0;
        // Two settings differ by less than 2^31, and what was sent was room once.
        self.0 = i32::try_from(size).unwrap_or(i32::MIN);
        Ok(was_shut && self.0 > 0)
    }
}

/// What the other side may still send. All bytes of the window are in one of three places: still to be sent, with this side, or used
/// up and not yet given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ReceiveWindow {
    size: i32,
    left: i32,
    held: u32,
    used: u32,
}

impl ReceiveWindow {
    /// A window of this size that the other side knows.
    pub(super) fn new(size: u32) -> Self {
        let size = size.min(MAX_WINDOW) as i32;
        Self {
            size,
            left: size,
            held: 0,
            used: 0,
        }
    }

    /// Bytes have come; whether they were allowed. If not, nothing has changed.
    #[inline]
    pub(super) fn receive(&mut self, bytes: u32) -> bool {
        if i64::from(bytes) > i64::from(self.left) {
            return false;
        }
        self.left -= bytes as i32;
        self.held += bytes;
        true
    }

    /// Bytes are no longer with this side. How many to give back, once that is worth a frame: half of the window.
    #[inline]
    pub(super) fn release(&mut self, bytes: u32) -> Option<u32> {
        self.release_at(bytes, 0)
    }

    /// As [`ReceiveWindow::release`], of a window that streams share. What some of them leave with this side must not keep the others from
    /// sending, so that half of the rest is worth a frame.
    #[inline]
    pub(super) fn release_shared(&mut self, bytes: u32) -> Option<u32> {
        self.release_at(bytes, self.held.saturating_sub(bytes))
    }

    #[inline]
    fn release_at(&mut self, bytes: u32, stuck: u32) -> Option<u32> {
        debug_assert!(bytes <= self.held, "more is released than has come");
        let bytes = bytes.min(self.held);
        self.held -= bytes;
        self.used += bytes;
        if self.used == 0 || i64::from(self.used) < (i64::from(self.size) - i64::from(stuck)) / 2 {
            return None;
        }
        let back = std::mem::take(&mut self.used);
        // What settings have taken away from below zero is made up for first by whoever sends.
        self.left += back as i32;
        Some(back)
    }

    /// Bytes that are with this side.
    pub(super) fn held(&self) -> u32 {
        self.held
    }

    /// Bytes that the other side may still send.
    pub(super) fn left(&self) -> i32 {
        self.left
    }

    /// The other side has acknowledged another size for it.
    pub(super) fn resize(&mut self, size: u32) {
        let size = size.min(MAX_WINDOW) as i32;
        self.left = self.left.saturating_add(size - self.size);
        self.size = size;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 9113 §6.9.1.
    #[test]
    fn a_window_to_send_grows_to_its_bound_and_no_further() {
        let mut window = SendWindow::new(10);
        window.take(10);
        assert_eq!(window.room(), 0);
        assert_eq!(window.shift(i64::from(MAX_WINDOW)), Ok(true));
        assert_eq!(window.shift(1), Err(Overflow));
        assert_eq!(window.room(), MAX_WINDOW as usize);
        assert_eq!(window.shift(0), Ok(false));
    }

    /// RFC 9113 §6.9.2: "a SETTINGS frame can cause the available space in a flow-control window to become negative".
    #[test]
    fn settings_take_a_window_below_zero_and_updates_bring_it_back() {
        let mut window = SendWindow::new(60_000);
        window.take(60_000);
        assert_eq!(window.shift(16_384 - 60_000), Ok(false));
        assert_eq!(window.room(), 0);
        assert_eq!(window.shift(60_000 - 16_384), Ok(false));
        assert_eq!(window.shift(1), Ok(true));
        assert_eq!(window.room(), 1);
    }

    #[test]
    fn what_comes_beyond_a_window_is_refused_and_what_is_used_is_given_back_by_halves() {
        let mut window = ReceiveWindow::new(100);
        assert!(window.receive(60));
        assert!(!window.receive(41));
        assert!(window.receive(40));
        assert_eq!(window.release(49), None);
        assert_eq!(window.release(1), Some(50));
        assert_eq!((window.held(), window.left()), (50, 50));
        assert!(!window.receive(51));
        assert_eq!(window.release(50), Some(50));
        assert_eq!((window.held(), window.left()), (0, 100));
    }

    #[test]
    fn what_some_streams_leave_here_does_not_keep_the_others_from_sending() {
        let mut window = ReceiveWindow::new(100);
        assert!(window.receive(75));
        // Half of the rest.
        assert!(window.receive(11));
        assert_eq!(window.release_shared(11), None);
        assert!(window.receive(14));
        assert_eq!(window.release_shared(14), Some(25));
        for _ in 0..1000 {
            assert_eq!((window.held(), window.left()), (75, 25));
            assert!(window.receive(25));
            assert_eq!(window.release_shared(25), Some(25));
        }
    }

    #[test]
    fn the_smallest_windows_are_given_back_byte_by_byte() {
        for size in [1, 2, 3] {
            let mut window = ReceiveWindow::new(size);
            assert!(window.receive(1));
            assert_eq!(window.release(0), None);
            assert_eq!(window.release(1), Some(1));
        }
        assert!(!ReceiveWindow::new(0).receive(1));
        assert!(ReceiveWindow::new(0).receive(0));
    }

    #[test]
    fn a_smaller_size_counts_what_has_come_already() {
        let mut window = ReceiveWindow::new(65_535);
        assert!(window.receive(60_000));
        window.resize(1000);
        assert!(!window.receive(1));
        assert_eq!(window.left(), 1000 - 60_000);
        assert_eq!(window.release(60_000), Some(60_000));
        assert_eq!(window.left(), 1000);
    }
}
