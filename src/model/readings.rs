//! The ways in which apps and their frameworks may read a path: decoded or not, collapsed or not, with its parameters or without (E20).

use smallvec::SmallVec;

/// Whether any reading of the path differs, as `differs` says of each. Allocates nothing, unless the path is longer than 256 bytes
/// and holds something that could be decoded or collapsed.
pub(super) fn is_read_otherwise(path: &[u8], differs: impl Fn(&[u8]) -> bool) -> bool {
    could_be_read_otherwise(path) && read_otherwise(path, LEVELS, &differs)
}

/// Decoding twice covers an app behind a second proxy; `%2525…` goes no deeper than two real stacks do.
const LEVELS: usize = 2;

/// Whether a reading differs that is decoded so many times at most.
fn read_otherwise(path: &[u8], levels: usize, differs: &impl Fn(&[u8]) -> bool) -> bool {
    if collapses_otherwise(path, differs) {
        return true;
    }
    // Escaped slashes stay escaped in stacks that follow RFC 3986 §6.2.2.2 to the letter, and turn into slashes in others.
    if let Some(unreserved) = decode(path, false)
        && collapses_otherwise(&unreserved, differs)
    {
        return true;
    }
    // Servlet containers drop parameters before they decode, others behind it.
    if let Some(bare) = without_parameters(path)
        && bare.contains(&b'%')
        && read_otherwise(&bare, levels, differs)
    {
        return true;
    }
    levels > 0 && decode(path, true).is_some_and(|next| read_otherwise(&next, levels - 1, differs))
}

/// Whether one level of decoding leads to another rule: NUL ends the path or does not, `\` is a slash or is not, `//` is one
/// slash or is not, parameters belong to a name or do not, dots are resolved or are not, in either order.
fn collapses_otherwise(path: &[u8], differs: &impl Fn(&[u8]) -> bool) -> bool {
    let slashes = |path: &[u8]| -> Reading { path.iter().map(|&b| if b == b'\\' { b'/' } else { b }).collect() };
    let cut = path.iter().position(|&byte| byte == 0).map(|end| &path[..end]);
    [Some(path), cut].into_iter().flatten().any(|path| {
        let turned = path.contains(&b'\\').then(|| slashes(path));
        [Some(path), turned.as_deref()].into_iter().flatten().any(|path| {
            let bare = without_parameters(path);
            [Some(path), bare.as_deref()].into_iter().flatten().any(|path| {
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
    })
}

/// A path as an app might read it; most fit on the stack.
type Reading = SmallVec<[u8; 256]>;

/// The cheap look that nearly every path passes with "no".
fn could_be_read_otherwise(path: &[u8]) -> bool {
    collapsible(path) || path.iter().any(|&byte| IS_READ[usize::from(byte)])
}

/// The bytes that some reader takes for more than a part of a name. A table, because every byte of every path is looked up.
static IS_READ: [bool; 256] = {
    let mut is_read = [false; 256];
    is_read[b'%' as usize] = true;
    is_read[b'\\' as usize] = true;
    is_read[b';' as usize] = true;
    is_read[0] = true;
    is_read
};

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

/// Every segment up to its parameters (`;jsessionid=1`, RFC 3986 §3.3), as Tomcat, Jetty and Spring look for a servlet; `None` when there
/// are none.
fn without_parameters(path: &[u8]) -> Option<Reading> {
    path.contains(&b';').then(|| {
        let mut is_name = true;
        let mut out = Reading::with_capacity(path.len());
        for &byte in path {
            is_name = byte == b'/' || (is_name && byte != b';');
            if is_name {
                out.push(byte);
            }
        }
        out
    })
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

/// RFC 3986 §5.2.4. Whoever takes `/..;x/` for dots has dropped the parameters before.
fn resolve_dots(path: &[u8]) -> Reading {
    let mut out = Reading::with_capacity(path.len());
    let mut segments = path
        .strip_prefix(b"/")
        .unwrap_or(path)
        .split(|&byte| byte == b'/')
        .peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        match segment {
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

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;
    use crate::model::parts::PartTable;
    use crate::model::paths::{Match, PathRules};

    /// What paths are made of: what readers disagree about, and names that rules know.
    const PIECES: [&str; 24] = [
        "/",
        "/",
        "/",
        "//",
        "admin",
        "static",
        "x",
        ".css",
        ".",
        "..",
        ";",
        ";",
        ";a=b",
        ";jsessionid=1",
        "%3b",
        "%3B",
        "%253b",
        "%2f",
        "%252f",
        "%2e",
        "%61dmin",
        "\\",
        "%5c",
        "%00",
    ];

    fn without(path: &str) -> String {
        let names = path
            .split('/')
            .map(|segment| segment.split(';').next().unwrap_or_default());
        names.collect::<Vec<_>>().join("/")
    }

    fn decoded(path: &str) -> String {
        String::from_utf8_lossy(&decode(path.as_bytes(), true).unwrap_or_else(|| path.as_bytes().into())).into_owned()
    }

    /// RFC 3986 §5.2.4, with `//` as one slash.
    fn normal(path: &str) -> String {
        let mut names = Vec::new();
        for name in path.split('/').filter(|name| !name.is_empty() && *name != ".") {
            if name == ".." {
                names.pop();
            } else {
                names.push(name);
            }
        }
        let end = if path.ends_with(['/', '.']) && !names.is_empty() {
            "/"
        } else {
            ""
        };
        format!("/{}{end}", names.join("/"))
    }

    /// How apps look a path up: as Tomcat does, as containers that decode first, and behind a proxy that has decoded once.
    fn apps(path: &str) -> [String; 6] {
        [
            normal(&decoded(&without(path))),
            normal(&without(&decoded(path))),
            normal(&without(&decoded(&decoded(path)))),
            normal(&decoded(&without(&decoded(path)))),
            normal(&without(path)),
            normal(&without(&decoded(path).replace('\\', "/"))),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn e20_what_passes_is_under_the_same_rules_to_apps_that_drop_parameters(pieces in vec(select(&PIECES[..]), 0..9)) {
            let path = format!("/{}", pieces.concat());
            let mut rules = PathRules::default();
            rules.insert("/admin", 1);
            rules.insert("/static", 2);
            let part = |prefix: Option<usize>, ending: Option<usize>| {
                u16::from(prefix.is_some()) + 2 * u16::from(ending.is_some())
            };
            let table = PartTable::new(&["/admin"], &[".css"], part);
            let (rule, part) = (rules.find(path.as_bytes()), table.find(path.as_bytes()));
            for app in apps(&path) {
                let is_below = |prefix: &str| app.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
                let (admin, css) = (is_below("/admin"), app.ends_with(".css"));
                let seen = match (admin, is_below("/static")) {
                    (true, _) => Match::Found(&1),
                    (_, true) => Match::Found(&2),
                    _ => Match::None,
                };
                prop_assert!(rule == seen || rule == Match::Ambiguous, "{} is {} to an app", path, app);
                let seen = u16::from(admin) + 2 * u16::from(css);
                prop_assert!(part.is_none_or(|part| part == seen), "{} is {} to an app", path, app);
            }
        }
    }

    #[test]
    fn e20_parameters_that_change_no_rule_pass() {
        let mut rules = PathRules::default();
        rules.insert("/admin", ());
        let table = PartTable::new(&["/admin"], &[".css"], |prefix, ending| {
            u16::from(prefix.is_some()) + 2 * u16::from(ending.is_some())
        });
        for (path, found, part) in [
            ("/cars;color=red/wheels;size=17", Match::None, 0),
            ("/admin/cars;color=red", Match::Found(&()), 1),
            ("/a;b.css/c", Match::None, 0),
            ("/a;v=2/b.css", Match::None, 2),
            ("/;a", Match::None, 0),
            ("/administrator;x", Match::None, 0),
            ("/a%3bb", Match::None, 0),
        ] {
            assert_eq!(rules.find(path.as_bytes()), found, "{path}");
            assert_eq!(table.find(path.as_bytes()), Some(part), "{path}");
        }
        for path in [
            "/admin;x/secret",
            "/admin;",
            "/x;/..;/admin",
            "/;/admin",
            "/admin%3bx",
            "/admin%253bx",
            "/./admin/..;/x",
            "/;\\admin",
        ] {
            assert_eq!(rules.find(path.as_bytes()), Match::Ambiguous, "{path}");
            assert_eq!(table.find(path.as_bytes()), None, "{path}");
        }
        for path in ["/admin/x;.css", "/x;.css", "/x%3b.css", "/x.css;a"] {
            assert_eq!(table.find(path.as_bytes()), None, "{path}");
        }
    }
}
