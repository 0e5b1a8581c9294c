//! The trailer section of a chunked body (RFC 9112 §7.1.2): which of its fields are passed on, and within which bounds.

use super::lines::{self, Line, Source, Stop};
use super::names::Name;

/// Bytes of a trailer section, dropped fields included.
const TRAILER_BYTES: usize = 16 * 1024;

/// Fields of a trailer section, dropped ones included.
const TRAILER_FIELDS: usize = 100;

/// The trailer section as far as it was read.
#[derive(Debug, Default)]
pub(super) struct Trailers {
    /// Lines to pass on, and behind them the line that is being read.
    lines: Vec<u8>,
    /// How much of `lines` is to be passed on.
    kept: usize,
    /// Bytes read, dropped lines included.
    read: usize,
    /// Fields read, dropped ones included.
    fields: usize,
}

impl Trailers {
    /// What is passed on, as field lines.
    pub(super) fn kept(&self) -> &[u8] {
        &self.lines[..self.kept]
    }

    /// Adds bytes to the line that is being read; `whole` if its line feed is among them. Changes nothing if it fails.
    pub(super) fn read(&mut self, bytes: &[u8], whole: bool, source: Source) -> Result<(), Stop> {
        if bytes.len() > TRAILER_BYTES - self.read || (whole && self.fields == TRAILER_FIELDS) {
            return Err(Stop::TooLarge);
        }
        let before = self.lines.len();
        self.lines.extend_from_slice(bytes);
        if whole {
            match allowed(&self.lines[self.kept..], source) {
                Ok(true) => self.close_up(),
                Ok(false) => self.lines.truncate(self.kept),
                Err(error) => {
                    self.lines.truncate(before);
                    return Err(error);
                }
            }
            self.kept = self.lines.len();
            self.fields += 1;
        }
        self.read += bytes.len();
        Ok(())
    }

    /// Takes the blanks out that may stand before the colon of the last line.
    fn close_up(&mut self) {
        let name = lines::end_of_token(&self.lines, self.kept);
        let blanks = self.lines[name..].iter().take_while(|byte| **byte != b':').count();
        self.lines.drain(name..name + blanks);
    }
}

/// Whether a trailer line is passed on.
fn allowed(line: &[u8], source: Source) -> Result<bool, Stop> {
    match lines::line(line, 0, source)? {
        Line::Field(field, _) => Ok(!is_forbidden(field.kind, field.name.of(line))),
        // It would have ended the section.
        Line::End(_) => Err(Stop::Malformed("trailer line without a field")),
    }
}

/// Appends a field of other framing as a trailer line, if it may be one.
pub fn push_allowed(lines: &mut Vec<u8>, kind: Name, name: &[u8], value: &[u8]) {
    if !is_forbidden(kind, name) {
        for part in [name, b": ", value, b"\r\n"] {
            lines.extend_from_slice(part);
        }
    }
}

/// Whether a field must not stand in a trailer section, because it would have changed how the message was framed, routed,
/// authenticated or read (RFC 9110 §6.5.1, E6), or because this proxy makes it. `_` counts as `-`, as many apps have it (E15).
fn is_forbidden(kind: Name, name: &[u8]) -> bool {
    let name: Vec<u8> = name
        .iter()
        .map(|&b| if b == b'_' { b'-' } else { b.to_ascii_lowercase() })
        .collect();
    let kind = if kind == Name::Other { Name::of(&name) } else { kind };
    match kind {
        Name::Authorization
        | Name::Connection
        | Name::ContentLength
        | Name::ContentType
        | Name::Cookie
        | Name::Expect
        | Name::Forwarded
        | Name::Forwarding
        | Name::Host
        | Name::KeepAlive
        | Name::Proxy
        | Name::ProxyAuthenticate
        | Name::ProxyAuthorization
        | Name::ProxyConnection
        | Name::Te
        | Name::Trailer
        | Name::TransferEncoding
        | Name::Twin
        | Name::Upgrade
        | Name::XEnvironment
        | Name::XForwardedFor
        | Name::XForwardedHost
        | Name::XForwardedPrefix
        | Name::XForwardedProto
        | Name::XGreengatePreview
        | Name::XRealIp
        | Name::XRequestId => true,
        Name::Accept
        | Name::Date
        | Name::IfMatch
        | Name::IfNoneMatch
        | Name::Referer
        | Name::RetryAfter
        | Name::Server
        | Name::UserAgent
        | Name::XRobotsTag
        | Name::Other => {
            name.starts_with(b"proxy-")
                || matches!(
                    name.as_slice(),
                    b"cache-control"
                        | b"content-encoding"
                        | b"content-range"
                        | b"location"
                        | b"max-forwards"
                        | b"range"
                        | b"set-cookie"
                        | b"www-authenticate"
                )
        }
    }
}
