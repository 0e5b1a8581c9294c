//! Words and numbers as people read them. Pure.

use std::borrow::Cow;
use std::ffi::OsString;
use std::fmt::Write as _;

use crate::model::slot::{Address, Slot};
pub use crate::model::treacherous::escape;

/// Who rolled something back: a user, or nobody.
#[must_use]
pub(crate) fn doer(by: Option<&str>) -> Cow<'_, str> {
    by.map_or("itself".into(), escape)
}

/// Colour, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Style {
    /// Whether escape sequences may be written.
    pub color: bool,
}

impl Style {
    /// Colour only on a terminal, and not where `NO_COLOR` (<https://no-color.org>) or `TERM=dumb` forbid it.
    #[must_use]
    pub fn of(terminal: bool, variable: &dyn Fn(&str) -> Option<OsString>) -> Self {
        let no_color = variable("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = variable("TERM").is_some_and(|value| value == "dumb");
        Self {
            color: terminal && !no_color && !dumb,
        }
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.color {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }

    /// What matters most.
    #[must_use]
    pub fn bold(self, text: &str) -> String {
        self.paint("1", text)
    }

    /// What matters least.
    #[must_use]
    pub fn dim(self, text: &str) -> String {
        self.paint("2", text)
    }

    /// Well, and the green slot.
    #[must_use]
    pub fn green(self, text: &str) -> String {
        self.paint("32", text)
    }

    /// Broken.
    #[must_use]
    pub fn red(self, text: &str) -> String {
        self.paint("31", text)
    }

    /// To look at.
    #[must_use]
    pub fn yellow(self, text: &str) -> String {
        self.paint("33", text)
    }

    /// The blue slot.
    #[must_use]
    pub fn blue(self, text: &str) -> String {
        self.paint("34", text)
    }

    /// A heading.
    #[must_use]
    pub fn badge(self, text: &str) -> String {
        if self.color {
            self.paint("1;7", &format!(" {text} "))
        } else {
            format!(" {text} ")
        }
    }

    /// A slot in its own colour.
    #[must_use]
    pub fn slot(self, slot: Slot) -> String {
        self.of_slot(slot, slot.as_str())
    }

    /// Text in the colour of a slot.
    #[must_use]
    pub fn of_slot(self, slot: Slot, text: &str) -> String {
        match slot {
            Slot::Blue => self.blue(text),
            Slot::Green => self.green(text),
            Slot::Upstream => text.to_owned(),
        }
    }
}

/// At most this many characters of its end, where the folders of two versions differ; a cut is shown.
#[must_use]
pub fn fit_end(text: &str, width: usize) -> Cow<'_, str> {
    let length = text.chars().count();
    if length <= width {
        return Cow::Borrowed(text);
    }
    let end: String = text.chars().skip(length + 1 - width.min(length)).collect();
    Cow::Owned(format!("…{end}"))
}

/// How wide a column of these is, but for those of more than `most` characters, which stand out of it.
#[must_use]
pub fn widest<'t>(texts: impl Iterator<Item = &'t str>, most: usize) -> usize {
    let widths = texts.map(|text| text.chars().count());
    widths.filter(|width| *width <= most).max().unwrap_or(0)
}

/// At most this many characters; a cut is shown.
#[must_use]
pub fn fit(text: &str, width: usize) -> Cow<'_, str> {
    if text.chars().count() <= width {
        return Cow::Borrowed(text);
    }
    let mut cut: String = text.chars().take(width.saturating_sub(1)).collect();
    cut.push('…');
    Cow::Owned(cut)
}

/// At most this many characters of a line that may have colours; a cut is shown, and ends them.
#[must_use]
pub fn fit_painted(text: &str, width: usize) -> Cow<'_, str> {
    let mut in_escape = false;
    let visible = text.char_indices().filter(|&(_, character)| {
        let begins = character == '\x1b';
        let ends = in_escape && character == 'm';
        let is_visible = !in_escape && !begins;
        in_escape = (in_escape || begins) && !ends;
        is_visible
    });
    let places: Vec<usize> = visible.map(|(at, _)| at).collect();
    match places.get(width.saturating_sub(1)) {
        Some(&cut) if places.len() > width => Cow::Owned(format!("{}…\x1b[0m", &text[..cut])),
        Some(_) | None => Cow::Borrowed(text),
    }
}

/// `1,204`.
#[must_use]
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1,204 requests`, `1 request`.
#[must_use]
pub fn count(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", thousands(number), if number == 1 { one } else { many })
}

/// A period in milliseconds: `8 ms`, `1.2 s`, `30 s`, `5 min`, `2 h 3 min`, `3 d 4 h`.
#[must_use]
pub fn period(millis: u64) -> String {
    let seconds = millis / 1_000;
    let two = |big: u64, unit: &str, small: u64, small_unit: &str| match small {
        0 => format!("{big} {unit}"),
        _ => format!("{big} {unit} {small} {small_unit}"),
    };
    match seconds {
        0 => format!("{millis} ms"),
        1..=9 if millis % 1_000 >= 100 => format!("{seconds}.{} s", millis % 1_000 / 100),
        1..=119 => format!("{seconds} s"),
        120..=7_199 => two(seconds / 60, "min", seconds % 60, "s"),
        7_200..=172_799 => two(seconds / 3_600, "h", seconds / 60 % 60, "min"),
        _ => two(seconds / 86_400, "d", seconds / 3_600 % 24, "h"),
    }
}

/// A latency in microseconds: `0.4 ms`, `8 ms`, `1.2 s`.
#[must_use]
pub fn latency(micros: u64) -> String {
    let tenths = (micros + 50) / 100;
    match tenths {
        0..100 if !tenths.is_multiple_of(10) => format!("{}.{} ms", tenths / 10, tenths % 10),
        0..9_995 => format!("{} ms", (micros + 500) / 1_000),
        _ => period((micros + 500) / 1_000),
    }
}

/// `41 → 39 ms`: the unit is said once where both have the same.
#[must_use]
pub fn change(before: &str, after: &str) -> String {
    match (before.split_once(' '), after.split_once(' ')) {
        (Some((number, unit)), Some((_, same))) if unit == same => format!("{number} → {after}"),
        _ => format!("{before} → {after}"),
    }
}

/// A share as `0.0 %`.
#[must_use]
pub fn percent(part: u64, whole: u64) -> String {
    // Both are counts of requests: far below the 2^53 that an f64 holds exactly.
    #[expect(clippy::cast_precision_loss, reason = "a share with one decimal")]
    let share = if whole == 0 {
        0.0
    } else {
        part as f64 * 100.0 / whole as f64
    };
    format!("{share:.1} %")
}

/// Bytes as `28 MiB`.
#[must_use]
pub fn bytes(bytes: u64) -> String {
    const KIB: u64 = 1 << 10;
    const MIB: u64 = 1 << 20;
    const GIB: u64 = 1 << 30;
    match bytes {
        0..KIB => format!("{bytes} B"),
        KIB..MIB => format!("{} KiB", bytes / KIB),
        MIB..GIB => format!("{} MiB", bytes / MIB),
        GIB.. => format!("{}.{} GiB", bytes / GIB, bytes % GIB * 10 / GIB),
    }
}

/// An address in full. A folder is called by its path alone.
#[must_use]
pub fn address(address: &Address) -> String {
    match address.folder() {
        Some(folder) => escape(&folder.to_string_lossy()).into_owned(),
        None => escape(&address.to_string()).into_owned(),
    }
}

/// An address as it is called among neighbours: `:3000` on this machine.
#[must_use]
pub fn short_address(of: &Address) -> String {
    match of {
        Address::Port(port) => format!(":{port}"),
        Address::Tcp { host, port } if host == "127.0.0.1" => format!(":{port}"),
        Address::Tcp { .. } | Address::Unix(_) | Address::Folder(_) => address(of),
    }
}

/// Addresses, separated by commas.
#[must_use]
pub fn addresses(of: &[Address], shown: impl Fn(&Address) -> String) -> String {
    let mut text = String::new();
    for (index, one) in of.iter().enumerate() {
        let _ = write!(text, "{}{}", if index > 0 { ", " } else { "" }, shown(one));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_take_no_room_and_end_where_a_line_is_cut() {
        let painted = Style { color: true }.red("failed");
        assert_eq!(fit_painted(&painted, 6), painted);
        assert_eq!(fit_painted(&painted, 4), "\x1b[31mfai…\x1b[0m");
        assert_eq!(fit_painted("plain", 5), "plain");
        assert_eq!(fit_painted(&format!("ab {painted}"), 3), "ab…\x1b[0m");
    }
}
