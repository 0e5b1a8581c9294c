//! Texts with placeholders in braces, as `web@{slot}` or `https://{host}{path}`, over any set of placeholders. What they stand for is
//! known to those who fill them in.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A set of placeholders.
pub trait Placeholders: Copy + Eq + 'static {
    /// Each of them, in the order in which they are listed for people.
    const ALL: &'static [Self];

    /// The name that stands in braces.
    fn name(self) -> &'static str;

    /// All the names that may stand in braces.
    fn names() -> impl Iterator<Item = &'static str> {
        Self::ALL.iter().map(|known| known.name())
    }
}

/// A text with placeholders.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String", bound = "P: Placeholders")]
pub struct Template<P>(Vec<Piece<P>>);

/// A part of such a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece<P> {
    /// What stands there as it is.
    Text(String),
    /// What something else is put in place of.
    Placeholder(P),
}

impl<P: Placeholders> Template<P> {
    /// Reads a text. Braces around anything but lower-case letters and underscores are text, as in JSON or `awk`.
    ///
    /// # Errors
    /// A name in braces that is no placeholder's.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut before = String::new();
        let mut rest = text;
        while let Some((plain, behind)) = rest.split_once('{') {
            before.push_str(plain);
            let is_name = |name: &&str| !name.is_empty() && name.bytes().all(|b| b == b'_' || b.is_ascii_lowercase());
            let name = behind.split_once('}').map(|(name, _)| name).filter(is_name);
            let Some(name) = name else {
                before.push('{');
                rest = behind;
                continue;
            };
            let known = P::ALL.iter().find(|known| known.name() == name);
            let placeholder = *known.ok_or_else(|| name.to_owned())?;
            if !before.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut before)));
            }
            pieces.push(Piece::Placeholder(placeholder));
            rest = &behind[name.len() + 1..];
        }
        before.push_str(rest);
        if !before.is_empty() {
            pieces.push(Piece::Text(before));
        }
        Ok(Self(pieces))
    }

    /// Whether `placeholder` stands in it.
    #[must_use]
    pub fn names(&self, placeholder: P) -> bool {
        self.0.contains(&Piece::Placeholder(placeholder))
    }

    /// What it is made of, in order.
    #[must_use]
    pub fn pieces(&self) -> &[Piece<P>] {
        &self.0
    }
}

impl<P: Placeholders> fmt::Display for Template<P> {
    /// As it was written.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|piece| match piece {
            Piece::Text(text) => f.write_str(text),
            Piece::Placeholder(placeholder) => write!(f, "{{{}}}", placeholder.name()),
        })
    }
}

impl<P: Placeholders> From<Template<P>> for String {
    fn from(template: Template<P>) -> Self {
        template.to_string()
    }
}

impl<P: Placeholders> TryFrom<String> for Template<P> {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).map_err(|name| format!("`{{{name}}}` is no placeholder"))
    }
}
