//! Which encoding an answer gets: what the client accepts, in its order of preference, of what the file offers (RFC 9110 §12.5.3).

use std::cmp::Reverse;

use smallvec::SmallVec;

/// A content coding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// RFC 8878.
    Zstd,
    /// RFC 7932.
    Brotli,
    /// RFC 1952.
    Gzip,
}

impl Encoding {
    /// Every one, the best first.
    pub const ALL: [Self; 3] = [Self::Zstd, Self::Brotli, Self::Gzip];

    /// The name, as `Content-Encoding` has it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Zstd => "zstd",
            Self::Brotli => "br",
            Self::Gzip => "gzip",
        }
    }

    /// The one of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|encoding| encoding.name() == name)
    }

    /// As clients write it, in any case; `x-gzip` is an old name of gzip (RFC 9110 §8.4.1.3).
    fn of(written: &[u8]) -> Option<Self> {
        let is = |encoding: &Self| written.eq_ignore_ascii_case(encoding.name().as_bytes());
        let old = || written.eq_ignore_ascii_case(b"x-gzip").then_some(Self::Gzip);
        Self::ALL.into_iter().find(is).or_else(old)
    }
}

/// `compress`: how answers are encoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compress {
    /// What clients are offered, at least one; of what they like alike they get the first.
    pub encodings: Vec<Encoding>,
    /// Whether an answer that sets a cookie to a request with a query is left as it is: a page that repeats what its address says
    /// could give a secret away by its length (BREACH).
    pub strict: bool,
}

impl Compress {
    /// The offer that a client likes best; `None` where it would rather have the answer as it is. `accepted` are the values of its
    /// `Accept-Encoding` fields.
    pub fn choose<'v>(&self, accepted: impl Iterator<Item = &'v [u8]>) -> Option<Encoding> {
        let mut all = Accepted::default();
        accepted.for_each(|value| all.note(value));
        all.ranked(&self.encodings).first().copied()
    }
}

/// What a client accepts: the weights that it gives, in thousandths; 0 is "not at all".
#[derive(Debug, Default)]
pub struct Accepted {
    /// In the order of [`Encoding::ALL`].
    encodings: [Option<u16>; 3],
    identity: Option<u16>,
    /// `*`: of what is not named.
    others: Option<u16>,
}

impl Accepted {
    /// Takes note of the value of an `Accept-Encoding` field.
    pub fn note(&mut self, value: &[u8]) {
        value
            .split(|byte| *byte == b',')
            .for_each(|entry| self.note_entry(entry));
    }

    /// Those of the offers that the client would rather have than the answer as it is, the best first; of what it likes alike, in the
    /// order of the offers.
    #[must_use]
    pub fn ranked(&self, offers: &[Encoding]) -> SmallVec<[Encoding; 3]> {
        // As it is, an answer is liked only where the client says so.
        let least = self.identity.unwrap_or(0).max(1);
        let liked = offers.iter().copied().filter(|offer| self.of(*offer) >= least);
        let mut ranked = liked.collect::<SmallVec<[Encoding; 3]>>();
        ranked.sort_by_key(|offer| Reverse(self.of(*offer)));
        ranked
    }

    fn note_entry(&mut self, entry: &[u8]) {
        let mut parts = entry.split(|byte| *byte == b';');
        let name = parts.next().unwrap_or_default().trim_ascii();
        let weight = parts.map(|part| weight(part.trim_ascii())).next().unwrap_or(1000);
        let slot = match Encoding::of(name) {
            Some(encoding) => &mut self.encodings[encoding as usize],
            None if name == b"*" => &mut self.others,
            None if name.eq_ignore_ascii_case(b"identity") => &mut self.identity,
            None => return,
        };
        // Who says it twice gets the first word.
        slot.get_or_insert(weight);
    }

    fn of(&self, encoding: Encoding) -> u16 {
        self.encodings[encoding as usize].or(self.others).unwrap_or(0)
    }
}

/// `q=0.8` → 800 (RFC 9110 §12.4.2). What is no weight counts as "not at all".
fn weight(written: &[u8]) -> u16 {
    let Some((b'q' | b'Q', rest)) = written.split_first() else {
        return 0;
    };
    let value = match rest.trim_ascii_start().split_first() {
        Some((b'=', value)) => value.trim_ascii_start(),
        Some(_) | None => return 0,
    };
    let (whole, digits) = match value {
        [whole] | [whole, b'.'] => (*whole, &b""[..]),
        [whole, b'.', digits @ ..] if digits.len() <= 3 => (*whole, digits),
        _ => return 0,
    };
    if !digits.iter().all(u8::is_ascii_digit) {
        return 0;
    }
    let thousandths = digits.iter().chain(b"000").take(3);
    let part = thousandths.fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0'));
    match whole {
        b'0' => part,
        b'1' if part == 0 => 1000,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(accepted: &[&str]) -> &'static str {
        let all = Compress {
            encodings: Encoding::ALL.to_vec(),
            strict: false,
        };
        let encoding = all.choose(accepted.iter().map(|value| value.as_bytes()));
        encoding.map_or("as it is", Encoding::name)
    }

    #[test]
    fn a_client_gets_what_it_likes_best_and_of_equals_the_best() {
        for (accepted, expected) in [
            ("gzip", "gzip"),
            ("gzip, deflate, br, zstd", "zstd"),
            ("gzip, br", "br"),
            ("zstd;q=0.1, gzip;q=0.5, br;q=0.4", "gzip"),
            ("GZIP ; Q=0.5 , Br;q=0.499", "gzip"),
            ("x-gzip", "gzip"),
            ("*", "zstd"),
            ("*, zstd;q=0", "br"),
            ("gzip;q=0.2, *;q=0.1", "gzip"),
            ("gzip;q=1.000", "gzip"),
            ("gzip, gzip;q=0", "gzip"),
            ("identity;q=0", "as it is"),
            ("identity;q=0, *;q=0", "as it is"),
            ("identity;q=0.5, gzip", "gzip"),
            ("identity, gzip;q=0.5", "as it is"),
            ("identity, gzip", "gzip"),
            ("", "as it is"),
            ("deflate, compress, sdch", "as it is"),
            ("gzip;q=0", "as it is"),
            ("*;q=0", "as it is"),
            ("gzip;q=0.000, br;q=0.001", "br"),
        ] {
            assert_eq!(chosen(&[accepted]), expected, "{accepted}");
        }
        assert_eq!(chosen(&[]), "as it is");
        assert_eq!(chosen(&["gzip;q=0.5", "br"]), "br");
    }

    #[test]
    fn what_is_no_weight_is_no_wish() {
        for accepted in [
            "gzip;q=",
            "gzip;q",
            "gzip;q=2",
            "gzip;q=1.1",
            "gzip;q=0.1234",
            "gzip;q=-1",
            "gzip;q=0,5",
            "gzip;q=a",
            "gzip;level=5",
            "gzip;q=.5",
            "gzip;q=0.5x",
            "gzip br",
        ] {
            assert_eq!(chosen(&[accepted]), "as it is", "{accepted}");
        }
    }

    #[test]
    fn only_what_is_offered_is_chosen() {
        let gzip = Compress {
            encodings: vec![Encoding::Gzip],
            strict: false,
        };
        assert_eq!(
            gzip.choose([&b"zstd, br, gzip;q=0.1"[..]].into_iter()),
            Some(Encoding::Gzip)
        );
        assert_eq!(gzip.choose([&b"zstd, br"[..]].into_iter()), None);
        let ours = Compress {
            encodings: vec![Encoding::Brotli, Encoding::Zstd],
            strict: false,
        };
        assert_eq!(
            ours.choose([&b"gzip, br, zstd"[..]].into_iter()),
            Some(Encoding::Brotli)
        );
    }

    #[test]
    fn ten_thousand_entries_are_read_once() {
        let many = format!(
            "{}gzip;q=0.3,{}br;q=0.2",
            "x-unknown;q=0.5,".repeat(5000),
            ",".repeat(5000)
        );
        assert_eq!(chosen(&[&many]), "gzip");
    }
}
