//! Where the frames of a connection begin (RFC 9113 §4.1): their heads, out of bytes that come in pieces of any size.

/// Bytes of a frame's head.
const HEAD: usize = 9;
/// Bytes that a client sends before its first frame (RFC 9113 §3.4).
const PREFACE: u32 = 24;

/// What is known of a frame by its head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FrameHead {
    pub(crate) kind: u8,
    pub(crate) stream: u32,
}

/// Kinds of frames (RFC 9113 §6).
impl FrameHead {
    pub(crate) const DATA: u8 = 0;
    pub(crate) const HEADERS: u8 = 1;
    pub(crate) const WINDOW_UPDATE: u8 = 8;
    pub(crate) const CONTINUATION: u8 = 9;
}

/// Follows a client's bytes from head to head.
#[derive(Debug)]
pub(crate) struct FrameHeads {
    head: [u8; HEAD],
    /// Bytes of it that are known.
    known: usize,
    /// Bytes that come before the next head.
    skipped: u32,
}

impl FrameHeads {
    /// At the beginning of a connection.
    pub(crate) fn at_the_preface() -> Self {
        Self {
            head: [0; HEAD],
            known: 0,
            skipped: PREFACE,
        }
    }

    /// Takes bytes as they come, and shows each head that they complete.
    pub(crate) fn read(&mut self, mut bytes: &[u8], mut show: impl FnMut(FrameHead)) {
        while !bytes.is_empty() {
            if self.skipped > 0 {
                let skipped = bytes.len().min(self.skipped as usize);
                bytes = &bytes[skipped..];
                self.skipped -= skipped as u32;
                continue;
            }
            let taken = bytes.len().min(HEAD - self.known);
            self.head[self.known..self.known + taken].copy_from_slice(&bytes[..taken]);
            bytes = &bytes[taken..];
            self.known += taken;
            if self.known == HEAD {
                self.known = 0;
                let [a, b, c, kind, _flags, stream @ ..] = self.head;
                self.skipped = u32::from_be_bytes([0, a, b, c]);
                // The first bit is reserved.
                let stream = u32::from_be_bytes(stream) & (u32::MAX >> 1);
                show(FrameHead { kind, stream });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_found_in_pieces_of_any_size() {
        let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        // SETTINGS of nothing, HEADERS of 3 bytes that look like a head, DATA of 300, PING.
        bytes.extend([0, 0, 0, 4, 0, 0, 0, 0, 0]);
        bytes.extend([0, 0, 3, 1, 5, 0x80, 0, 0, 7, 0, 0, 0]);
        bytes.extend([0, 1, 44, 0, 0, 0, 0, 1, 2]);
        bytes.extend([1; 300]);
        bytes.extend([0, 0, 8, 6, 0, 0, 0, 0, 0]);
        let expected = [(4, 0), (1, 7), (0, 258), (6, 0)].map(|(kind, stream)| FrameHead { kind, stream });
        for size in 1..=bytes.len() {
            let (mut heads, mut seen) = (FrameHeads::at_the_preface(), Vec::new());
            for piece in bytes.chunks(size) {
                heads.read(piece, |head| seen.push(head));
            }
            assert_eq!(seen, expected, "in pieces of {size}");
        }
    }
}
