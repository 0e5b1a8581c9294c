//! Which requests ask for a page that a browser shows as a whole, and which answers are one that a ribbon may be appended to. Pure:
//! fields in, decisions out.

use super::request::{Fields, Request};
use crate::http1::head::{Name, eq_ignore_case, list};

/// What the answer depends on, where a ribbon may be on it (RFC 9110 §12.5.5).
pub(crate) const VARIES_BY: &[&str] = &["Sec-Fetch-Dest", "Accept", "X-Requested-With"];

/// Encodings of text that hold ASCII as it is: the beginnings of their names.
const WITH_ASCII: &[&[u8]] = &[
    b"utf-8",
    b"utf8",
    b"us-ascii",
    b"ascii",
    b"iso-8859-",
    b"windows-125",
    b"koi8-",
    b"euc-",
    b"gbk",
    b"gb2312",
    b"gb18030",
    b"big5",
    b"shift_jis",
];

/// Whether a request asks for a page, and not for a part of one. A browser says so over TLS and to localhost (Fetch Metadata); without its word
/// it is a request that accepts HTML by name and comes from no script that says that it is one.
pub(crate) fn asks_for_page<'r, F: Fields<'r>>(request: &Request<'r, F>) -> bool {
    if request.upgrade {
        return false;
    }
    let (mut dest, mut accepts_html, mut is_script) = (None, false, false);
    for (kind, name, value) in request.fields.iter() {
        match name.len() {
            6 if kind == Name::Accept => {
                accepts_html |= list(value).any(|range| {
                    let range = range.split(|byte| *byte == b';').next().unwrap_or_default();
                    eq_ignore_case(range.trim_ascii(), b"text/html")
                });
            }
            // htmx, Turbo, Unpoly and the older libraries say that they want a part.
            10 if eq_ignore_case(name, b"hx-request") => is_script = true,
            11 if eq_ignore_case(name, b"turbo-frame") => is_script = true,
            12 if eq_ignore_case(name, b"x-up-version") => is_script = true,
            14 if eq_ignore_case(name, b"sec-fetch-dest") => dest = Some(value),
            16 if eq_ignore_case(name, b"x-requested-with") => is_script = true,
            _ => {}
        }
    }
    match dest {
        Some(dest) => eq_ignore_case(dest, b"document") && !is_script,
        None => accepts_html && !is_script,
    }
}

/// What an answer says of the page that it is.
#[derive(Debug, Default)]
pub(crate) struct Page {
    is_html: bool,
    /// It is for a disk, or what follows it tells of its very bytes.
    is_fixed: bool,
    /// Its policy lets no style in that stands in the page.
    forbids_styles: bool,
}

impl Page {
    /// Takes note of a field of the answer.
    pub(crate) fn note(&mut self, name: &[u8], value: &[u8]) {
        match name.len() {
            7 if eq_ignore_case(name, b"trailer") => self.is_fixed = true,
            12 if eq_ignore_case(name, b"content-type") => self.is_html = is_html(value),
            19 if eq_ignore_case(name, b"content-disposition") => {
                let kind = value.split(|byte| *byte == b';').next().unwrap_or_default();
                self.is_fixed |= !eq_ignore_case(kind.trim_ascii(), b"inline");
            }
            23 if eq_ignore_case(name, b"content-security-policy") => {
                self.forbids_styles |= value.split(|byte| *byte == b',').any(forbids_styles);
            }
            _ => {}
        }
    }

    /// Whether it is HTML that a browser may show.
    pub(crate) fn is_shown(&self, status: u16) -> bool {
        let is_shown = matches!(status, 200..300 | 400..600) && !matches!(status, 204..=206);
        is_shown && self.is_html
    }

    /// Whether a ribbon may stand behind it.
    pub(crate) fn takes_ribbon(&self) -> bool {
        !self.is_fixed && !self.forbids_styles
    }
}

/// Whether a content type is HTML in an encoding that holds ASCII as it is. Without a `charset` it is taken for one: a page that begins with
/// the mark of UTF-16 alone cannot be told here.
fn is_html(content_type: &[u8]) -> bool {
    let mut parts = content_type.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
    if !parts
        .next()
        .is_some_and(|essence| eq_ignore_case(essence, b"text/html"))
    {
        return false;
    }
    parts.all(|parameter| {
        let Some(equals) = memchr::memchr(b'=', parameter) else {
            return true;
        };
        let (name, value) = (parameter[..equals].trim_ascii(), parameter[equals + 1..].trim_ascii());
        let value = value
            .strip_prefix(b"\"")
            .and_then(|value| value.strip_suffix(b"\""))
            .unwrap_or(value);
        let begins = |start: &&[u8]| value.get(..start.len()).is_some_and(|it| eq_ignore_case(it, start));
        !eq_ignore_case(name, b"charset") || WITH_ASCII.iter().any(begins)
    })
}

/// Whether a policy (CSP 3 §2.2) keeps styles that stand in the page from being applied. What only reports does not, and what a page says in
/// a `meta` element cannot be seen here.
fn forbids_styles(policy: &[u8]) -> bool {
    let directives = policy.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
    let mut governing: [Option<&[u8]>; 3] = [None; 3];
    for directive in directives {
        let end = directive
            .iter()
            .position(u8::is_ascii_whitespace)
            .unwrap_or(directive.len());
        let (name, sources) = directive.split_at(end);
        let known = [&b"style-src-elem"[..], b"style-src", b"default-src"];
        if let Some(place) = known.iter().position(|known| eq_ignore_case(name, known)) {
            // Of two, the first one counts.
            governing[place].get_or_insert(sources);
        }
    }
    let Some(sources) = governing.into_iter().flatten().next() else {
        return false;
    };
    let mut lets_in = false;
    for source in sources.split(u8::is_ascii_whitespace) {
        lets_in |= eq_ignore_case(source, b"'unsafe-inline'");
        // A nonce or a hash takes that back.
        let is_exact = [&b"'nonce-"[..], b"'sha256-", b"'sha384-", b"'sha512-"]
            .iter()
            .any(|start| source.get(..start.len()).is_some_and(|it| eq_ignore_case(it, start)));
        if is_exact {
            return true;
        }
    }
    !lets_in
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn html_is_what_ascii_may_follow() {
        for (value, expected) in [
            ("text/html", true),
            ("Text/HTML; Charset=\"UTF-8\"", true),
            ("text/html;charset=iso-8859-15", true),
            ("text/html; charset=windows-1252; x", true),
            ("text/html; charset=utf-16", false),
            ("text/html; charset=UTF-16LE", false),
            ("text/html; charset=iso-2022-jp", false),
            ("application/xhtml+xml", false),
            ("text/plain", false),
            ("", false),
        ] {
            assert_eq!(is_html(value.as_bytes()), expected, "{value}");
        }
    }

    #[test]
    fn a_policy_that_lets_no_style_of_the_page_in_forbids_it() {
        for (policy, expected) in [
            ("", false),
            ("script-src 'self'; img-src *", false),
            ("default-src 'self'", true),
            ("default-src 'self'; style-src 'self' 'unsafe-inline'", false),
            ("Default-Src 'unsafe-inline'; style-src 'none'", true),
            ("style-src 'unsafe-inline'; style-src-elem 'self'", true),
            ("style-src 'self'; style-src 'unsafe-inline'", true),
            ("style-src 'Unsafe-Inline' 'nonce-abc'", true),
            ("style-src 'unsafe-inline' 'sha256-abc'", true),
            ("style-src-attr 'none'", false),
            ("style-src", true),
        ] {
            assert_eq!(forbids_styles(policy.as_bytes()), expected, "{policy}");
        }
    }

    #[test]
    fn what_is_no_page_for_a_browser_takes_no_ribbon() {
        let page = |fields: &[(&str, &str)]| {
            let mut page = Page::default();
            fields
                .iter()
                .for_each(|(name, value)| page.note(name.as_bytes(), value.as_bytes()));
            page
        };
        let html = page(&[("Content-Type", "text/html")]);
        assert!(html.takes_ribbon());
        for (status, expected) in [
            (101, false),
            (200, true),
            (204, false),
            (206, false),
            (302, false),
            (304, false),
            (404, true),
            (503, true),
        ] {
            assert_eq!(html.is_shown(status), expected, "{status}");
        }
        for field in [
            ("Trailer", "Digest"),
            ("Content-Disposition", "attachment; filename=a.html"),
            ("Content-Security-Policy", "img-src *, default-src 'none'"),
        ] {
            assert!(
                !page(&[("Content-Type", "text/html"), field]).takes_ribbon(),
                "{field:?}"
            );
        }
        assert!(
            page(&[
                ("Content-Security-Policy-Report-Only", "default-src 'none'"),
                ("Content-Disposition", "inline")
            ])
            .takes_ribbon()
        );
    }
}
