//! The ways in which apps and their frameworks may read a path: decoded or not, collapsed or not (E20).

use smallvec::SmallVec;

/// Whether any reading of the path differs, as `differs` says of each. Allocates nothing, unless the path is longer than 256 bytes
/// and holds something that could be decoded or collapsed.
pub(super) fn is_read_otherwise(path: &[u8], differs: impl Fn(&[u8]) -> bool) -> bool {
    could_be_read_otherwise(path) && read_otherwise(path, &differs)
}

fn read_otherwise(path: &[u8], differs: &impl Fn(&[u8]) -> bool) -> bool {
    // Escaped slashes stay escaped in stacks that follow RFC 3986 §6.2.2.2 to the letter, and turn into slashes in others.
    let mut decoded: Reading = path.into();
    // Decoding twice covers an app behind a second proxy; `%2525…` goes no deeper than two real stacks do.
    for _ in 0..3 {
        if collapses_otherwise(&decoded, differs) {
            return true;
        }
        if let Some(unreserved) = decode(&decoded, false)
            && collapses_otherwise(&unreserved, differs)
        {
            return true;
        }
        match decode(&decoded, true) {
            Some(next) => decoded = next,
            None => break,
        }
    }
    false
}

/// Whether one level of decoding leads to another rule: NUL ends the path or does not, `\` is a slash or is not, `//` is one
/// slash or is not, dots are resolved or are not, in either order.
fn collapses_otherwise(path: &[u8], differs: &impl Fn(&[u8]) -> bool) -> bool {
    let slashes = |path: &[u8]| -> Reading { path.iter().map(|&b| if b == b'\\' { b'/' } else { b }).collect() };
    let cut = path.iter().position(|&byte| byte == 0).map(|end| &path[..end]);
    [Some(path), cut].into_iter().flatten().any(|path| {
        let turned = path.contains(&b'\\').then(|| slashes(path));
        [Some(path), turned.as_deref()].into_iter().flatten().any(|path| {
            if differs(path) {
                return true;
            }
            if !collapsible(path) {
                return false;
            }
            let collapsed = collapse(path);
            let resolved = resolve_dots(path);
            differs(&collapsed)
                || differs(&resolved)
                || differs(&resolve_dots(&collapsed))
                || differs(&collapse(&resolved))
        })
    })
}

/// A path as an app might read it; most fit on the stack.
type Reading = SmallVec<[u8; 256]>;

/// The cheap look that nearly every path passes with "no".
fn could_be_read_otherwise(path: &[u8]) -> bool {
    collapsible(path) || path.iter().any(|&byte| matches!(byte, b'%' | b'\\' | 0))
}

/// Whether it holds `//`, or a segment that starts with a dot.
fn collapsible(path: &[u8]) -> bool {
    path.windows(2).any(|pair| matches!(pair, b"//" | b"/."))
}

/// Decodes `%xx`, escaped slashes and backslashes only when asked; `None` when nothing changes.
fn decode(path: &[u8], slashes: bool) -> Option<Reading> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut out = Reading::with_capacity(path.len());
    let mut rest = path;
    let mut changed = false;
    while let Some((&byte, behind)) = rest.split_first() {
        let escaped = match behind {
            [high, low, ..] if byte == b'%' => digit(*high).zip(digit(*low)).map(|(high, low)| high << 4 | low),
            _ => None,
        };
        match escaped {
            Some(value) if slashes || !matches!(value, b'/' | b'\\') => {
                out.push(value);
                rest = &behind[2..];
                changed = true;
            }
            Some(_) | None => {
                out.push(byte);
                rest = behind;
            }
        }
    }
    changed.then_some(out)
}

fn collapse(path: &[u8]) -> Reading {
    let mut out = Reading::with_capacity(path.len());
    for &byte in path {
        if byte != b'/' || out.last() != Some(&b'/') {
            out.push(byte);
        }
    }
    out
}

/// RFC 3986 §5.2.4. A segment's parameters (`/..;x/`) do not hide its dots: servlet containers drop them first.
fn resolve_dots(path: &[u8]) -> Reading {
    let mut out = Reading::with_capacity(path.len());
    let mut segments = path
        .strip_prefix(b"/")
        .unwrap_or(path)
        .split(|&byte| byte == b'/')
        .peekable();
    while let Some(segment) = segments.next() {
        let name = segment.split(|&byte| byte == b';').next().unwrap_or(segment);
        let last = segments.peek().is_none();
        match name {
            b"." => {}
            b".." => {
                let parent = out.iter().rposition(|&byte| byte == b'/').unwrap_or(0);
                out.truncate(parent);
            }
            _ => {
                out.push(b'/');
                out.extend_from_slice(segment);
                continue;
            }
        }
        if last {
            out.push(b'/');
        }
    }
    out
}
