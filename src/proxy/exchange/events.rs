//! Where in an event stream one event ends and the next begins: a line ends with CRLF, LF or CR, and an empty line ends an event (HTML
//! Standard, 9.2.5).

/// How what was passed on ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tail {
    /// With an empty line, or nothing was passed on.
    Event,
    /// Within a line.
    Text,
    /// With the CR of a line, whose LF may follow.
    Cr,
    /// With the LF of a line.
    Lf,
    /// With the CR of an empty line, behind one that an LF has ended: most likely its LF follows.
    EmptyCr,
}

/// So many bytes hold every boundary, whatever stands before them (CR LF CR LF).
const LONGEST: usize = 4;

impl Tail {
    /// How it ends with these bytes behind it. Looks at the last few of them.
    pub(crate) fn with(self, bytes: &[u8]) -> Self {
        match bytes.len().checked_sub(LONGEST) {
            Some(start) => bytes[start..]
                .iter()
                .fold(Self::Text, |tail, byte| tail.with_byte(*byte)),
            None => bytes.iter().fold(self, |tail, byte| tail.with_byte(*byte)),
        }
    }

    /// Behind how many of these bytes an event ends first.
    pub(crate) fn first_event(self, bytes: &[u8]) -> Option<usize> {
        let mut tail = self;
        let last = bytes.iter().position(|byte| {
            tail = tail.with_byte(*byte);
            tail == Self::Event
        })?;
        // Readers that wait for the LF behind a CR would not see the event.
        let is_split = bytes[last] == b'\r' && bytes.get(last + 1) == Some(&b'\n');
        Some(last + 1 + usize::from(is_split))
    }

    fn with_byte(self, byte: u8) -> Self {
        match (self, byte) {
            (Self::Text, b'\r') => Self::Cr,
            (Self::Text | Self::Cr, b'\n') => Self::Lf,
            (Self::Lf, b'\r') => Self::EmptyCr,
            (Self::Cr | Self::EmptyCr | Self::Event, b'\r') | (Self::Lf | Self::EmptyCr | Self::Event, b'\n') => {
                Self::Event
            }
            _ => Self::Text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn n20_lines_end_with_lf_crlf_or_cr_and_an_empty_one_ends_an_event() {
        for (bytes, expected) in [
            ("data: 1\n\n", Tail::Event),
            ("data: 1\r\n\r\n", Tail::Event),
            ("data: 1\r\r", Tail::Event),
            ("data: 1\r\r\n", Tail::Event),
            ("data: 1\n\r\n", Tail::Event),
            ("data: 1\r\n\n", Tail::Event),
            ("data: 1\n\n\r", Tail::Event),
            ("data: 1", Tail::Text),
            ("data: 1\n\ndata", Tail::Text),
            ("data: 1\r", Tail::Cr),
            ("data: 1\n", Tail::Lf),
            ("data: 1\r\n", Tail::Lf),
            ("data: 1\r\n\r", Tail::EmptyCr),
            ("data: 1\r\n\rdata", Tail::Text),
        ] {
            assert_eq!(Tail::Text.with(bytes.as_bytes()), expected, "{bytes:?}");
        }
        assert_eq!(Tail::Event.with(b""), Tail::Event);
    }

    #[test]
    fn n20_an_events_end_is_seen_across_pieces_of_every_length() {
        // Every text of seven bytes, in every two pieces.
        for number in 0..3_usize.pow(7) {
            let text: Vec<u8> = (0..7).map(|at| b"\r\nx"[number / 3_usize.pow(at) % 3]).collect();
            let whole = text.iter().fold(Tail::Event, |tail, byte| tail.with_byte(*byte));
            for at in 0..=text.len() {
                let (before, behind) = text.split_at(at);
                assert_eq!(Tail::Event.with(before).with(behind), whole, "{text:?} at {at}");
            }
        }
    }

    #[test]
    fn n20_a_stream_ends_behind_the_whole_end_of_an_event() {
        for (before, bytes, expected) in [
            (Tail::Text, "1\n\ndata: 2\n\n", Some(3)),
            (Tail::Text, "1\r\n\r\ndata: 2\r\n\r\n", Some(5)),
            (Tail::Text, "1\r\rdata: 2\r\r", Some(3)),
            (Tail::Text, "1\r\r\ndata", Some(4)),
            (Tail::Cr, "\n\r\ndata", Some(3)),
            (Tail::EmptyCr, "\ndata", Some(1)),
            (Tail::Lf, "\r", None),
            (Tail::Event, "data: 1\n", None),
        ] {
            assert_eq!(before.first_event(bytes.as_bytes()), expected, "{before:?}, {bytes:?}");
        }
    }
}
