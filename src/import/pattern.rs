//! Expressions of paths as `path` and `at` can say them: what is a prefix or an ending, and the least that we can say around all others.

use super::expression::{Piece, Shape, shapes};
use super::spell;

/// Texts behind a name with which a path ends there, or goes on below it.
const ENDS: &[&str] = &["/(.*)", "/?(.*)", "(.*)", "(/.*)"];

/// Endings of what an app runs, of which a folder would show the source.
const SCRIPTS: &[&str] = &[
    ".asp", ".aspx", ".cgi", ".jsp", ".phar", ".php", ".php3", ".php4", ".php5", ".php7", ".php8", ".phps", ".pht",
    ".phtml", ".pl", ".py", ".rb",
];

/// The one hidden folder that folders give away.
const WELL_KNOWN: &str = "/.well-known";

/// What surely holds all that an expression matches.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Around {
    pub(super) regions: Vec<Region>,
    /// Whether some of it are hidden files, which no folder gives away.
    pub(super) is_hidden: bool,
}

/// Paths around some of those that an expression matches: below a prefix, with an ending, or all of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Region {
    pub(super) prefix: Option<String>,
    /// As `*.js`.
    pub(super) ending: Option<String>,
    /// Whether that is all that it is around.
    pub(super) is_exact: bool,
    /// Whether names that go on behind the prefix were meant, too: `/data`, of which `/database` is one.
    pub(super) goes_on: bool,
}

/// The paths that an expression matches: prefixes, or endings as `*.js`. `None` where it says more than that.
pub(super) fn paths(expression: &str) -> Option<Vec<String>> {
    let mut all: Vec<String> = Vec::new();
    for shape in shapes(expression)? {
        let path = exact(&shape)?;
        // `(/|$)` says twice that a segment ends.
        match all
            .iter_mut()
            .find(|known| spell::prefix(known) == spell::prefix(&path))
        {
            Some(known) => *known = spell::prefix(&path),
            None => all.push(path),
        }
    }
    (!all.is_empty()).then_some(all)
}

/// Whether an expression is about names that go on behind a path, too.
pub(super) fn goes_on(expression: &str) -> bool {
    around(expression).regions.iter().any(|region| region.goes_on)
}

/// Whether an expression is about the first page alone.
pub(super) fn is_first_page(expression: &str) -> bool {
    let is_first = |shape: &Shape| shape.at_end && is_text(shape, "/");
    shapes(expression).is_some_and(|all| !all.is_empty() && all.iter().all(is_first))
}

/// What surely holds all that an expression matches.
pub(super) fn around(expression: &str) -> Around {
    let Some(all) = shapes(expression) else {
        return Around::everything();
    };
    let mut around = Around::default();
    for shape in &all {
        let is_exact = exact(shape).is_some() || is_everything(shape);
        match is_hidden(shape) && !is_exact {
            true => around.is_hidden = true,
            false => around.add(Region {
                is_exact,
                ..region(shape)
            }),
        }
    }
    around
}

/// What stands before a group that takes the rest of a path, as `/old` of `^/old/(.*)$`; `None` where the rest is not one group.
pub(super) fn before_rest(expression: &str) -> Option<String> {
    let inner = expression.strip_prefix('^')?;
    let inner = inner.strip_suffix('$').unwrap_or(inner);
    let before = ENDS.iter().find_map(|rest| inner.strip_suffix(rest))?;
    match shapes(&format!("^{before}$"))?.as_slice() {
        [] if before.is_empty() => Some(String::new()),
        [shape] if shape.at_start && shape.at_end && !shape.is_narrower => match shape.pieces.as_slice() {
            [Piece::Text(text)] => Some(text.clone()),
            _ => None,
        },
        _ => None,
    }
}

/// The endings of files that an expression hands to another app, whatever stands behind their name: `[^/]\.php(/|$)`.
pub(super) fn files(expression: &str) -> Option<Vec<String>> {
    let mut all: Vec<String> = Vec::new();
    for shape in shapes(expression)? {
        let is_alone = !shape.at_start && shape.pieces.len() == 1;
        let ending = region(&shape).ending.filter(|_| is_alone)?;
        if !all.contains(&ending) {
            all.push(ending);
        }
    }
    (!all.is_empty()).then_some(all)
}

/// Whether what ends so is run by an app.
pub(super) fn is_script(ending: &str) -> bool {
    let behind = ending.rfind('.').map_or("", |dot| &ending[dot..]);
    SCRIPTS.iter().any(|script| script.eq_ignore_ascii_case(behind))
}

impl Around {
    fn everything() -> Self {
        Self {
            regions: vec![Region::default()],
            is_hidden: false,
        }
    }

    /// Around what another one is around, too.
    pub(super) fn and(mut self, other: Self) -> Self {
        self.is_hidden |= other.is_hidden;
        other.regions.into_iter().for_each(|region| self.add(region));
        self
    }

    /// With this, too, unless it is there already.
    fn add(&mut self, region: Region) {
        if !self.regions.contains(&region) {
            self.regions.push(region);
        }
    }

    /// Whether all of it are scripts, as far as their names end so.
    pub(super) fn is_of_scripts(&self) -> bool {
        let is_script = |region: &Region| region.ending.as_deref().is_some_and(is_script);
        !self.regions.is_empty() && self.regions.iter().all(is_script)
    }
}

/// The prefix or the ending that a shape is, if it is one.
fn exact(shape: &Shape) -> Option<String> {
    let [Piece::Text(text)] = shape.pieces.as_slice() else {
        return None;
    };
    if shape.is_narrower || text == "/" {
        return None;
    }
    if shape.at_start {
        return (shape.at_end || is_name(text))
            .then(|| text.clone())
            .filter(|text| is_plain(text));
    }
    let ending = ending(text).filter(|_| shape.at_end)?;
    (ending.len() == text.len()).then(|| format!("*{ending}"))
}

/// The least that we can say around a shape.
fn region(shape: &Shape) -> Region {
    let mut region = Region::default();
    if let (true, Some(Piece::Text(text))) = (shape.at_start, shape.pieces.first()) {
        let is_whole = shape.pieces.len() == 1 && (shape.at_end || is_name(text));
        let (above, name) = text.rsplit_once('/').unwrap_or(("", text));
        let prefix = if is_whole { text } else { above };
        let prefix = Some(spell::prefix(prefix)).filter(|prefix| prefix != "/" && is_plain(prefix));
        region.goes_on = prefix.is_some() && is_whole && !shape.at_end && !name.is_empty();
        region.prefix = prefix;
    }
    if let Some(Piece::Text(text)) = shape.pieces.last() {
        // Behind `.php/` stands what a script is told of.
        let is_first = shape.at_start && shape.pieces.len() == 1;
        let behind = text.strip_suffix('/').filter(|_| !shape.at_end && !is_first);
        let ending = match behind {
            Some(name) => ending(name).filter(|ending| is_script(ending)),
            None if shape.at_end => ending(text),
            None => None,
        };
        region.ending = ending.map(|ending| format!("*{ending}"));
    }
    region
}

/// What of a text at the end of a path is an ending of `at`.
fn ending(text: &str) -> Option<&str> {
    if text.ends_with('#') {
        return Some("#");
    }
    let name = &text[text.rfind('/').unwrap_or(0)..];
    let rest = name.strip_prefix('/').unwrap_or(name);
    let says_so = rest != name || name.contains(['.', '~']);
    (says_so && !rest.is_empty() && is_plain(rest)).then_some(name)
}

/// Whether all that a shape is about are hidden files.
fn is_hidden(shape: &Shape) -> bool {
    let mut texts = shape.pieces.iter().enumerate();
    texts.any(|(at, piece)| match piece {
        Piece::Text(text) if at == 0 && shape.at_start && text.starts_with(WELL_KNOWN) => {
            text[WELL_KNOWN.len()..].contains("/.")
        }
        Piece::Text(text) => text.contains("/."),
        Piece::Gap(_) => false,
    })
}

/// Whether a shape is about all paths, or about all but some that are named.
fn is_everything(shape: &Shape) -> bool {
    (shape.pieces.is_empty() && !shape.is_narrower) || (!shape.at_end && is_text(shape, "/"))
}

fn is_text(shape: &Shape, text: &str) -> bool {
    matches!(shape.pieces.as_slice(), [Piece::Text(only)] if shape.at_start && only == text)
}

/// Whether a text that names may go on behind is taken for a whole name, as `path` takes it.
fn is_name(text: &str) -> bool {
    text.ends_with(|last: char| last == '/' || last.is_alphanumeric())
}

/// Whether the configuration takes a text as a part of a path.
fn is_plain(text: &str) -> bool {
    let is_treacherous = |char: char| matches!(char, '*' | '?' | '#' | '%' | '\\' | ';') || !char.is_ascii_graphic();
    let mut segments = text.split('/');
    !text.contains(is_treacherous) && !text.contains("//") && !segments.any(|one| matches!(one, "." | ".."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_that_are_prefixes_or_endings_are_read() {
        for (expression, expected) in [
            (r"\.(js|css)$", "*.js *.css"),
            (r".+\.(?:jpe?g|png)$", "*.jpg *.jpeg *.png"),
            (r"^.*\.woff2?$", "*.woff *.woff2"),
            (r"\.php$", "*.php"),
            (r"\.in[ci]$", "*.inc *.ini"),
            (r"~$", "*~"),
            (r"/(\.env|composer\.json)$", "*/.env */composer.json"),
            (r"^/(api|auth)/", "/api/ /auth/"),
            (r"^/api(/|$)", "/api"),
            (r"^/(?:build|data)(?:$|/)", "/build /data"),
            (r"^/api/(.*)$", "/api/"),
            (r"^/_next/static/", "/_next/static/"),
            (
                r"^/\.well-known/(caldav|carddav)",
                "/.well-known/caldav /.well-known/carddav",
            ),
            (r"^/v[12]/", "/v1/ /v2/"),
            (r"^/v\d+/", ""),
            (r"^/$", ""),
            (r"^/(.*)$", ""),
            (r"^/db_", ""),
            (r"/\.", ""),
            (r"wp-config\.php$", "*wp-config.php"),
            (r"[a-z]+$", ""),
            (r"^/a%20b/", ""),
            (r"^/(a|b", ""),
            (r"(", ""),
            (r"\", ""),
        ] {
            let found = paths(expression).unwrap_or_default().join(" ");
            assert_eq!(found, expected, "{expression}");
        }
    }

    #[test]
    fn the_least_around_an_expression_holds_all_that_it_matches() {
        let shown = |around: Around| {
            let one = |region: &Region| {
                let both = [&region.prefix, &region.ending].into_iter().flatten();
                let both: Vec<&str> = both.map(String::as_str).collect();
                if both.is_empty() {
                    "all".to_owned()
                } else {
                    both.join("&")
                }
            };
            let mut all: Vec<String> = around.regions.iter().map(one).collect();
            all.extend(around.is_hidden.then(|| "hidden".to_owned()));
            all.join(" ")
        };
        for (expression, expected) in [
            (r"/\.", "hidden"),
            (r"(^|/)\.", "hidden"),
            (r"(?:^|/)\.", "hidden"),
            (r"/\.git", "hidden"),
            (r"/\.(?!well-known)", "hidden"),
            (r"^/(?:\.|autotest|occ)", "/autotest /occ hidden"),
            (r"^/(?:occ|db_)", "/occ all"),
            (r"/(?:uploads|files)/.*\.php$", "*.php"),
            (r"^/uploads/.*\.php$", "/uploads&*.php"),
            (r"^/a/[0-9]+/b", "/a"),
            (r"^/user[0-9]+/b", "all"),
            (r"^/user[0-9]+", "all"),
            (r"^/forms/.+\.php(/|$)", "/forms&*.php"),
            (r"[a-z]-config\.php$", "*-config.php"),
            (r"/conf\.d/", "all"),
            (r"(?:#.*#|\.(?:bak|sw[op])|~)$", "*# *.bak *.swo *.swp *~"),
            (r"[^/]\.php(/|$)", "*.php"),
            (r"secret", "all"),
            (r"^/\.well-known/x[0-9]", "/.well-known"),
            (r"/\.well-known/", "hidden"),
            ("(", "all"),
        ] {
            assert_eq!(shown(around(expression)), expected, "{expression}");
        }
    }

    #[test]
    fn what_stands_before_the_rest_is_found() {
        for (expression, expected) in [
            ("^/old/(.*)$", Some("/old")),
            ("^/(.*)", Some("")),
            ("^(.*)$", Some("")),
            ("^/old/([0-9]+)$", None),
            ("/old/(.*)", None),
        ] {
            assert_eq!(before_rest(expression).as_deref(), expected, "{expression}");
        }
    }
}
