//! Why an archive is no backup that can be used.

use std::fmt;

/// Characters of a name that are shown: who writes one may write any length.
const SHOWN: usize = 100;

/// A name from an archive, as it may be shown.
#[must_use]
pub fn shown(name: &str) -> String {
    name.escape_debug().take(SHOWN).collect()
}

/// What is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Flaw {
    /// It is something else, as these words say.
    Foreign(String),
    /// A newer Greengate made it, in this version of the format.
    Newer(u32),
    /// It ends too early, or was changed on its way.
    Torn(String),
    /// It holds what belongs in no backup.
    Stranger(String),
    /// It is larger than a backup gets.
    TooLarge(String),
}

impl Flaw {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Foreign(_) => "`proxyctl backup FILE` makes one",
            Self::Newer(_) => "install the version that made it, or a newer one",
            Self::Torn(_) => "copy it again, and compare `sha256sum` of both",
            Self::Stranger(_) | Self::TooLarge(_) => "take one that `proxyctl backup` made",
        }
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Foreign(why) => write!(f, "is no backup of Greengate: {why}"),
            Self::Newer(version) => write!(f, "was made by a newer Greengate, in version {version} of the format"),
            Self::Torn(why) => write!(f, "is torn or was changed: {why}"),
            Self::Stranger(why) => write!(f, "holds what belongs in no backup: {why}"),
            Self::TooLarge(why) => write!(f, "is too large: {why}"),
        }
    }
}

impl std::error::Error for Flaw {}
