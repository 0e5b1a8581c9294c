//! Heads and chunks onto the wire.

/// Appends `name: value CRLF`.
pub fn field(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    let _ = (out, name, value);
    todo!()
}

/// Appends a number in decimal.
pub fn decimal(out: &mut Vec<u8>, number: u64) {
    let _ = (out, number);
    todo!()
}

/// Appends the status line; an empty `reason` becomes the standard phrase of the status.
pub fn status_line(out: &mut Vec<u8>, status: u16, reason: &[u8]) {
    let _ = (out, status, reason);
    todo!()
}

/// Appends a chunk's size line; the data and CRLF follow.
pub fn chunk_size(out: &mut Vec<u8>, len: usize) {
    let _ = (out, len);
    todo!()
}

/// Appends the last chunk with its trailer section (field lines, each ended by CRLF; may be empty).
pub fn last_chunk(out: &mut Vec<u8>, trailers: &[u8]) {
    let _ = (out, trailers);
    todo!()
}
