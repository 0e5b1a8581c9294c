//! The ribbon that a browser shows on every page of an environment with a label, so that nobody mistakes dev for prod.

use std::sync::Arc;

/// Characters of a label that are shown.
const SHOWN: usize = 40;

/// What is appended behind a page: some 400 bytes of ASCII, which are the same in every encoding of text that ASCII is a part of.
///
/// An element of its own name, so that no style of the page means it; fixed to a corner, never in the way of a click, and not printed. Behind
/// `</html>` a browser takes it for the last part of the body (HTML §13.2.6.4.22).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ribbon(Arc<str>);

impl Ribbon {
    /// The ribbon with a label.
    #[must_use]
    pub fn new(label: &str) -> Self {
        let mut shown = String::new();
        for (place, character) in label.chars().enumerate() {
            if place == SHOWN {
                shown.push_str("&hellip;");
                break;
            }
            match character {
                '&' => shown.push_str("&amp;"),
                '<' => shown.push_str("&lt;"),
                '>' => shown.push_str("&gt;"),
                ' '..='~' => shown.push(character),
                other => shown.push_str(&format!("&#{};", u32::from(other))),
            }
        }
        let text = format!(
            "\n<style>greengate-ribbon{{all:initial;position:fixed;z-index:2147483647;left:0;bottom:0;padding:3px 12px;\
             border-radius:0 6px 0 0;background:#ffc400;color:#000;font:600 12px/16px system-ui,sans-serif;\
             box-shadow:0 0 0 1px #0006;pointer-events:none}}@media print{{greengate-ribbon{{display:none}}}}</style>\
             <greengate-ribbon role=note>{shown}</greengate-ribbon>\n"
        );
        Self(text.into())
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(label: &str) -> String {
        String::from_utf8(Ribbon::new(label).bytes().to_vec()).unwrap()
    }

    #[test]
    fn it_shows_the_label_and_a_label_is_no_markup() {
        assert!(text("staging").contains("<greengate-ribbon role=note>staging</greengate-ribbon>"));
        assert!(text("<b>&'\"é").contains(">&lt;b&gt;&amp;'\"&#233;<"));
    }

    #[test]
    fn it_is_small_and_ascii_whatever_the_label() {
        for label in ["a".to_owned(), "&".repeat(64), "é".repeat(64)] {
            let text = text(&label);
            assert!(text.len() <= 800 && text.is_ascii(), "{} bytes", text.len());
        }
        assert!(text("pull-request-4711").len() <= 600);
        assert!(text(&"a".repeat(64)).len() <= 600 && text(&"&".repeat(64)).contains("&hellip;"));
    }
}
