//! Which texts may be called a version: it becomes part of commands, and may come from an app's answer.

use std::fmt;

/// Bytes that a version may have: those of a container's tag (128), and some for what stands before one.
const MOST: usize = 200;

/// Characters of a version beside letters and digits: those of tags, revisions and digests. None of them means anything to a shell.
const SIGNS: &[u8] = b"._-+:/@~";

/// A text that cannot be a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadVersion(String);

impl fmt::Display for BadVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} cannot be a version: expected letters, digits and `._-+:/@~`, a letter or digit first, no `..`, up to {MOST} of them",
            self.0
        )
    }
}

impl std::error::Error for BadVersion {}

/// Checks that a text can stand in a command as the version: no shell that is given it, and no program whose argument it begins, takes
/// it for anything else.
///
/// # Errors
/// It is empty or too long, has other characters, begins like an option, or leads out of a folder.
pub fn check_version(text: &str) -> Result<(), BadVersion> {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || SIGNS.contains(&byte);
    let begins = text.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric());
    if begins && text.len() <= MOST && text.bytes().all(known) && !text.contains("..") {
        return Ok(());
    }
    Err(BadVersion(text.chars().take(MOST).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_revisions_and_digests_are_versions() {
        for text in [
            "1",
            "8b71ff7",
            "8b71ff7-dirty",
            "v1.4.0-12-g8b71ff7",
            "release/2026-11",
            "1.0~rc1+b2",
            "sha256:0123abcd",
            "web@1.2",
        ] {
            assert_eq!(check_version(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn nothing_that_a_shell_an_option_or_a_path_could_take_for_its_own_is_one() {
        let long = "1".repeat(MOST + 1);
        for text in [
            "", "-v", "--rm", "1 2", "1;id", "$(id)", "`id`", "1\n2", "a'b", "a\"b", "1&2", "1|2", "a\\b", "é", "../x",
            "1..2", "/etc", "~root", "a*", "{slot}", &long,
        ] {
            assert!(check_version(text).is_err(), "{text}");
        }
    }
}
