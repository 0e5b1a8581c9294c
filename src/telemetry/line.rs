//! What the access log says of one exchange.

use std::net::IpAddr;
use std::time::SystemTime;

use super::origin::Origin;
use crate::model::log_query::LogQuery;

/// One exchange, as it is written. Byte strings come from the internet: control characters and escapes are escaped (E34), and of a
/// value at most [`LONGEST_VALUE`](crate::telemetry::LONGEST_VALUE) bytes are written.
#[derive(Debug)]
#[allow(missing_docs, reason = "each is the log field of its name")]
pub struct Line<'l> {
    /// When the request's head was complete.
    pub time: SystemTime,
    /// Environment, service, slot and generation.
    pub origin: &'l Origin,
    pub client: IpAddr,
    /// Who asks, as a password has proved; empty where none was asked for or it was not right.
    pub user: &'l str,
    pub host: &'l [u8],
    pub method: &'l [u8],
    /// Path and query as the client sent them.
    pub path: &'l [u8],
    /// What is written of the query, and of that in `referer`.
    pub query: &'l LogQuery,
    /// The page that led here, as the client says.
    pub referer: &'l [u8],
    /// The client's software, as it says.
    pub user_agent: &'l [u8],
    /// 0 for an exchange that had no answer.
    pub status: u16,
    /// Bytes of the request's body.
    pub bytes_in: u64,
    /// Bytes of the response's body.
    pub bytes_out: u64,
    /// From the request's head to the last byte of the response, in microseconds.
    pub duration_us: u64,
    /// To the response's head, in microseconds; `None` when the app gave none.
    pub first_byte_us: Option<u64>,
    /// The instance that answered; empty when none was asked.
    pub upstream: &'l str,
    pub retries: u32,
    /// How long the request was held, in milliseconds.
    pub held_ms: u64,
    /// Who closed and why: `done`, `client: reset`, `app: cut the body`, `proxy: drain deadline`.
    pub termination: &'static str,
    /// Why, in words that stay the same; empty when it is done.
    pub reason: &'static str,
    pub request_id: &'l str,
    /// `HTTP/1.0`, `HTTP/1.1`, `HTTP/2`.
    pub protocol: &'static str,
    /// `TLSv1.3`, `TLSv1.2`, or empty.
    pub tls: &'static str,
}

impl Line<'_> {
    /// Whether the app or the proxy may be to blame; `Logged::blame` looks closer.
    pub(super) fn has_failed(&self) -> bool {
        self.status >= 500 || matches!(self.termination.as_bytes().first(), Some(b'a' | b'p'))
    }

    /// How long the client waited for an answer to begin.
    pub(super) fn waited_us(&self) -> u64 {
        self.first_byte_us.unwrap_or(self.duration_us)
    }
}
