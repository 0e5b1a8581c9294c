//! SETTINGS: what each side says of itself (RFC 9113 §6.5, RFC 8441 §3, RFC 9218 §2.1).

use super::error::{Broken, Code};
use super::frame::{self, Kind, MAX_WINDOW};

/// A window before anybody has said another (RFC 9113 §6.9.2).
pub const DEFAULT_WINDOW: u32 = 65_535;

/// Bytes of a frame that everybody takes (RFC 9113 §4.2).
pub const MIN_FRAME_SIZE: u32 = 16_384;

/// The largest that may be allowed (RFC 9113 §6.5.2).
pub const MAX_FRAME_SIZE: u32 = (1 << 24) - 1;

/// Bytes of a dynamic table before anybody has said another (RFC 9113 §6.5.2).
pub const DEFAULT_TABLE_SIZE: u32 = 4096;

mod id {
    pub(super) const HEADER_TABLE_SIZE: u16 = 0x1;
    pub(super) const ENABLE_PUSH: u16 = 0x2;
    pub(super) const MAX_CONCURRENT_STREAMS: u16 = 0x3;
    pub(super) const INITIAL_WINDOW_SIZE: u16 = 0x4;
    pub(super) const MAX_FRAME_SIZE: u16 = 0x5;
    pub(super) const MAX_HEADER_LIST_SIZE: u16 = 0x6;
    pub(super) const ENABLE_CONNECT_PROTOCOL: u16 = 0x8;
    pub(super) const NO_RFC7540_PRIORITIES: u16 = 0x9;
}

/// What one side has said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Bytes of the table that its decoder keeps.
    pub header_table_size: u32,
    /// Whether it takes pushed responses.
    pub enable_push: bool,
    /// Streams that the other side may have open.
    pub max_concurrent_streams: Option<u32>,
    /// What each stream may send before there is an update.
    pub initial_window_size: u32,
    /// Bytes of the largest payload that it takes.
    pub max_frame_size: u32,
    /// Bytes of the largest field list that it takes, which is advice.
    pub max_header_list_size: Option<u32>,
    /// Whether it takes CONNECT with `:protocol` (RFC 8441).
    pub enable_connect_protocol: bool,
    /// Whether it has left the priorities of RFC 7540 behind (RFC 9218).
    pub no_rfc7540_priorities: bool,
}

impl Default for Settings {
    /// What holds before anything was said (RFC 9113 §6.5.2).
    fn default() -> Self {
        Self {
            header_table_size: DEFAULT_TABLE_SIZE,
            enable_push: true,
            max_concurrent_streams: None,
            initial_window_size: DEFAULT_WINDOW,
            max_frame_size: MIN_FRAME_SIZE,
            max_header_list_size: None,
            enable_connect_protocol: false,
            no_rfc7540_priorities: false,
        }
    }
}

impl Settings {
    /// Takes what a SETTINGS frame says, in its order. Settings that nobody knows are ignored (RFC 9113 §6.5.2).
    ///
    /// # Errors
    /// When the payload or a value may not be: a connection error. Then some of it may have been taken.
    pub fn apply(&mut self, payload: &[u8]) -> Result<(), Broken> {
        if !payload.len().is_multiple_of(6) {
            return Err(Broken::size("SETTINGS is no multiple of 6 bytes"));
        }
        for (id, value) in entries(payload) {
            self.set(id, value)?;
        }
        Ok(())
    }

    /// The table sizes that a payload names, in its order: the smallest counts too (RFC 7541 §4.2).
    pub(super) fn table_sizes(payload: &[u8]) -> impl Iterator<Item = u32> {
        let sizes = entries(payload).filter(|(id, _)| *id == id::HEADER_TABLE_SIZE);
        sizes.map(|(_, size)| size)
    }

    fn set(&mut self, id: u16, value: u32) -> Result<(), Broken> {
        match id {
            id::HEADER_TABLE_SIZE => self.header_table_size = value,
            id::ENABLE_PUSH => self.enable_push = flag(value)?,
            id::MAX_CONCURRENT_STREAMS => self.max_concurrent_streams = Some(value),
            id::INITIAL_WINDOW_SIZE if value > MAX_WINDOW => {
                let why = "SETTINGS_INITIAL_WINDOW_SIZE is too large";
                return Err(Broken::new(Code::FLOW_CONTROL_ERROR, why));
            }
            id::INITIAL_WINDOW_SIZE => self.initial_window_size = value,
            id::MAX_FRAME_SIZE if !(MIN_FRAME_SIZE..=MAX_FRAME_SIZE).contains(&value) => {
                return Err(Broken::protocol("SETTINGS_MAX_FRAME_SIZE is out of range"));
            }
            id::MAX_FRAME_SIZE => self.max_frame_size = value,
            id::MAX_HEADER_LIST_SIZE => self.max_header_list_size = Some(value),
            id::ENABLE_CONNECT_PROTOCOL => {
                let enabled = flag(value)?;
                if self.enable_connect_protocol && !enabled {
                    // RFC 8441 §3.
                    return Err(Broken::protocol("SETTINGS_ENABLE_CONNECT_PROTOCOL was taken back"));
                }
                self.enable_connect_protocol = enabled;
            }
            id::NO_RFC7540_PRIORITIES => self.no_rfc7540_priorities = flag(value)?,
            _ => {}
        }
        Ok(())
    }

    /// Appends the frame that says what differs from the default.
    pub fn write(&self, out: &mut Vec<u8>) {
        let usual = Self::default();
        let entries = [
            (
                id::HEADER_TABLE_SIZE,
                Some(self.header_table_size),
                Some(usual.header_table_size),
            ),
            (id::ENABLE_PUSH, Some(self.enable_push.into()), Some(1)),
            (id::MAX_CONCURRENT_STREAMS, self.max_concurrent_streams, None),
            (
                id::INITIAL_WINDOW_SIZE,
                Some(self.initial_window_size),
                Some(usual.initial_window_size),
            ),
            (
                id::MAX_FRAME_SIZE,
                Some(self.max_frame_size),
                Some(usual.max_frame_size),
            ),
            (id::MAX_HEADER_LIST_SIZE, self.max_header_list_size, None),
            (
                id::ENABLE_CONNECT_PROTOCOL,
                Some(self.enable_connect_protocol.into()),
                Some(0),
            ),
            (
                id::NO_RFC7540_PRIORITIES,
                Some(self.no_rfc7540_priorities.into()),
                Some(0),
            ),
        ];
        let said = entries.iter().filter(|(_, value, usual)| value != usual);
        let said = said.filter_map(|(id, value, _)| value.map(|value| (*id, value)));
        frame::head(out, 6 * said.clone().count(), Kind::SETTINGS, 0, 0);
        for (id, value) in said {
            out.extend_from_slice(&id.to_be_bytes());
            out.extend_from_slice(&value.to_be_bytes());
        }
    }
}

/// What a payload sets: which setting, and its value.
fn entries(payload: &[u8]) -> impl Iterator<Item = (u16, u32)> {
    let (entries, _) = payload.as_chunks::<6>();
    let entries = entries.iter();
    entries.map(|[a, b, value @ ..]| (u16::from_be_bytes([*a, *b]), u32::from_be_bytes(*value)))
}

fn flag(value: u32) -> Result<bool, Broken> {
    match value {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(Broken::protocol("a setting that is 0 or 1 is neither")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(id: u16, value: u32) -> Vec<u8> {
        [&id.to_be_bytes()[..], &value.to_be_bytes()].concat()
    }

    fn refused(id: u16, value: u32) -> Code {
        Settings::default().apply(&entry(id, value)).unwrap_err().code
    }

    /// RFC 9113 §6.5.2.
    #[test]
    fn values_out_of_range_are_connection_errors() {
        assert_eq!(refused(2, 2), Code::PROTOCOL_ERROR);
        assert_eq!(refused(4, 1 << 31), Code::FLOW_CONTROL_ERROR);
        assert_eq!(refused(5, 16_383), Code::PROTOCOL_ERROR);
        assert_eq!(refused(5, 1 << 24), Code::PROTOCOL_ERROR);
        // RFC 8441 §3, RFC 9218 §2.1.
        assert_eq!(refused(8, 2), Code::PROTOCOL_ERROR);
        assert_eq!(refused(9, 2), Code::PROTOCOL_ERROR);
        let mut settings = Settings::default();
        settings.apply(&entry(8, 1)).unwrap();
        assert_eq!(settings.apply(&entry(8, 0)).unwrap_err().code, Code::PROTOCOL_ERROR);
    }

    /// RFC 9113 §6.5.
    #[test]
    fn a_length_that_is_no_multiple_of_six_is_a_frame_size_error() {
        for length in [1, 5, 7, 11] {
            let payload = vec![0; length];
            assert_eq!(
                Settings::default().apply(&payload).unwrap_err().code,
                Code::FRAME_SIZE_ERROR
            );
        }
    }

    /// RFC 9113 §6.5.2: also GREASE (RFC 8701 in spirit).
    #[test]
    fn settings_that_nobody_knows_are_ignored() {
        let mut settings = Settings::default();
        let payload = [entry(0, 7), entry(7, 7), entry(0x0a0a, 1), entry(0xfafa, u32::MAX)].concat();
        settings.apply(&payload).unwrap();
        assert_eq!(settings, Settings::default());
    }

    #[test]
    fn the_last_value_of_a_setting_holds_and_what_is_written_is_read_again() {
        let mut settings = Settings::default();
        settings.apply(&[entry(4, 1), entry(4, 2)].concat()).unwrap();
        assert_eq!(settings.initial_window_size, 2);
        let said = Settings {
            header_table_size: 0,
            enable_push: false,
            max_concurrent_streams: Some(256),
            initial_window_size: MAX_WINDOW,
            max_frame_size: 20_000,
            max_header_list_size: Some(0),
            enable_connect_protocol: true,
            no_rfc7540_priorities: true,
        };
        let mut out = Vec::new();
        said.write(&mut out);
        assert_eq!(out[..9], [0, 0, 48, 4, 0, 0, 0, 0, 0]);
        let mut read = Settings::default();
        read.apply(&out[9..]).unwrap();
        assert_eq!(read, said);
        out.clear();
        Settings::default().write(&mut out);
        assert_eq!(out, [0, 0, 0, 4, 0, 0, 0, 0, 0]);
    }
}
