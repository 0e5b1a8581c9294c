//! Characters that lead a reader astray: a terminal obeys them, or shows a line in another order than it has (E34).

use std::borrow::Cow;

/// Whether a terminal, a pager or a person would be led astray by it: controls, what turns the direction of writing, what is not seen.
/// All of these lie below U+10000.
#[must_use]
pub fn is_treacherous(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
        )
}

/// What somebody else wrote, safe to print: control characters, and those that turn the direction of a line around or are not seen,
/// are shown as `\n` or `\u{1b}` (E34).
#[must_use]
pub fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains(is_treacherous) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_treacherous(c) {
            safe.extend(c.escape_default());
        } else {
            safe.push(c);
        }
    }
    Cow::Owned(safe)
}

#[cfg(test)]
mod tests {
    use super::is_treacherous;

    #[test]
    fn e34_controls_and_what_turns_or_hides_text_are_told_from_text() {
        for wild in [
            '\0', '\n', '\u{1b}', '\u{7f}', '\u{9b}', '\u{61c}', '\u{200b}', '\u{202e}', '\u{2066}', '\u{feff}',
        ] {
            assert!(is_treacherous(wild), "{wild:?}");
        }
        for tame in [' ', 'a', 'é', '€', '…', '字', '🦀', '\u{a0}'] {
            assert!(!is_treacherous(tame), "{tame:?}");
        }
    }
}
