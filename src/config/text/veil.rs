//! What a report may not show of the text that it points into: URLs of `[[notify]]` are secrets, of which nobody sees more than the host.
//!
//! It goes by lines and not by values, because a text that is no TOML is shown, too.

use std::borrow::Cow;

/// The same text, byte for byte as long, with `*` in place of what is secret.
pub(crate) fn veil(text: &str) -> Cow<'_, str> {
    if !text.contains("notify") && !text.contains("url") {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut inside = false;
    for line in text.split_inclusive('\n') {
        let start = line.trim_start();
        if start.starts_with('[') {
            inside = false;
        }
        // A name that was mistyped is near enough, and so is the key alone where it stands in another table.
        inside |= start.trim_start_matches(['[', ' ']).starts_with("noti");
        if inside || start.starts_with("url") {
            hide(line, &mut out);
        } else {
            out.push_str(line);
        }
    }
    Cow::Owned(out)
}

/// Hides what stands behind the host of every URL, and what stands before it.
fn hide(line: &str, out: &mut String) {
    let mut rest = line;
    while let Some(at) = rest.find("://") {
        let (before, url) = rest.split_at(at + 3);
        out.push_str(before);
        let end = url.find(['"', '\'', '\n', '\r', ' ', '\t', ',']).unwrap_or(url.len());
        let (url, behind) = url.split_at(end);
        let authority = url.find(['/', '?', '#']).unwrap_or(url.len());
        let host = url[..authority].rfind('@').map_or(0, |at| at + 1);
        out.extend(std::iter::repeat_n('*', host));
        out.push_str(&url[host..authority]);
        out.extend(std::iter::repeat_n('*', url.len() - authority));
        rest = behind;
    }
    out.push_str(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_notify_are_hidden_and_nothing_moves() {
        let text = "[[notify]]\nurl = \"https://me:pw@hooks.example.com/T/é?k=1\" # word\n[env.prod]\nredirect = \"https://a.com/x\"\n";
        let veiled = veil(text);
        assert_eq!(veiled.len(), text.len());
        assert!(
            veiled.contains("url = \"https://******hooks.example.com*********\" # word\n"),
            "{veiled}"
        );
        assert!(veiled.contains("redirect = \"https://a.com/x\"\n"));
    }

    #[test]
    fn it_holds_for_texts_that_are_no_toml_and_for_other_spellings() {
        for text in [
            "[[notify]\nurl = \"https://h.test/secret",
            "notify = [{ url = 'https://h.test/secret', format = \"slack\" }]",
            "notify = [\n  { url = 'https://h.test/secret' },\n]",
            "[[notfy]]\n[server]\nurl = https://h.test/secret",
            "[[ notify ]]\nulr = \"https://h.test?secret\"",
        ] {
            let veiled = veil(text);
            assert!(!veiled.contains("secret") && veiled.contains("h.test"), "{veiled}");
            assert_eq!(veiled.len(), text.len());
        }
    }
}
