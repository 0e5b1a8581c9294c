//! What names one exchange: in the log, to the app, and on error pages.

/// Names one exchange in logs, to the app, and on error pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RequestId(u64);

impl RequestId {
    /// For what belongs to no request.
    pub(crate) const NONE: Self = Self(0);

    /// The id of a number.
    pub(crate) fn new(number: u64) -> Self {
        Self(number)
    }

    /// 16 hex digits.
    pub(crate) fn text(self) -> [u8; 16] {
        let mut text = [0; 16];
        for (place, digit) in text.iter_mut().enumerate() {
            *digit = b"0123456789abcdef"[(self.0 >> (60 - 4 * place)) as usize & 15];
        }
        text
    }
}
