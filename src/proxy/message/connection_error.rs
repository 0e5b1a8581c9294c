//! What has gone wrong with a connection to an app, in words that stay the same, and whether that is the app's fault at all.

use std::io;

use rustix::io::Errno;

/// The error in a few words; `None` for one that only the system has words for.
#[must_use]
pub fn in_words(error: &io::Error) -> Option<&'static str> {
    if is_ours(error) {
        return Some("no descriptor, port or memory is left for a connection");
    }
    Some(match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused",
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => "connection reset",
        io::ErrorKind::NotFound => "no such socket",
        io::ErrorKind::PermissionDenied => "permission denied",
        io::ErrorKind::HostUnreachable => "host unreachable",
        io::ErrorKind::NetworkUnreachable => "network unreachable",
        io::ErrorKind::TimedOut => "connecting took too long",
        _ => return None,
    })
}

/// The error in a few words, whatever it is.
pub(crate) fn words(error: &io::Error) -> &'static str {
    in_words(error).unwrap_or("the connection failed")
}

/// Whether this machine lacks what a connection needs: that says nothing of the app.
pub(crate) fn is_ours(error: &io::Error) -> bool {
    let errno = Errno::from_io_error(error);
    matches!(
        errno,
        Some(Errno::MFILE | Errno::NFILE | Errno::ADDRNOTAVAIL | Errno::NOBUFS | Errno::NOMEM)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f6_a_lack_of_our_own_is_no_fault_of_the_app() {
        let of = |errno: Errno| io::Error::from_raw_os_error(errno.raw_os_error());
        for ours in [Errno::MFILE, Errno::NFILE, Errno::ADDRNOTAVAIL, Errno::NOMEM] {
            assert!(is_ours(&of(ours)), "{ours}");
        }
        for (theirs, said) in [
            (Errno::CONNREFUSED, "connection refused"),
            (Errno::NOENT, "no such socket"),
            (Errno::PIPE, "connection reset"),
        ] {
            assert!(!is_ours(&of(theirs)), "{theirs}");
            assert_eq!(words(&of(theirs)), said);
        }
        assert!(!is_ours(&io::ErrorKind::TimedOut.into()));
        assert_eq!(words(&io::Error::other("no such host")), "the connection failed");
    }
}
