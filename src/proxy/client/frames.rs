//! Where WebSocket frames begin and end (RFC 6455 §5.2), so that a tunnel can be ended between two of them (N20). Pure; the
//! payload is never looked at.

/// Follows one direction of a tunnel.
#[derive(Debug, Default)]
pub struct Frames {
    /// Header bytes of the frame that has begun.
    header: [u8; 14],
    header_len: usize,
    /// Payload bytes of it that are still to come.
    payload: u64,
    /// A Close frame has gone by.
    pub closed: bool,
}

impl Frames {
    /// Whether a frame could begin now.
    #[must_use]
    pub fn at_boundary(&self) -> bool {
        self.header_len == 0 && self.payload == 0
    }

    /// Follows `bytes` up to the next boundary, at most to their end; how many bytes that is. Never 0 for some bytes.
    pub fn advance(&mut self, bytes: &[u8]) -> usize {
        let mut taken = 0;
        if self.payload == 0 {
            while taken < bytes.len() && (self.header_len < 2 || self.header_len < self.header_size()) {
                self.header[self.header_len] = bytes[taken];
                self.header_len += 1;
                taken += 1;
            }
            if self.header_len < 2 || self.header_len < self.header_size() {
                return taken;
            }
            self.closed |= self.header[0] & 0x0f == 0x8;
            self.payload = self.payload_len();
            self.header_len = 0;
        }
        let rest = (bytes.len() - taken) as u64;
        let step = rest.min(self.payload);
        self.payload -= step;
        taken + usize::try_from(step).unwrap_or(usize::MAX)
    }

    /// Follows all of `bytes`.
    pub fn follow(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let n = self.advance(bytes);
            bytes = &bytes[n..];
        }
    }

    /// Needs the first two bytes.
    fn header_size(&self) -> usize {
        let extended = match self.header[1] & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        2 + extended + if self.header[1] & 0x80 == 0 { 0 } else { 4 }
    }

    fn payload_len(&self) -> u64 {
        match self.header[1] & 0x7f {
            126 => u64::from(u16::from_be_bytes([self.header[2], self.header[3]])),
            127 => {
                let mut bytes = [0; 8];
                bytes.copy_from_slice(&self.header[2..10]);
                u64::from_be_bytes(bytes)
            }
            short => u64::from(short),
        }
    }
}

/// Close 1012, "service restart" (RFC 6455 §5.5.1; the code is IANA's), as the app's side sends it.
pub(crate) const CLOSE_TO_CLIENT: &[u8] = &[0x88, 0x02, 0x03, 0xf4];

/// Close 1012 as a client sends it: masked, with a key that is no secret here.
pub(crate) fn close_to_app(key: [u8; 4]) -> [u8; 8] {
    [0x88, 0x82, key[0], key[1], key[2], key[3], 0x03 ^ key[0], 0xf4 ^ key[1]]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(opcode: u8, len: usize, masked: bool) -> Vec<u8> {
        let mask = if masked { 0x80 } else { 0 };
        let mut bytes = vec![0x80 | opcode];
        match len {
            0..126 => bytes.push(mask | u8::try_from(len).unwrap()),
            126..65_536 => {
                bytes.push(mask | 126);
                bytes.extend(u16::try_from(len).unwrap().to_be_bytes());
            }
            _ => {
                bytes.push(mask | 127);
                bytes.extend((len as u64).to_be_bytes());
            }
        }
        bytes.extend(std::iter::repeat_n(0, if masked { 4 } else { 0 } + len));
        bytes
    }

    #[test]
    fn n20_boundaries_are_found_however_the_bytes_are_split() {
        for (len, masked) in [
            (0, false),
            (5, true),
            (125, false),
            (126, true),
            (65_535, false),
            (70_000, true),
        ] {
            let bytes = frame(1, len, masked);
            for split in [1, 2, 3, 7, bytes.len() / 2, bytes.len() - 1] {
                let mut frames = Frames::default();
                frames.follow(&bytes[..split.min(bytes.len() - 1)]);
                assert!(!frames.at_boundary(), "{len} {masked} {split}");
                let rest = [&bytes[split.min(bytes.len() - 1)..], &frame(2, 1, masked)[..1]].concat();
                assert_eq!(frames.advance(&rest), rest.len() - 1);
                assert!(frames.at_boundary() && !frames.closed);
            }
        }
    }

    #[test]
    fn a_close_frame_is_noticed() {
        let mut frames = Frames::default();
        frames.follow(&[&frame(1, 3, true)[..], &close_to_app([1, 2, 3, 4])].concat());
        assert!(frames.closed && frames.at_boundary());
        let mut frames = Frames::default();
        frames.follow(CLOSE_TO_CLIENT);
        assert!(frames.closed && frames.at_boundary());
    }
}
