//! Regular expressions of paths → the shapes of what they match: texts with gaps between them, from a beginning, to an end, or
//! anywhere. However an expression is spelt, what matches the same has the same shapes.

/// Shapes that one expression may have.
const MANY: usize = 128;

/// Groups inside of each other.
const DEEP: usize = 8;

/// Characters of a class that are alternatives rather than a gap.
const FEW: usize = 8;

/// What a path looks like that an expression matches.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Shape {
    /// Whether it is about the beginning of a path.
    pub(super) at_start: bool,
    /// Whether it is about the end of a path.
    pub(super) at_end: bool,
    /// Texts, and gaps between them.
    pub(super) pieces: Vec<Piece>,
    /// Whether the expression matches less than that.
    pub(super) is_narrower: bool,
}

/// A part of a shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    Text(String),
    /// Anything; `false` where the expression says more of it.
    Gap(bool),
}

/// The shapes of an expression that paths match; `None` where it is none that we read.
pub(super) fn shapes(expression: &str) -> Option<Vec<Shape>> {
    let mut reader = Reader {
        chars: expression.chars().collect(),
        at: 0,
    };
    let all = reader.alternatives(0)?;
    if reader.at < reader.chars.len() {
        return None;
    }
    let mut found: Vec<Shape> = Vec::new();
    for shape in all.into_iter().filter_map(Shape::of_a_path) {
        if !found.contains(&shape) {
            found.push(shape);
        }
    }
    Some(found)
}

impl Shape {
    fn of(piece: Piece) -> Self {
        Self {
            pieces: vec![piece],
            ..Self::default()
        }
    }

    fn narrower() -> Self {
        Self {
            is_narrower: true,
            ..Self::default()
        }
    }

    fn has_text(&self) -> bool {
        self.pieces.iter().any(|piece| matches!(piece, Piece::Text(_)))
    }

    /// This shape with another one behind it; `None` where nothing is of both.
    fn then(&self, next: &Self) -> Option<Self> {
        let (ends, begins) = (self.at_end && next.has_text(), next.at_start && self.has_text());
        if ends || begins {
            return None;
        }
        let mut joined = self.clone();
        joined.is_narrower |= next.is_narrower;
        if joined.at_end {
            return Some(joined);
        }
        if next.at_start {
            joined.pieces.clear();
            joined.at_start = true;
        }
        joined.at_end = next.at_end;
        for piece in &next.pieces {
            match (joined.pieces.last_mut(), piece) {
                (Some(Piece::Text(before)), Piece::Text(text)) => before.push_str(text),
                (Some(Piece::Gap(is_any)), Piece::Gap(other)) => *is_any &= other,
                _ => joined.pieces.push(piece.clone()),
            }
        }
        Some(joined)
    }

    /// The same without what says nothing of a path; `None` where no path is so.
    fn of_a_path(mut self) -> Option<Self> {
        if self.at_start && matches!(self.pieces.first(), Some(Piece::Gap(_))) {
            self.at_start = false;
        }
        if !self.at_start
            && let Some(Piece::Gap(is_any)) = self.pieces.first()
        {
            self.is_narrower |= !is_any;
            self.pieces.remove(0);
        }
        // Of what goes on in some way it is of use to know that it does.
        if let Some(Piece::Gap(is_any)) = self.pieces.last() {
            self.at_end = false;
            if *is_any {
                self.pieces.pop();
            }
        }
        match self.pieces.first() {
            Some(Piece::Text(text)) if self.at_start => text.starts_with('/').then_some(self),
            // Every path has a beginning and an end.
            None if self.at_start && self.at_end => None,
            None => Some(Self {
                is_narrower: self.is_narrower,
                ..Self::default()
            }),
            Some(_) => Some(self),
        }
    }
}

struct Reader {
    chars: Vec<char>,
    at: usize,
}

impl Reader {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += 1;
        Some(next)
    }

    /// Takes a text where it stands next.
    fn takes(&mut self, text: &str) -> bool {
        let stands = text
            .chars()
            .zip(&self.chars[self.at..])
            .filter(|(wanted, found)| wanted == *found);
        let is_next = stands.count() == text.chars().count();
        self.at += if is_next { text.chars().count() } else { 0 };
        is_next
    }

    fn alternatives(&mut self, depth: usize) -> Option<Vec<Shape>> {
        if depth > DEEP {
            return None;
        }
        let mut all = Vec::new();
        let mut current = vec![Shape::default()];
        while let Some(next) = self.peek() {
            if next == ')' {
                break;
            }
            if self.takes("|") {
                all.append(&mut current);
                current = vec![Shape::default()];
                continue;
            }
            let atom = self.atom(depth)?;
            current = product(&current, &self.repeated(atom, next == '.')?)?;
            if all.len() + current.len() > MANY {
                return None;
            }
        }
        all.append(&mut current);
        Some(all)
    }

    fn atom(&mut self, depth: usize) -> Option<Vec<Shape>> {
        let one = |shape| Some(vec![shape]);
        match self.next()? {
            '(' => self.group(depth),
            '[' => self.class(),
            '\\' => one(escaped(self.next()?)?),
            '.' => one(Shape::of(Piece::Gap(false))),
            '^' => one(Shape {
                at_start: true,
                ..Shape::default()
            }),
            '$' => one(Shape {
                at_end: true,
                ..Shape::default()
            }),
            '*' | '+' | '?' => None,
            literal => one(Shape::of(Piece::Text(literal.to_string()))),
        }
    }

    /// A group, behind its parenthesis.
    fn group(&mut self, depth: usize) -> Option<Vec<Shape>> {
        let mut looks_around = false;
        if self.takes("?") {
            let is_plain = self.takes(":") || self.takes(">") || self.takes("i:");
            looks_around = !is_plain && ["=", "!", "<=", "<!"].iter().any(|look| self.takes(look));
            if self.takes("i)") {
                return Some(vec![Shape::default()]);
            }
            if !is_plain && !looks_around {
                // `(?<name>…)`, `(?P<name>…)`
                self.takes("P");
                if !self.takes("<") {
                    return None;
                }
                while self.next()? != '>' {}
            }
        }
        let inner = self.alternatives(depth + 1)?;
        if !self.takes(")") {
            return None;
        }
        Some(if looks_around { vec![Shape::narrower()] } else { inner })
    }

    /// A class of characters, behind its bracket.
    fn class(&mut self) -> Option<Vec<Shape>> {
        let mut is_plain = !self.takes("^");
        let mut chars: Vec<char> = Vec::new();
        let first = self.at;
        loop {
            let next = match self.next()? {
                ']' if self.at > first + 1 => break,
                '\\' => match self.next()? {
                    class if class.is_alphanumeric() => {
                        is_plain = false;
                        continue;
                    }
                    literal => literal,
                },
                '[' if self.peek() == Some(':') => {
                    while self.next()? != ']' {}
                    is_plain = false;
                    continue;
                }
                literal => literal,
            };
            let is_range = self.peek() == Some('-') && self.chars.get(self.at + 1).is_some_and(|last| *last != ']');
            chars.push(next);
            if is_range {
                self.next();
                let last = self.next()?;
                let between = (next..=last).skip(1).take(FEW + 1);
                chars.extend(between);
            }
        }
        if !is_plain || chars.len() > FEW {
            return Some(vec![Shape::of(Piece::Gap(false))]);
        }
        let texts = chars.into_iter().map(|char| Shape::of(Piece::Text(char.to_string())));
        Some(texts.collect())
    }

    /// What an atom is with what stands behind it: `?`, `*`, `+` or `{…}`.
    fn repeated(&mut self, atom: Vec<Shape>, is_dot: bool) -> Option<Vec<Shape>> {
        let gap = vec![Shape::of(Piece::Gap(is_dot))];
        let once_or_more = |atom: Vec<Shape>| match is_dot {
            true => Some(gap.clone()),
            false => product(&atom, &gap),
        };
        let found = match self.peek() {
            Some('?') => {
                self.at += 1;
                std::iter::once(Shape::default()).chain(atom).collect()
            }
            Some('*') => {
                self.at += 1;
                gap
            }
            Some('+') => {
                self.at += 1;
                once_or_more(atom)?
            }
            Some('{') => match self.count()? {
                0 => vec![Shape::of(Piece::Gap(false))],
                _ => product(&atom, &[Shape::of(Piece::Gap(false))])?,
            },
            Some(_) | None => return Some(atom),
        };
        // As few as possible, or all that there are: it is the same that matches.
        let _ = self.takes("?") || self.takes("+");
        Some(found)
    }

    /// The least of `{2}` and `{2,3}`.
    fn count(&mut self) -> Option<usize> {
        let rest: String = self.chars[self.at..].iter().collect();
        let inside = rest.strip_prefix('{')?.split_once('}')?.0.to_owned();
        self.at += inside.chars().count() + 2;
        inside.split(',').next()?.parse().ok()
    }
}

/// What stands behind a backslash.
fn escaped(char: char) -> Option<Shape> {
    match char {
        'd' | 'D' | 'w' | 'W' | 's' | 'S' | 'h' | 'H' | '0'..='9' => Some(Shape::of(Piece::Gap(false))),
        'b' | 'B' => Some(Shape::narrower()),
        'A' => Some(Shape {
            at_start: true,
            ..Shape::default()
        }),
        'z' | 'Z' => Some(Shape {
            at_end: true,
            ..Shape::default()
        }),
        other if other.is_alphanumeric() => None,
        literal => Some(Shape::of(Piece::Text(literal.to_string()))),
    }
}

/// Each of these with each of those behind it.
fn product(before: &[Shape], behind: &[Shape]) -> Option<Vec<Shape>> {
    if before.len().saturating_mul(behind.len()) > MANY {
        return None;
    }
    let each = before
        .iter()
        .flat_map(|one| behind.iter().filter_map(|other| one.then(other)));
    Some(each.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `^/a…b$`, where what the expression says more of is `?`.
    fn shown(expression: &str) -> String {
        let one = |shape: Shape| {
            let start = if shape.at_start { "^" } else { "" };
            let end = if shape.at_end { "$" } else { "" };
            let narrower = if shape.is_narrower { "!" } else { "" };
            let pieces: String = shape
                .pieces
                .into_iter()
                .map(|piece| match piece {
                    Piece::Text(text) => text,
                    Piece::Gap(true) => "…".to_owned(),
                    Piece::Gap(false) => "?".to_owned(),
                })
                .collect();
            format!("{start}{pieces}{end}{narrower}")
        };
        let all = shapes(expression).map(|all| all.into_iter().map(one).collect::<Vec<_>>());
        all.map_or_else(|| "none".to_owned(), |all| all.join(" "))
    }

    #[test]
    fn an_expression_is_texts_with_gaps_between_them() {
        for (expression, expected) in [
            (r"/\.", "/."),
            (r"^/(?:build|data)(?:$|/)", "^/build$ ^/build/ ^/data$ ^/data/"),
            (r"~$", "~$"),
            (r"/(\.env|composer\.json)$", "/.env$ /composer.json$"),
            (r"/(?:uploads|files)/.*\.php$", "/uploads/….php$ /files/….php$"),
            (r"^/user/\d+/[a-z]{2,}x", "^/user/?/?x"),
            (r"^/v[12]/", "^/v1/ ^/v2/"),
            (r"^/v[0-9a-f]/", "^/v?/"),
            (r"\.in[ci]$", ".inc$ .ini$"),
            (r"[^/]\.php(/|$)", ".php/! .php$!"),
            (r"^/a(?!b)", "^/a!"),
            (r"^/user\d+$", "^/user?"),
            (r"(?i)^/a$", "^/a$"),
            (r"(?<user>[a-z]+)/(?P<x>b)", "/b!"),
            (r"colou?r", "color colour"),
            (r".*", ""),
            (r"^", ""),
            (r"a{2}b$", "a?b$"),
            ("(", "none"),
            (r"\", "none"),
            ("[a", "none"),
            ("*", "none"),
            ("a)", "none"),
        ] {
            assert_eq!(shown(expression), expected, "{expression}");
        }
    }

    #[test]
    fn however_it_is_spelt_it_has_the_same_shapes() {
        for spellings in [
            [r"/\.", r"(^|/)\.", r"(?:^|/)\.", r"\/[.]", r"^.*/\.", r"(/)\..*?"].as_slice(),
            &[
                r"\.php$",
                r".*\.php$",
                r"^.+\.php$",
                r"^(.*)\.php\z",
                r"\.(php)$",
                r"[.]php$",
            ],
            &[r"^/a/", r"^/a/.*", r"^/a/(.*)$", r"\A/a/.*?", r"^\/a\/", r"^(?:/a)/.*$"],
        ] {
            let first = shown(spellings[0]);
            for other in spellings {
                assert_eq!(shown(other).trim_end_matches('!'), first, "{other}");
            }
        }
    }

    #[test]
    fn what_multiplies_is_none_that_we_read() {
        assert_eq!(shapes(&"(a|b)".repeat(20)), None);
        assert_eq!(shapes(&"(".repeat(10_000)), None);
        assert!(shapes(&"[0-9]+".repeat(1_000)).is_some());
    }
}
