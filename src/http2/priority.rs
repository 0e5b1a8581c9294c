//! What a client says of the order in which it wants answers (RFC 9218).

/// How urgent an answer is, and whether its beginning alone is of use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Priority {
    /// 0, the most urgent, to 7.
    pub urgency: u8,
    /// Whether parts of it are of use, so that it may take turns with others.
    pub incremental: bool,
}

impl Default for Priority {
    /// What holds where nothing is said (RFC 9218 §4).
    fn default() -> Self {
        Self {
            urgency: 3,
            incremental: false,
        }
    }
}

impl Priority {
    /// Reads a value of the `priority` field, or of PRIORITY_UPDATE. What is not understood is ignored, and where the whole is no
    /// dictionary the default holds (RFC 9218 §4, RFC 8941 §3.2).
    #[must_use]
    pub fn of(value: &[u8]) -> Self {
        read(value).unwrap_or_default()
    }
}

fn read(value: &[u8]) -> Option<Priority> {
    let mut priority = Priority::default();
    let mut rest = value.trim_ascii_start();
    while !rest.is_empty() {
        let key_end = rest.iter().position(|byte| !is_key(*byte)).unwrap_or(rest.len());
        let (key, behind) = rest.split_at(key_end);
        if !key
            .first()
            .is_some_and(|first| first.is_ascii_lowercase() || *first == b'*')
        {
            return None;
        }
        let member_end = end_of_member(behind)?;
        let (member, behind) = behind.split_at(member_end);
        // Parameters say nothing that is defined.
        let bare = &member[..end_of_bare(member)];
        match (key, bare) {
            (b"u", [b'=', digit @ b'0'..=b'7']) => priority.urgency = digit - b'0',
            (b"i", b"" | b"=?1") => priority.incremental = true,
            (b"i", b"=?0") => priority.incremental = false,
            _ => {}
        }
        rest = match behind {
            [b',', next @ ..] => Some(next.trim_ascii_start()).filter(|next| !next.is_empty())?,
            _ => behind,
        };
    }
    Some(priority)
}

fn is_key(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-' | b'.' | b'*')
}

/// Where a member's parameters begin.
fn end_of_bare(member: &[u8]) -> usize {
    let parameters = member.iter().position(|byte| *byte == b';');
    member[..parameters.unwrap_or(member.len())].trim_ascii_end().len()
}

/// The comma behind a member, or the end; commas in strings and lists of it are none. `None` if a string has no end.
fn end_of_member(bytes: &[u8]) -> Option<usize> {
    let (mut in_string, mut escaped, mut depth) = (false, false, 0u32);
    for (at, byte) in bytes.iter().enumerate() {
        if !matches!(byte, b' '..=b'~' | b'\t') {
            return None;
        }
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'(' => depth += 1,
            b')' => depth = depth.checked_sub(1)?,
            b',' if depth == 0 => return Some(at),
            _ => {}
        }
    }
    (!in_string && depth == 0).then_some(bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 9218 §4.
    #[test]
    fn urgency_and_incremental_are_read_and_the_rest_is_ignored() {
        let of = |value: &str| {
            let priority = Priority::of(value.as_bytes());
            (priority.urgency, priority.incremental)
        };
        for (value, expected) in [
            ("", (3, false)),
            ("u=0", (0, false)),
            ("u=7, i", (7, true)),
            ("i", (3, true)),
            ("i=?0", (3, false)),
            ("i=?1,u=1", (1, true)),
            ("u=5;a=b, i;x", (5, true)),
            ("u=1, u=6", (6, false)),
            ("x=\"a, u=0\", i", (3, true)),
            ("x=(u=0, 1), u=2", (2, false)),
            // Out of range, or of another type.
            ("u=8", (3, false)),
            ("u=-1", (3, false)),
            ("u=2.0", (3, false)),
            ("i=1", (3, false)),
            ("u", (3, false)),
            // No dictionary.
            ("u=0,", (3, false)),
            ("U=0", (3, false)),
            ("u=0, =", (3, false)),
            ("u=0, x=\"", (3, false)),
            ("u=0, x=)", (3, false)),
        ] {
            assert_eq!(of(value), expected, "{value}");
        }
    }

    /// A value that looks at all that is behind each of its members would take minutes here.
    #[test]
    fn e27_members_before_many_blanks_are_read_once() {
        let begun = tokio::time::Instant::now();
        let value = [b"a,".repeat(16_000), b"a".to_vec(), vec![b' '; 32_000]].concat();
        for _ in 0..100 {
            assert_eq!(Priority::of(&value), Priority::default());
        }
        assert!(begun.elapsed().as_secs() < 30, "{:?}", begun.elapsed());
    }
}
