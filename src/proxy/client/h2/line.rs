//! What is on its way to one HTTP/2 client: frames, in the order in which they were made.

use std::io;

use crate::proxy::stock::buffers::Out;

/// Beyond so many bytes, no stream adds to what waits.
const FULL: usize = 64 * 1024;

/// With so many bytes more of acknowledgements, updates and resets that a client does not take, nothing more is read of it (E27).
const CHOKED: usize = FULL + 64 * 1024;

/// Bytes that have left are dropped once there are so many of them.
const DROPPED: usize = 16 * 1024;

/// Frames on their way. Empty, it holds no buffer.
#[derive(Debug, Default)]
pub(crate) struct Line(Option<Out>);

impl Line {
    /// Where frames are appended.
    pub(crate) fn frames(&mut self) -> &mut Vec<u8> {
        &mut self.0.get_or_insert_with(Out::new).bytes
    }

    /// What is to be written.
    pub(crate) fn rest(&self) -> &[u8] {
        self.0.as_ref().map_or(b"", Out::rest)
    }

    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.rest().is_empty()
    }

    /// Bytes that a stream may add.
    pub(crate) fn room(&self) -> usize {
        FULL.saturating_sub(self.rest().len())
    }

    /// Whether the client has to take what it was told before more is read of it.
    pub(crate) fn is_choked(&self) -> bool {
        self.rest().len() > CHOKED
    }

    /// So many bytes have left.
    ///
    /// # Errors
    /// When they are none: the client takes no more.
    pub(crate) fn wrote(&mut self, bytes: usize) -> io::Result<()> {
        if bytes == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        if let Some(out) = &mut self.0 {
            out.wrote(bytes);
        }
        self.give_back();
        Ok(())
    }

    /// Gives memory back that nothing needs.
    pub(crate) fn give_back(&mut self) {
        let Some(out) = &mut self.0 else { return };
        let (waits, left) = (out.rest().len(), out.bytes.len() - out.rest().len());
        if waits == 0 {
            self.0 = None;
        } else if left > DROPPED && left > waits {
            out.drop_written();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e27_what_has_left_is_not_kept_while_more_waits() {
        let (mut line, mut sent, mut seen) = (Line::default(), Vec::new(), Vec::new());
        for n in 0..1000_u16 {
            let frame = [n as u8; 1000];
            line.frames().extend_from_slice(&frame);
            sent.extend(frame);
            let taken = line.rest().len().min(990);
            seen.extend_from_slice(&line.rest()[..taken]);
            line.wrote(taken).unwrap();
            let held = line.frames().len();
            assert!(held <= DROPPED + 2 * line.rest().len() + 1000, "{held}");
        }
        seen.extend_from_slice(line.rest());
        assert!(seen == sent, "bytes are lost, or in another order");
        line.wrote(line.rest().len()).unwrap();
        assert!(line.is_empty() && line.0.is_none());
    }

    #[test]
    fn e27_streams_wait_for_room_and_then_the_client_does() {
        let mut line = Line::default();
        assert_eq!(line.room(), FULL);
        line.frames().extend_from_slice(&[1; FULL]);
        assert!(line.room() == 0 && !line.is_choked());
        line.frames().extend_from_slice(&[1; CHOKED]);
        assert!(line.is_choked());
        assert!(line.wrote(0).is_err());
    }
}
