//! An answer as the daemon itself hears it, without a connection to its client.

/// What an [`Answer`] keeps of a body.
pub(crate) const BODY: usize = 64 * 1024;

/// An answer to a question of the daemon.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Names in lower case, and values.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The first 64 KiB of the body.
    pub body: Vec<u8>,
}
