//! The users of a file as htpasswd writes it, and how such a file is changed: a line `name:hash` for each, empty lines, and comments
//! that begin with `#`.

use std::collections::BTreeMap;
use std::fmt;

use super::credentials::Credentials;
use super::hash::Hash;

/// The users of one file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Users(BTreeMap<Box<str>, Hash>);

/// What is wrong with one line. Shows nothing of a password or its hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flaw {
    /// From 1.
    pub line: usize,
    /// What is wrong.
    pub what: String,
    /// Whose line it is, where that can be said.
    pub user: Option<String>,
}

impl Flaw {
    fn new(line: usize, what: impl Into<String>) -> Self {
        Self {
            line,
            what: what.into(),
            user: None,
        }
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

/// Why a text cannot be a user's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoName {
    /// There is nothing.
    Empty,
    /// A colon ends a name (RFC 7617 §2).
    Colon,
    /// No client may send a control character (RFC 7617 §2).
    ControlCharacter,
    /// It would be a comment.
    Comment,
    /// Spaces at its ends could not be seen.
    Spaces,
    /// More than 128 bytes.
    TooLong,
}

impl fmt::Display for NoName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "the user name is empty",
            Self::Colon => "the user name has a colon, which ends a name",
            Self::ControlCharacter => "the user name has a control character",
            Self::Comment => "the user name begins with `#`, which begins a comment",
            Self::Spaces => "the user name begins or ends with a space",
            Self::TooLong => "the user name has more than 128 bytes",
        })
    }
}

/// Bytes of a name.
const LONGEST_NAME: usize = 128;

/// Whether a text can be a user's name.
///
/// # Errors
/// Why not.
pub fn check_name(name: &str) -> Result<(), NoName> {
    if name.is_empty() {
        Err(NoName::Empty)
    } else if name.contains(':') {
        Err(NoName::Colon)
    } else if name.contains(char::is_control) {
        Err(NoName::ControlCharacter)
    } else if name.starts_with('#') {
        Err(NoName::Comment)
    } else if name.trim() != name {
        Err(NoName::Spaces)
    } else if name.len() > LONGEST_NAME {
        Err(NoName::TooLong)
    } else {
        Ok(())
    }
}

impl Users {
    /// Reads a file.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn parse(text: &str) -> Result<Self, Vec<Flaw>> {
        let mut users = BTreeMap::new();
        let mut flaws = Vec::new();
        for (place, line) in text.lines().enumerate() {
            let number = place + 1;
            match read(number, line) {
                Ok(None) => {}
                Ok(Some((name, hash))) => {
                    if users.insert(Box::from(name), hash).is_some() {
                        let what = format!("`{}` stands here a second time", name.escape_debug());
                        flaws.push(Flaw::new(number, what));
                    }
                }
                Err(flaw) => flaws.push(flaw),
            }
        }
        if flaws.is_empty() { Ok(Self(users)) } else { Err(flaws) }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is nobody.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether these credentials are one's of them. That takes its time, and for a name that nobody has as much as for one of
    /// theirs: then the password is checked against the hash of somebody else, whom `chance` chooses.
    #[must_use]
    pub fn admit(&self, credentials: &Credentials, chance: u64) -> bool {
        let own = self.0.get(credentials.name());
        let others = || {
            let place = chance.checked_rem(self.0.len() as u64)?;
            self.0.values().nth(usize::try_from(place).ok()?)
        };
        let fits = own
            .or_else(others)
            .is_some_and(|hash| hash.fits(credentials.password()));
        fits && own.is_some()
    }
}

/// One line: a name and its hash, or nothing.
fn read(number: usize, line: &str) -> Result<Option<(&str, Hash)>, Flaw> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let Some((name, rest)) = line.split_once(':') else {
        return Err(Flaw::new(number, "is not `name:hash`"));
    };
    check_name(name).map_err(|why| Flaw::new(number, why.to_string()))?;
    // What stands behind another colon is a remark, as Apache and nginx read it.
    let hash = rest.split(':').next().unwrap_or_default();
    match Hash::parse(hash) {
        Ok(hash) => Ok(Some((name, hash))),
        Err(what) => {
            let user = name.escape_debug().to_string();
            Err(Flaw {
                line: number,
                what: format!("the hash of `{user}` {what}"),
                user: Some(user),
            })
        }
    }
}

/// The text of a file with a user's hash in it: in the place of the one before, or behind all others. Everything else stays as it
/// is. Also whether the user is a new one.
#[must_use]
pub fn with_user(text: &str, name: &str, hash: &Hash) -> (String, bool) {
    let line = format!("{name}:{}\n", hash.as_str());
    let mut out = String::with_capacity(text.len() + line.len());
    let mut is_new = true;
    for old in text.split_inclusive('\n') {
        if !is_of(old, name) {
            out.push_str(old);
        } else if is_new {
            out.push_str(&line);
            is_new = false;
        }
    }
    if is_new {
        if !out.is_empty() && !out.ends_with('\n') {
            out.push('\n');
        }
        out.push_str(&line);
    }
    (out, is_new)
}

/// The text of a file without a user; `None` when it has none of that name.
#[must_use]
pub fn without_user(text: &str, name: &str) -> Option<String> {
    let lines = || text.split_inclusive('\n');
    let found = lines().any(|line| is_of(line, name));
    found.then(|| lines().filter(|line| !is_of(line, name)).collect())
}

/// Whether a line is a user's.
fn is_of(line: &str, name: &str) -> bool {
    let line = line.trim();
    !line.starts_with('#') && line.split_once(':').is_some_and(|(of, _)| of == name)
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;

    use super::*;

    fn hash(password: &str, cost: u32) -> String {
        let parts = bcrypt::hash_with_salt(password, cost, [3; 16]).unwrap();
        parts.format_for_version(bcrypt::Version::TwoY)
    }

    fn credentials(text: &str) -> Credentials {
        let encoded = base64::engine::general_purpose::STANDARD.encode(text);
        Credentials::parse(format!("Basic {encoded}").as_bytes()).unwrap()
    }

    #[test]
    fn a_file_is_read_as_htpasswd_writes_it() {
        let (anna, bert) = (hash("one", 4), hash("two", 5));
        let text = format!("# the team\n\nanna:{anna}\r\n  bert:{bert}:a remark\n");
        let users = Users::parse(&text).unwrap();
        assert_eq!(users.len(), 2);
        for (sent, admitted) in [
            ("anna:one", true),
            ("bert:two", true),
            ("anna:two", false),
            ("anna:", false),
            ("Anna:one", false),
            ("carl:one", false),
            ("carl:two", false),
        ] {
            for chance in 0..3 {
                assert_eq!(users.admit(&credentials(sent), chance), admitted, "{sent}");
            }
        }
        assert!(!Users::default().admit(&credentials("anna:one"), 7));
    }

    #[test]
    fn e35_every_wrong_line_is_named_and_no_secret_is_shown() {
        let right = hash("one", 4);
        let text = format!(
            "anna:{right}\nbert:$apr1$rOioh4Wh$bVD3DRwksETubcpEH90ww0\nhunter2\ncarl:hunter3\n:{right}\n\
             anna:{right}\n\u{1b}[2J:{right}\ndora:{{SHA}}hunter4\n"
        );
        let flaws = Users::parse(&text).unwrap_err();
        let shown: Vec<String> = flaws.iter().map(ToString::to_string).collect();
        assert_eq!(
            shown,
            [
                "line 2: the hash of `bert` is MD5 (apr1), and bcrypt alone is accepted",
                "line 3: is not `name:hash`",
                "line 4: the hash of `carl` is no bcrypt hash: DES crypt, or a password as it is typed, and bcrypt alone is accepted",
                "line 5: the user name is empty",
                "line 6: `anna` stands here a second time",
                "line 7: the user name has a control character",
                "line 8: the hash of `dora` is SHA-1, and bcrypt alone is accepted",
            ]
        );
        assert_eq!(flaws[0].user.as_deref(), Some("bert"));
    }

    #[test]
    fn a_user_comes_changes_and_goes_and_everything_else_stays() {
        let new = Hash::parse(&hash("new", 4)).unwrap();
        let text = "# a word\nanna:$apr1$x\n\nbert:{SHA}y:remark\n#anna:old";
        let (added, is_new) = with_user(text, "carl", &new);
        assert_eq!((added, is_new), (format!("{text}\ncarl:{}\n", new.as_str()), true));
        let (changed, is_new) = with_user(text, "anna", &new);
        assert!(!is_new);
        assert_eq!(changed, text.replace("anna:$apr1$x", &format!("anna:{}", new.as_str())));
        assert_eq!(
            without_user(text, "bert").as_deref(),
            Some("# a word\nanna:$apr1$x\n\n#anna:old")
        );
        assert_eq!(without_user(text, "carl"), None);
        let twice = "anna:1\nbert:2\nanna:3\n";
        assert_eq!(
            with_user(twice, "anna", &new).0,
            format!("anna:{}\nbert:2\n", new.as_str())
        );
        assert_eq!(without_user(twice, "anna").as_deref(), Some("bert:2\n"));
        assert_eq!(with_user("", "anna", &new).0, format!("anna:{}\n", new.as_str()));
    }

    #[test]
    fn a_name_that_no_client_could_send_is_none() {
        for (name, why) in [
            ("", NoName::Empty),
            ("a:b", NoName::Colon),
            ("a\nb", NoName::ControlCharacter),
            ("#a", NoName::Comment),
            (" a", NoName::Spaces),
        ] {
            assert_eq!(check_name(name), Err(why), "{name:?}");
        }
        assert_eq!(check_name(&"x".repeat(129)), Err(NoName::TooLong));
        for name in ["anna", "anna.b@example.com", "Jörg Müller", "a#b"] {
            assert_eq!(check_name(name), Ok(()), "{name}");
        }
    }
}
