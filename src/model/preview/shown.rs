//! Which token a request shows, of those that it carries.

use super::cookie::values;

/// What a request shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Showing<'r> {
    /// Nothing that counts: it is for what serves everybody.
    Nothing,
    /// A token in a cookie: without a preview it is for what serves everybody.
    Cookie(&'r [u8]),
    /// A token in `X-Greengate-Preview`, or something in its place: it is for a preview or for nobody, because a script that tries a new
    /// version must not reach the live one instead.
    Field(&'r [u8]),
}

/// Takes note of a request's fields, one after the other.
#[derive(Debug, Default)]
pub struct Shown<'r> {
    cookies: usize,
    cookie: &'r [u8],
    fields: usize,
    field: &'r [u8],
}

impl<'r> Shown<'r> {
    /// A field `X-Greengate-Preview`.
    pub fn note_field(&mut self, value: &'r [u8]) {
        self.fields += 1;
        self.field = value;
    }

    /// A field `Cookie`; over HTTP/2 there may be several.
    pub fn note_cookies(&mut self, field: &'r [u8]) {
        for value in values(field) {
            self.cookies += 1;
            self.cookie = value;
        }
    }

    /// What counts. A field wins over a cookie; of two of a kind nobody knows which one is meant, and neither counts.
    #[must_use]
    pub fn showing(&self) -> Showing<'r> {
        match (self.fields, self.cookies) {
            (1, _) => Showing::Field(self.field),
            (0, 1) => Showing::Cookie(self.cookie),
            (0, _) => Showing::Nothing,
            (_, _) => Showing::Field(b""),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn n33_one_token_counts_and_of_two_none_does() {
        let showing = |fields: &[&'static str], cookies: &[&'static str]| {
            let mut shown = Shown::default();
            fields.iter().for_each(|value| shown.note_field(value.as_bytes()));
            cookies.iter().for_each(|value| shown.note_cookies(value.as_bytes()));
            shown.showing()
        };
        let cookie = "a=1; __Host-greengate-preview=c";
        assert_eq!(showing(&[], &[]), Showing::Nothing);
        assert_eq!(showing(&[], &["a=1", cookie]), Showing::Cookie(b"c"));
        assert_eq!(showing(&["f"], &[cookie]), Showing::Field(b"f"));
        assert_eq!(showing(&[], &[cookie, cookie]), Showing::Nothing);
        assert_eq!(showing(&["f", "f"], &[cookie]), Showing::Field(b""));
    }
}
