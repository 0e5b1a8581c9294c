//! Hosts that stand for each other in two environments: `app.example.com` in one is `dev-app.example.com` in the other, in whatever
//! value it stands.

/// Pairs of names: a host of one environment, and the host in its place in the other.
#[derive(Debug, Clone, Default)]
pub(super) struct Names(Vec<(String, String)>);

impl Names {
    /// Notes two hosts that have the same place, and the domains that they lie in: with `app.example.com` and `app.example.dev`,
    /// `example.com` stands for `example.dev`. A wildcard is known by its domain.
    pub(super) fn pair(&mut self, a: &str, b: &str) {
        let (mut a, mut b) = (bare(a), bare(b));
        loop {
            if a != b {
                self.0.push((a.to_owned(), b.to_owned()));
            }
            let (Some((_, above_a)), Some((_, above_b))) = (a.split_once('.'), b.split_once('.')) else {
                return;
            };
            // A top-level domain is nobody's.
            if !(above_a.contains('.') && above_b.contains('.')) {
                return;
            }
            (a, b) = (above_a, above_b);
        }
    }

    /// Whether two texts say the same, each of its own environment.
    pub(super) fn agree(&self, a: &str, b: &str) -> bool {
        if a == b {
            return true;
        }
        let (a, b) = (words(a), words(b));
        a.len() == b.len() && a.iter().zip(&b).all(|(a, b)| self.stand_for_each_other(a, b))
    }

    /// Whether two words are equal, or are a pair, both below the same labels: `cdn.example.com` and `cdn.example.dev`.
    fn stand_for_each_other(&self, a: &str, b: &str) -> bool {
        if a == b {
            return true;
        }
        let (a, b) = (a.to_ascii_lowercase(), b.to_ascii_lowercase());
        self.0.iter().any(|(of_a, of_b)| {
            let (Some(before_a), Some(before_b)) = (a.strip_suffix(of_a.as_str()), b.strip_suffix(of_b.as_str()))
            else {
                return false;
            };
            before_a == before_b && (before_a.is_empty() || before_a.ends_with('.'))
        })
    }
}

fn bare(host: &str) -> &str {
    host.strip_prefix("*.").unwrap_or(host)
}

/// A text cut where names begin and end.
fn words(text: &str) -> Vec<&str> {
    let is_of_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    let mut words = Vec::new();
    let mut start = 0;
    let bytes = text.as_bytes();
    for end in 1..=bytes.len() {
        let ends = end == bytes.len() || is_of_name(bytes[end]) != is_of_name(bytes[end - 1]);
        // Names are ASCII, so that every cut lies between two characters.
        if ends && let Some(word) = text.get(start..end) {
            words.push(word);
            start = end;
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(pairs: &[(&str, &str)]) -> Names {
        let mut names = Names::default();
        pairs.iter().for_each(|(a, b)| names.pair(a, b));
        names
    }

    #[test]
    fn a_host_stands_for_the_one_in_its_place() {
        let names = names(&[
            ("example.com", "dev.example.com"),
            ("*.example.com", "*.dev.example.com"),
            ("app.shop.test", "dev-app.shop.test"),
            ("api.one.org", "api.two.org"),
        ]);
        for (a, b) in [
            ("https://example.com/x", "https://dev.example.com/x"),
            ("https://*.example.com", "https://*.dev.example.com"),
            ("Example.com", "DEV.example.com"),
            (
                "default-src example.com cdn.example.com",
                "default-src dev.example.com cdn.dev.example.com",
            ),
            // What stays in production is the same for both.
            ("example.com https://static.net", "dev.example.com https://static.net"),
            ("cdn.example.com example.com", "cdn.example.com dev.example.com"),
            ("a=1; Domain=app.shop.test", "a=1; Domain=dev-app.shop.test"),
            ("https://login.one.org/", "https://login.two.org/"),
            ("", ""),
            ("ä example.com ö", "ä dev.example.com ö"),
        ] {
            assert!(names.agree(a, b), "{a} and {b}");
        }
    }

    #[test]
    fn other_texts_differ() {
        let names = names(&[("example.com", "dev.example.com"), ("a.com", "b.com")]);
        for (a, b) in [
            ("example.com", "example.org"),
            ("notexample.com", "notdev.example.com"),
            ("dev.example.com", "example.com"),
            ("x.com", "y.com"),
            ("1.com", "1.org"),
            ("example.com", "dev.example.com dev.example.com"),
            ("example.com:443", "dev.example.com:8443"),
            ("max-age=60", "max-age=61"),
            ("ä", "ö"),
            ("", "x"),
        ] {
            assert!(!names.agree(a, b), "{a} and {b}");
        }
    }
}
