//! Regular expressions of paths, as far as they say nothing but prefixes or endings: `\.(js|css)$`, `^/(api|auth)/`.

/// Paths that one expression may stand for.
const MANY: usize = 64;

/// The paths that an expression matches: prefixes, or endings as `*.js`. `None` where it says more than that.
pub(super) fn paths(expression: &str) -> Option<Vec<String>> {
    let expression = expression.strip_prefix("(?i)").unwrap_or(expression);
    if let Some(rest) = expression.strip_prefix('^') {
        if let Some(ending) = rest.strip_prefix(".*").or_else(|| rest.strip_prefix(".+")) {
            return endings(ending);
        }
        return prefixes(rest);
    }
    let ending = expression.strip_prefix(".*").or_else(|| expression.strip_prefix(".+"));
    endings(ending.unwrap_or(expression))
}

/// What stands before a group that takes the rest of a path, as `/old` of `^/old/(.*)$`; `None` where the rest is not one group.
pub(super) fn before_rest(expression: &str) -> Option<String> {
    let inner = expression.strip_prefix('^')?;
    let inner = inner.strip_suffix('$').unwrap_or(inner);
    let before = ["/(.*)", "/?(.*)", "(.*)", "(/.*)"]
        .iter()
        .find_map(|rest| inner.strip_suffix(rest))?;
    match expand(before)?.as_slice() {
        [one] if one.is_empty() || one.starts_with('/') => Some(one.clone()),
        _ => None,
    }
}

fn prefixes(whole: &str) -> Option<Vec<String>> {
    // `^/api$` is one path, which no prefix is: the prefix has what is below, too.
    let rest = whole.strip_suffix('$').unwrap_or(whole);
    let tails = [
        "/(.*)", "/.*", "/.+", "/(.+)", "(/|$)", "(?:/|$)", "(/.*)?", "(.*)", ".*", ".+", "/?",
    ];
    let before = tails.iter().find_map(|tail| rest.strip_suffix(tail)).unwrap_or(rest);
    let found = expand(before)?;
    // Below the first page is all of a site.
    let is_alone = before != whole && before == rest;
    let is_path = |one: &String| one.starts_with('/') && !(is_alone && one == "/");
    found.iter().all(is_path).then_some(found)
}

/// Paths that are more than those that an expression matches: what is below its first segments, or what ends as it does.
pub(super) fn around(expression: &str) -> Option<String> {
    let expression = expression.strip_prefix("(?i)").unwrap_or(expression);
    if let Some(rest) = expression.strip_prefix('^') {
        let special = |char: char| !(char.is_alphanumeric() || matches!(char, '/' | '-' | '_'));
        let literal = &rest[..rest.find(special).unwrap_or(rest.len())];
        // What may be missing is no beginning.
        let literal = match rest[literal.len()..].starts_with(['?', '*', '{']) {
            true => literal.get(..literal.len().saturating_sub(1))?,
            false => literal,
        };
        let (segments, _) = literal.rsplit_once('/')?;
        // What stands behind an alternative outside of a group has a beginning of its own.
        if segments.len() > 1 && !has_bare_alternative(rest) {
            return Some(segments.to_owned());
        }
    }
    None
}

/// Whether an expression has alternatives outside of a group.
fn has_bare_alternative(expression: &str) -> bool {
    let mut depth = 0_i32;
    expression.chars().any(|char| {
        match char {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        char == '|' && depth <= 0
    })
}

/// The endings of files that an expression hands to another app, whatever stands behind their name: `[^/]\.php(/|$)`.
pub(super) fn files(expression: &str) -> Option<Vec<String>> {
    let behind = ["(/|$)", "(?:/|$)", "($|/)", "(?:$|/)"];
    let before = behind.iter().find_map(|rest| expression.strip_suffix(rest))?;
    let before = ["[^/]", "^.+", "^.*", ".+", ".*"]
        .iter()
        .find_map(|first| before.strip_prefix(first))
        .unwrap_or(before);
    endings(&format!("{before}$"))
}

fn endings(ending: &str) -> Option<Vec<String>> {
    let found = expand(ending.strip_suffix('$')?)?;
    let is_ending = |one: &String| one.len() > 1 && one.starts_with('.') && !one.contains('/');
    found
        .iter()
        .all(is_ending)
        .then(|| found.iter().map(|one| format!("*{one}")).collect())
}

/// All texts that an expression of literals, alternatives and optional letters matches.
fn expand(expression: &str) -> Option<Vec<String>> {
    let chars: Vec<char> = expression.chars().collect();
    let mut at = 0;
    let all = alternatives(&chars, &mut at, 0)?;
    (at == chars.len()).then_some(all)
}

fn alternatives(chars: &[char], at: &mut usize, depth: usize) -> Option<Vec<String>> {
    if depth > 8 {
        return None;
    }
    let mut all = Vec::new();
    let mut current = vec![String::new()];
    while let Some(&char) = chars.get(*at) {
        let piece = match char {
            ')' => break,
            '|' => {
                all.append(&mut current);
                current = vec![String::new()];
                *at += 1;
                continue;
            }
            '(' => {
                *at += 1;
                if chars.get(*at) == Some(&'?') {
                    if chars.get(*at + 1) != Some(&':') {
                        return None;
                    }
                    *at += 2;
                }
                let group = alternatives(chars, at, depth + 1)?;
                if chars.get(*at) != Some(&')') {
                    return None;
                }
                group
            }
            '\\' => {
                *at += 1;
                let escaped = chars.get(*at).filter(|char| !char.is_alphanumeric())?;
                vec![escaped.to_string()]
            }
            '.' | '*' | '+' | '[' | ']' | '{' | '}' | '^' | '$' | '?' => return None,
            literal => vec![literal.to_string()],
        };
        *at += 1;
        let mut piece = piece;
        match chars.get(*at) {
            Some('?') => {
                piece.insert(0, String::new());
                *at += 1;
            }
            Some('*' | '+' | '{') => return None,
            Some(_) | None => {}
        }
        let mut next = Vec::new();
        for before in &current {
            next.extend(piece.iter().map(|one| format!("{before}{one}")));
        }
        if next.len() > MANY || all.len() > MANY {
            return None;
        }
        current = next;
    }
    all.append(&mut current);
    Some(all)
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
            (r"^/(api|auth)/", "/api/ /auth/"),
            (r"^/api(/|$)", "/api"),
            (r"^/api/(.*)$", "/api"),
            (r"^/_next/static/", "/_next/static/"),
            (r"^/v\d+/", ""),
            (r"/\.", ""),
            (r"[a-z]+$", ""),
            (r"^/(a|b", ""),
            (r"(", ""),
            (r"\", ""),
        ] {
            let found = paths(expression).unwrap_or_default().join(" ");
            assert_eq!(found, expected, "{expression}");
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
