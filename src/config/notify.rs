//! `[[notify]]`: who is told what, and how. A URL is a secret here: nothing that is printed shows more of it than its host.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::model::notify::{Format, Topic};

/// A part of a URL that is shorter than this is no secret, and stands in many words.
const LEAST_SECRET: usize = 4;

/// One `[[notify]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// The way to it.
    pub way: Way,
    /// What it understands.
    pub format: Format,
    /// What it is told of.
    pub events: Vec<Topic>,
    /// The environments that it is told of; `None` is all of them.
    pub environments: Option<Vec<Arc<str>>>,
    /// The file of the secrets by which what it gets is signed.
    pub secret_file: Option<PathBuf>,
    /// Of an absence it is told when that has lasted so long.
    pub away_for: Duration,
}

/// The way to a destination.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Way {
    /// A URL that the file names.
    Url(SecretUrl),
    /// The file that the URL stands in.
    UrlFile(PathBuf),
    /// A program and its arguments.
    Command(Vec<String>),
}

impl Destination {
    /// What it is called: the host, the file that has the URL, or the program.
    #[must_use]
    pub fn name(&self) -> String {
        match &self.way {
            Way::Url(url) => url.host().to_owned(),
            Way::UrlFile(path) => path.display().to_string(),
            Way::Command(argv) => argv.first().cloned().unwrap_or_default(),
        }
    }

    /// Whether it is told of this.
    #[must_use]
    pub fn wants(&self, topic: Topic, environments: &[String]) -> bool {
        let concerns = |own: &Vec<Arc<str>>| {
            environments.is_empty() || own.iter().any(|it| environments.contains(&it.to_string()))
        };
        topic == Topic::Test || self.events.contains(&topic) && self.environments.as_ref().is_none_or(concerns)
    }
}

/// A URL that nobody prints.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SecretUrl {
    text: String,
    host: String,
}

impl SecretUrl {
    /// Reads a URL.
    ///
    /// # Errors
    /// What is wrong with it, without saying what it is.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err("has a blank in it");
        }
        let url: http::Uri = text.parse().map_err(|_| "is no URL")?;
        match url.scheme_str() {
            Some("http" | "https") => {}
            Some(_) => return Err("is reached in a way that is not known here"),
            None => return Err("has no `https://` at its beginning"),
        }
        let host = url.host().filter(|host| !host.is_empty()).ok_or("names no host")?;
        let authority = url.authority().map_or("", |authority| authority.as_str());
        let behind = authority.rsplit('@').next().and_then(|rest| rest.strip_prefix(host));
        let port = behind.and_then(|behind| behind.strip_prefix(':'));
        if port.is_some_and(|port| !matches!(port.parse::<u16>(), Ok(1..))) {
            return Err("has no port that there is");
        }
        Ok(Self {
            text: text.to_owned(),
            host: host.to_owned(),
        })
    }

    /// All of it, for the one who sends.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.text
    }

    /// Its host.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// What stands before an `@` in it: a name and a password, as bytes that nothing stands for any more.
    #[must_use]
    pub fn password(&self) -> Option<Vec<u8>> {
        let url: http::Uri = self.text.parse().ok()?;
        let (password, _) = url.authority()?.as_str().rsplit_once('@')?;
        Some(decoded(password))
    }

    /// What others say, without what is secret here: who is asked may repeat all of it in its answer, as pages for 404 do, and whoever
    /// is told of that answer is not told the secret.
    #[must_use]
    pub fn veil(&self, text: &str) -> String {
        use base64::Engine as _;
        let Ok(url) = self.text.parse::<http::Uri>() else {
            return String::new();
        };
        let target = url.path_and_query().map_or("/", |target| target.as_str());
        let before = url.authority().and_then(|it| it.as_str().rsplit_once('@'));
        let password = before.map_or("", |(password, _)| password);
        let parts = [target, password]
            .into_iter()
            .flat_map(|text| text.split(['/', '?', '&', '=', ';', ':', ',']));
        let mut secrets: Vec<String> = parts
            .chain([url.path(), password])
            .flat_map(|part| [part.to_owned(), String::from_utf8_lossy(&decoded(part)).into_owned()])
            .filter(|part| part.len() >= LEAST_SECRET)
            .collect();
        secrets.extend((target.len() > 1).then(|| target.to_owned()));
        secrets.extend(
            self.password()
                .map(|it| base64::engine::general_purpose::STANDARD.encode(it)),
        );
        // What has others in it goes first.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        let veiled = |text: String, secret: &String| text.replace(secret.as_str(), "…");
        secrets.iter().fold(text.to_owned(), veiled)
    }

    /// Whether everybody on the way can read what is sent.
    #[must_use]
    pub fn is_open(&self) -> bool {
        let bare = self.host.trim_matches(['[', ']']);
        let is_here = bare == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
        self.text.starts_with("http:") && !is_here
    }
}

impl fmt::Debug for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretUrl({}/…)", self.host)
    }
}

/// With the bytes that `%2f` and the like stand for.
fn decoded(text: &str) -> Vec<u8> {
    let digit = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16));
    let (bytes, mut decoded, mut at) = (text.as_bytes(), Vec::with_capacity(text.len()), 0);
    while let Some(&byte) = bytes.get(at) {
        let stands_for = match (byte, digit(bytes.get(at + 1)), digit(bytes.get(at + 2))) {
            (b'%', Some(high), Some(low)) => u8::try_from(high * 16 + low).ok(),
            _ => None,
        };
        decoded.push(stands_for.unwrap_or(byte));
        at += if stands_for.is_some() { 3 } else { 1 };
    }
    decoded
}

/// The secrets in a file by which a receiver knows that a message is ours, as Standard Webhooks write them.
///
/// # Errors
/// What is wrong with it, without saying what it is.
pub fn secrets(text: &str) -> Result<Vec<Vec<u8>>, &'static str> {
    use base64::Engine as _;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let secret = |line: &str| {
        let written = line
            .strip_prefix("whsec_")
            .ok_or("has a line without `whsec_` at its beginning")?;
        let decoded = base64::engine::general_purpose::STANDARD.decode(written);
        let secret = decoded.map_err(|_| "has a line that is no base64 behind `whsec_`")?;
        if (24..=64).contains(&secret.len()) {
            Ok(secret)
        } else {
            Err("has a secret that is not between 24 and 64 bytes long")
        }
    };
    let secrets: Vec<Vec<u8>> = lines.map(secret).collect::<Result<_, _>>()?;
    if secrets.is_empty() {
        Err("is empty")
    } else {
        Ok(secrets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_shows_nothing_but_its_host() {
        let url = SecretUrl::parse("https://user:pw@hooks.example.com:8443/services/T000/B000?key=1").unwrap();
        assert_eq!((url.host(), url.is_open()), ("hooks.example.com", false));
        assert_eq!(format!("{url:?}"), "SecretUrl(hooks.example.com/…)");
        assert!(url.reveal().ends_with("key=1"));
    }

    #[test]
    fn what_is_repeated_by_who_was_asked_has_no_secret_in_it() {
        let url = SecretUrl::parse("https://ops:pa%40ss@ntfy.sh/services/nobody-guesses/x?key=hush%2Fed").unwrap();
        for (said, shown) in [
            ("Cannot POST /services/nobody-guesses/x?key=hush%2Fed", "Cannot POST …"),
            ("no route to /services/nobody-guesses/x", "no route to …"),
            (r#"{"topic":"nobody-guesses","id":"x"}"#, r#"{"topic":"…","id":"x"}"#),
            ("key is hush/ed or hush%2Fed", "key is … or …"),
            ("ops:pa@ss, pa@ss, pa%40ss", "…, …, …"),
            ("Basic b3BzOnBhQHNz", "Basic …"),
            ("no_team at ntfy.sh", "no_team at ntfy.sh"),
        ] {
            assert_eq!(url.veil(said), shown);
        }
        let plain = SecretUrl::parse("https://hooks.example.com").unwrap();
        assert_eq!(plain.veil("a/b, 200"), "a/b, 200");
    }

    #[test]
    fn a_password_is_what_its_signs_stand_for() {
        let password = |url| SecretUrl::parse(url).unwrap().password();
        assert_eq!(
            password("https://me:p%40%c3%a9%zz@a.test/").unwrap(),
            "me:p@é%zz".as_bytes()
        );
        assert_eq!(password("https://:tk_abc@a.test/").unwrap(), b":tk_abc");
        assert_eq!(password("https://a.test/x@y"), None);
    }

    #[test]
    fn what_is_no_url_is_named_without_being_shown() {
        for text in [
            "",
            "hooks.example.com/x",
            "ftp://a/b",
            "https://",
            "https:///x",
            "https://a b/",
            "/x",
            "https://a:99999/",
        ] {
            let why = SecretUrl::parse(text).unwrap_err();
            assert!(text.is_empty() || !why.contains(text), "{why}");
        }
    }

    #[test]
    fn plain_http_is_open_but_on_this_machine() {
        for (text, open) in [
            ("http://10.0.0.1/x", true),
            ("http://example.com/x", true),
            ("https://example.com/x", false),
            ("http://localhost:8080/x", false),
            ("http://[::1]/x", false),
            ("http://127.0.0.9/x", false),
        ] {
            assert_eq!(SecretUrl::parse(text).unwrap().is_open(), open, "{text}");
        }
    }

    #[test]
    fn secrets_are_one_a_line_so_that_they_can_be_changed_without_a_gap() {
        let one = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        assert_eq!(secrets(&format!("{one}\n")).unwrap()[0].len(), 24);
        assert_eq!(secrets(&format!("\n {one}\n{one}")).unwrap().len(), 2);
        for wrong in ["", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_???", "whsec_YQ=="] {
            assert!(secrets(wrong).is_err(), "{wrong}");
        }
    }
}
