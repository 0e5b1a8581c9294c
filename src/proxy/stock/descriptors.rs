//! Descriptors that a core keeps for the moment when there are no others (N30): requests that were accepted still get to their
//! apps, and clients that cannot be served are told so by an end instead of waiting in the kernel's queue.

use std::cell::RefCell;
use std::fs::File;
use std::io;

use rustix::io::Errno;

/// Descriptors that a core keeps.
const KEPT: usize = 4;

/// Open files that are of no use but for the descriptors they hold.
#[derive(Debug, Default)]
pub(crate) struct Reserve(RefCell<Vec<File>>);

impl Reserve {
    /// A full one, as far as there are descriptors.
    pub(crate) fn new() -> Self {
        let reserve = Self::default();
        reserve.refill();
        reserve
    }

    /// Gives one descriptor back to the system, for the next call that needs one. Returns whether there was one.
    pub(crate) fn lend(&self) -> bool {
        self.0.borrow_mut().pop().is_some()
    }

    /// Takes back what was lent, as far as there are descriptors again.
    pub(crate) fn refill(&self) {
        let mut files = self.0.borrow_mut();
        while files.len() < KEPT {
            match File::open("/dev/null") {
                Ok(file) => files.push(file),
                Err(_) => return,
            }
        }
    }
}

/// Whether a call failed because this process, or the system, has no descriptor left.
pub(crate) fn is_exhausted(error: &io::Error) -> bool {
    let errno = Errno::from_io_error(error);
    matches!(errno, Some(Errno::MFILE | Errno::NFILE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn n30_what_was_lent_comes_back() {
        let reserve = Reserve::new();
        for _ in 0..KEPT {
            assert!(reserve.lend());
        }
        assert!(!reserve.lend());
        reserve.refill();
        assert!(reserve.lend());
    }

    #[test]
    fn only_a_lack_of_descriptors_is_one() {
        let is = |errno: Errno| is_exhausted(&io::Error::from_raw_os_error(errno.raw_os_error()));
        assert!(is(Errno::MFILE) && is(Errno::NFILE));
        assert!(!is(Errno::NOBUFS) && !is(Errno::CONNREFUSED));
        assert!(!is_exhausted(&io::ErrorKind::TimedOut.into()));
    }
}
