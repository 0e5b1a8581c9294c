//! Answers that the proxy gives itself: errors as HTML or JSON, redirects, ACME challenges; and what an auth service says in the place
//! of the app.

use std::sync::Arc;

use super::content::Content;
use super::error::ProxyError;
use super::request_id::RequestId;
use crate::http1::head::{Name, list};
use crate::model::error_pages::{Filling, Page};

/// A whole response of our own.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Names in lower case, without framing and Date.
    pub(crate) fields: Vec<(&'static str, String)>,
    /// Fields of somebody else who answers in the app's place, as lines.
    pub(crate) relayed: Vec<u8>,
    pub(crate) content: Content,
}

impl Answer {
    /// The answer for an error.
    pub(crate) fn error(error: &ProxyError, wants_json: bool, id: RequestId) -> Self {
        let status = error.status();
        let mut answer = Self::own(status, error.advice(), wants_json, id, error.retry_after());
        if status == 401 {
            // The realm says nothing of what is behind it.
            let wanted = "Basic realm=\"restricted\", charset=\"UTF-8\"";
            answer.fields.push(("www-authenticate", wanted.to_owned()));
        }
        if error.is_of_preview() {
            // It may be the answer to a link, whose path nobody else is to learn.
            answer.fields.push(("referrer-policy", "no-referrer".to_owned()));
            answer.fields.push(("x-robots-tag", "noindex".to_owned()));
        }
        if let Some(methods) = error.allowed() {
            answer.fields.push(("allow", methods.to_owned()));
        }
        answer
    }

    /// An answer with a sentence of ours, or of the operator's: as a page or as JSON.
    pub(crate) fn own(status: u16, advice: &str, wants_json: bool, id: RequestId, retry_after: Option<u32>) -> Self {
        let id = id.text();
        let id = str::from_utf8(&id).unwrap_or_default();
        let title = http::StatusCode::from_u16(status)
            .ok()
            .and_then(|code| code.canonical_reason())
            .unwrap_or("Error");
        let (kind, body) = if wants_json {
            let body = serde_json::json!({ "status": status, "error": title, "message": advice, "request_id": id });
            ("application/json", body.to_string())
        } else {
            ("text/html; charset=utf-8", page(status, title, advice, id))
        };
        let mut fields = vec![
            ("content-type", kind.to_owned()),
            ("cache-control", "no-store".to_owned()),
            ("x-request-id", id.to_owned()),
        ];
        if let Some(seconds) = retry_after {
            fields.push(("retry-after", seconds.to_string()));
        }
        Self {
            status,
            fields,
            relayed: Vec::new(),
            content: body.into_bytes().into(),
        }
    }

    /// Shows a page of the operator's in the place of ours; all fields stay. Clients that ask for JSON get that all the same.
    pub(crate) fn show(&mut self, page: &Arc<Page>, id: RequestId) {
        self.content = Content::Page(page.clone(), Filling::new(self.status, id.text()));
    }

    /// 308: the same method again, elsewhere (RFC 9110 §15.4.9). Parts of the target came off the wire, but its grammar admits no line
    /// break. What is no ASCII has no place in a URI, and arrives as the same bytes where it is escaped (RFC 3986 §2.1).
    pub(crate) fn redirect(to: &[u8]) -> Self {
        Self {
            status: 308,
            fields: vec![("location", escaped(to))],
            relayed: Vec::new(),
            content: Content::default(),
        }
    }

    /// The answer to a preview's link: the browser keeps the cookie and goes on to `path`, without the token.
    pub(crate) fn preview(cookie: String, path: &str) -> Self {
        let fields = [
            ("location", path),
            ("set-cookie", &cookie),
            ("cache-control", "private, no-store"),
            ("referrer-policy", "no-referrer"),
            ("x-robots-tag", "noindex"),
        ];
        Self {
            status: 303,
            fields: fields.map(|(name, value)| (name, value.to_owned())).to_vec(),
            relayed: Vec::new(),
            content: Content::default(),
        }
    }

    /// What an auth service says to a client that it does not let pass; its body is still to come.
    pub(crate) fn relayed(status: u16, fields: Vec<u8>) -> Self {
        Self {
            status,
            fields: Vec::new(),
            relayed: fields,
            content: Content::default(),
        }
    }

    /// Every field: which, its name, its value.
    pub(crate) fn for_each_field(&self, mut field: impl FnMut(Name, &[u8], &[u8])) {
        for (name, value) in &self.fields {
            field(Name::of(name.as_bytes()), name.as_bytes(), value.as_bytes());
        }
        for line in self.relayed.split(|byte| *byte == b'\n') {
            let Some(colon) = memchr::memchr(b':', line) else {
                continue;
            };
            let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
            field(Name::of(name), name, value);
        }
    }

    /// A file that was kept, or that the client has it already (304).
    pub(crate) fn file(status: u16, fields: Vec<(&'static str, String)>, content: Content) -> Self {
        Self {
            status,
            fields,
            relayed: Vec::new(),
            content,
        }
    }

    /// What an ACME server asks for (RFC 8555 §8.3).
    pub(crate) fn challenge(key_authorization: String) -> Self {
        let fields = vec![("content-type", "application/octet-stream".to_owned())];
        Self {
            status: 200,
            fields,
            relayed: Vec::new(),
            content: key_authorization.into_bytes().into(),
        }
    }
}

/// A URI whose bytes are all ASCII.
fn escaped(uri: &[u8]) -> String {
    let mut text = String::with_capacity(uri.len());
    for &byte in uri {
        if byte.is_ascii() {
            text.push(byte.into());
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

/// Whether an Accept field asks for JSON rather than for a page: the first of both that it names.
pub(crate) fn wants_json(accept: Option<&[u8]>) -> bool {
    for range in accept.into_iter().flat_map(list) {
        let range = range
            .split(|byte| *byte == b';')
            .next()
            .unwrap_or_default()
            .trim_ascii();
        let subtype = range.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
        if subtype.eq_ignore_ascii_case(b"json") || subtype.to_ascii_lowercase().ends_with(b"+json") {
            return true;
        }
        if range.eq_ignore_ascii_case(b"text/html") {
            return false;
        }
    }
    false
}

/// Nothing in it comes from the request but the id, which is ours. An operator's sentence may hold any character.
fn page(status: u16, title: &str, advice: &str, id: &str) -> String {
    let advice = advice.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    format!(
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{status} {title}</title>\n<style>body{{font:16px/1.5 system-ui,sans-serif;max-width:32em;margin:20vh auto 0;\
         padding:0 1em;color:#222}}h1{{font-size:1.4em}}small{{color:#777}}@media(prefers-color-scheme:dark){{body{{\
         background:#181818;color:#ddd}}}}</style>\n<h1>{title}</h1>\n<p>{advice}</p>\n<p><small>{status} · request {id}</small>\
         </p>\n</html>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_leads_to_the_same_bytes_whatever_they_are() {
        let location = |to: &[u8]| Answer::redirect(to).fields.remove(0).1;
        assert_eq!(
            location(b"https://a.example/b%20c?d=%C3%BC&e"),
            "https://a.example/b%20c?d=%C3%BC&e"
        );
        assert_eq!(location(b"/caf\xe9/\xff?\x80"), "/caf%E9/%FF?%80");
        assert_eq!(location("/ü".as_bytes()), "/%C3%BC");
    }

    #[test]
    fn json_is_for_those_who_name_it_first() {
        assert!(wants_json(Some(b"application/json")));
        assert!(wants_json(Some(b"application/problem+json; q=0.9, */*")));
        assert!(!wants_json(Some(b"text/html,application/xhtml+xml,application/json")));
        assert!(!wants_json(Some(b"*/*")));
        assert!(!wants_json(None));
    }
}
