//! What has gone wrong with a folder that is served, in words that stay the same.

use std::io;

use super::connection_error;

/// The error in a few words; `None` for one that only the system has words for.
#[must_use]
pub fn in_words(error: &io::Error) -> Option<&'static str> {
    if connection_error::is_ours(error) {
        return Some("no descriptor or memory is left for a file");
    }
    Some(match error.kind() {
        io::ErrorKind::NotFound => "no such folder",
        io::ErrorKind::NotADirectory => "it is no folder",
        io::ErrorKind::PermissionDenied => "permission denied",
        io::ErrorKind::ResourceBusy => "as many requests wait for the folder as may",
        io::ErrorKind::Unsupported => "the kernel cannot open files below a folder alone (openat2, Linux 5.6)",
        _ => return None,
    })
}

/// The error in a few words, whatever it is.
pub(crate) fn words(error: &io::Error) -> &'static str {
    in_words(error).unwrap_or("the file system gave an error")
}

#[cfg(test)]
mod tests {
    use rustix::io::Errno;

    use super::*;

    #[test]
    fn a_folder_that_is_not_there_is_no_socket() {
        for (errno, said) in [
            (Errno::NOENT, "no such folder"),
            (Errno::NOTDIR, "it is no folder"),
            (Errno::ACCESS, "permission denied"),
            (Errno::MFILE, "no descriptor or memory is left for a file"),
            (
                Errno::NOSYS,
                "the kernel cannot open files below a folder alone (openat2, Linux 5.6)",
            ),
            (Errno::IO, "the file system gave an error"),
        ] {
            assert_eq!(words(&errno.into()), said);
        }
    }
}
