//! Tokens where they do not belong: in a query, a referer, somebody else's cookie. What has the form of one is a secret, whether it is
//! valid or not.

use super::token::{MARK, is_letter};

/// So many letters of a token are worth hiding: fewer leave as much to guess as a key has.
const TELLING: usize = 32;
/// What is put in the place of each letter. As long as before, so that nothing else moves.
const BLANK: u8 = b'x';

/// Whether a text has a token in it, or most of one.
#[must_use]
pub fn holds_token(text: &[u8]) -> bool {
    next(text).is_some()
}

/// Makes every token in a text unreadable; its length stays.
pub fn hide(text: &mut [u8]) {
    let mut rest = text;
    while let Some((start, end)) = next(rest) {
        rest[start..end].fill(BLANK);
        rest = &mut rest[end..];
    }
}

/// Where the letters of the next token begin and end.
fn next(text: &[u8]) -> Option<(usize, usize)> {
    memchr::memmem::find_iter(text, MARK).find_map(|at| {
        let start = at + MARK.len();
        let letters = text[start..].iter().take_while(|byte| is_letter(**byte)).count();
        (letters >= TELLING).then_some((start, start + letters))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn n33_a_token_is_hidden_wherever_it_stands_and_nothing_else_is() {
        let token = format!("ggp_{}", "Ab-_".repeat(16));
        let hidden = format!("ggp_{}", "x".repeat(64));
        let shown = |text: &str| {
            let mut bytes = text.as_bytes().to_vec();
            hide(&mut bytes);
            String::from_utf8(bytes).unwrap()
        };
        for (before, behind) in [("", ""), ("https://a.test/x?y=", "&z"), ("ggp_ ggp_short ", "; b=2")] {
            let text = format!("{before}{token}{behind}");
            assert!(holds_token(text.as_bytes()), "{text}");
            assert_eq!(shown(&text), format!("{before}{hidden}{behind}"));
        }
        let twice = format!("{token} {token}");
        assert_eq!(shown(&twice), format!("{hidden} {hidden}"));
        for tame in [
            "",
            "ggp_",
            "ggp_abc",
            "a page of ggp_something.html",
            "gp_abcdefghijklmnopqrstuvwxyz0123456789",
        ] {
            assert!(!holds_token(tame.as_bytes()), "{tame}");
            assert_eq!(shown(tame), tame);
        }
    }
}
