//! What is to say about a certificate's end. Pure.

use jiff::Timestamp;

/// A certificate that ends in fewer days than this is worth a look.
pub(crate) const SOON_DAYS: i64 = 14;

/// Whole days until a certificate's end (RFC 3339), negative after it; `None` for what is no time.
pub(crate) fn days_left(end: &str, now: Timestamp) -> Option<i64> {
    let end = end.parse::<Timestamp>().ok()?;
    Some((end.as_second() - now.as_second()).div_euclid(86_400))
}

/// Whether a host's certificate is the local CA's only because there is nothing better.
pub(crate) fn stands_in(issuer: &str, note: Option<&str>) -> bool {
    issuer == "local CA" && note.is_some()
}
