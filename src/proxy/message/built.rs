//! A head that we have built for an app, read again where no app gets it.

/// The target: what an app sees of path and query.
pub(crate) fn target(head: &[u8]) -> &[u8] {
    let mut words = head.split(|byte| *byte == b' ');
    words.nth(1).unwrap_or_default()
}

/// Every field: its name in whatever case, and its value.
pub(crate) fn fields(head: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut rest = head;
    std::iter::from_fn(move || {
        let start = memchr::memchr(b'\n', rest)? + 1;
        rest = &rest[start..];
        let end = memchr::memchr(b'\r', rest)?;
        let line = &rest[..end];
        let (name, value) = line.split_at(memchr::memchr(b':', line)?);
        Some((name, value[1..].trim_ascii()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn target_and_fields_are_those_that_were_written_and_end_with_the_head() {
        let head = b"GET /a?b HTTP/1.1\r\nhost: h:1\r\nrange:  bytes=0-1 \r\nempty:\r\n\r\nbody: no\r\n";
        assert_eq!(target(head), b"/a?b");
        let all: Vec<_> = fields(head).collect();
        assert_eq!(
            all,
            [(&b"host"[..], &b"h:1"[..]), (b"range", b"bytes=0-1"), (b"empty", b"")]
        );
    }
}
