//! The list that comes first in a backup, in JSON, so that people can read it too.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::content::{CONFIGURATION, Place, place};
use super::flaw::{Flaw, shown};

/// Names and contents of files, in the order of an archive.
pub type Files = Vec<(String, Vec<u8>)>;

/// What the field `format` says.
const FORMAT: &str = "greengate-backup";

/// Where a backup is from, and what it holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Always `greengate-backup`.
    pub format: String,
    /// Version of the format.
    pub version: u32,
    /// The version of Greengate that made it.
    pub greengate: String,
    /// When, RFC 3339.
    pub created: String,
    /// The machine's name.
    pub host: String,
    /// Where the configuration was.
    pub configuration: String,
    /// Where the state folder was.
    pub state_dir: String,
    /// Every file, in the archive's order.
    pub files: Vec<Member>,
}

/// One file of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Its name in the archive.
    pub name: String,
    /// How the configuration names it: only of files below `files/`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Bytes.
    pub size: u64,
    /// Of its content, in hexadecimal digits.
    pub sha256: String,
    /// Whose it was.
    pub rights: Rights,
    /// Whose the folder was that it stood in; not of files in the state folder, which have one owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<Rights>,
}

/// Who may do what with a file or a folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rights {
    /// Bits of permission, as `chmod` takes them.
    #[serde(with = "octal")]
    pub mode: u32,
    /// The owner's name, or the number where there was no name.
    pub user: String,
    /// The group's name, or the number where there was no name.
    pub group: String,
}

impl Manifest {
    /// The only version of the format so far.
    pub const VERSION: u32 = 1;

    /// A manifest of this version's format.
    #[must_use]
    pub fn new(created: String, host: String, configuration: String, state_dir: String, files: Vec<Member>) -> Self {
        Self {
            format: FORMAT.to_owned(),
            version: Self::VERSION,
            greengate: env!("CARGO_PKG_VERSION").to_owned(),
            created,
            host,
            configuration,
            state_dir,
            files,
        }
    }

    /// The manifest that these bytes are.
    ///
    /// # Errors
    /// When they are something else, or of a newer format.
    pub fn parse(bytes: &[u8]) -> Result<Self, Flaw> {
        /// What every version has.
        #[derive(Deserialize)]
        struct Versioned {
            format: String,
            version: u32,
        }
        let no_manifest = |error: serde_json::Error| Flaw::Foreign(format!("its manifest cannot be read: {error}"));
        let Versioned { format, version } = serde_json::from_slice(bytes).map_err(no_manifest)?;
        if format != FORMAT {
            return Err(Flaw::Foreign("its manifest is of another program".to_owned()));
        }
        if version > Self::VERSION {
            return Err(Flaw::Newer(version));
        }
        serde_json::from_slice(bytes).map_err(no_manifest)
    }

    /// Takes what an archive holds, when it is exactly what this list says; `digest` is SHA-256 in hexadecimal digits.
    ///
    /// # Errors
    /// The first file that is strange, missing, there twice, or not as listed.
    pub fn check(&self, found: Files, digest: impl Fn(&[u8]) -> String) -> Result<BTreeMap<String, Vec<u8>>, Flaw> {
        let listed = self.listed()?;
        let mut held = BTreeMap::new();
        for (name, bytes) in found {
            let shown = shown(&name);
            if place(&name).is_none() {
                return Err(Flaw::Stranger(format!("`{shown}`")));
            }
            let Some(member) = listed.get(name.as_str()) else {
                return Err(Flaw::Torn(format!("`{shown}` is not in its manifest")));
            };
            if bytes.len() as u64 != member.size || digest(&bytes) != member.sha256 {
                return Err(Flaw::Torn(format!("`{shown}` is not what its manifest says")));
            }
            if held.insert(name, bytes).is_some() {
                return Err(Flaw::Stranger(format!("`{shown}` twice")));
            }
        }
        match listed.keys().find(|name| !held.contains_key(**name)) {
            Some(name) => Err(Flaw::Torn(format!("`{name}` is missing"))),
            None => Ok(held),
        }
    }

    /// The files by name, each of which belongs in a backup.
    fn listed(&self) -> Result<BTreeMap<&str, &Member>, Flaw> {
        let (mut listed, mut paths) = (BTreeMap::new(), BTreeSet::new());
        for member in &self.files {
            let shown = shown(&member.name);
            let is_right = match place(&member.name) {
                None => return Err(Flaw::Stranger(format!("`{shown}`"))),
                Some(Place::Named) => member.path.as_ref().is_some_and(|path| paths.insert(path)),
                Some(Place::Configuration | Place::State(_)) => member.path.is_none(),
            };
            if !is_right || listed.insert(member.name.as_str(), member).is_some() {
                return Err(Flaw::Stranger(format!("`{shown}` twice, or at an odd place")));
            }
        }
        if listed.contains_key(CONFIGURATION) {
            Ok(listed)
        } else {
            Err(Flaw::Foreign(format!("there is no `{CONFIGURATION}` in it")))
        }
    }
}

/// `"0640"`, as people write modes. Nothing beyond permissions is taken.
mod octal {
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    // Serde's `with` hands over a reference.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
    pub(super) fn serialize<S: Serializer>(mode: &u32, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format!("{mode:04o}"))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
        let text = String::deserialize(deserializer)?;
        let mode = u32::from_str_radix(&text, 8).map_err(D::Error::custom)?;
        Ok(mode & 0o777)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(bytes: &[u8]) -> String {
        format!("{bytes:?}")
    }

    fn member(name: &str, path: Option<&str>, bytes: &[u8]) -> Member {
        let rights = Rights {
            mode: 0o640,
            user: "root".into(),
            group: "greengate".into(),
        };
        Member {
            name: name.into(),
            path: path.map(Into::into),
            size: bytes.len() as u64,
            sha256: digest(bytes),
            rights,
            folder: None,
        }
    }

    fn manifest(files: Vec<Member>) -> Manifest {
        let text = |text: &str| text.to_owned();
        Manifest::new(
            text("2026-01-01T00:00:00Z"),
            text("a"),
            text("/p.toml"),
            text("/s"),
            files,
        )
    }

    fn small() -> Manifest {
        manifest(vec![
            member("proxy.toml", None, b"one"),
            member("state/state.json", None, b"two"),
            member("files/1/users", Some("users"), b"three"),
        ])
    }

    fn found() -> Files {
        [
            ("proxy.toml", "one"),
            ("state/state.json", "two"),
            ("files/1/users", "three"),
        ]
        .map(|(name, bytes)| (name.to_owned(), bytes.as_bytes().to_vec()))
        .to_vec()
    }

    #[test]
    fn it_reads_back_what_it_writes_with_modes_as_people_write_them() {
        let text = serde_json::to_string(&small()).unwrap();
        assert!(text.contains(r#""mode":"0640""#), "{text}");
        assert_eq!(Manifest::parse(text.as_bytes()).unwrap(), small());
        let odd = text.replace("0640", "104777");
        assert_eq!(Manifest::parse(odd.as_bytes()).unwrap().files[0].rights.mode, 0o777);
    }

    #[test]
    fn what_is_newer_or_of_another_program_says_so() {
        let newer = br#"{"format":"greengate-backup","version":2,"worlds":[]}"#;
        assert_eq!(Manifest::parse(newer), Err(Flaw::Newer(2)));
        for text in [
            "",
            "{",
            "[]",
            r#"{"format":"tar","version":1}"#,
            r#"{"format":"greengate-backup","version":1}"#,
        ] {
            assert!(
                matches!(Manifest::parse(text.as_bytes()), Err(Flaw::Foreign(_))),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_held_is_what_is_listed_or_refused() {
        assert_eq!(small().check(found(), digest).unwrap().len(), 3);
        let refused = |change: &dyn Fn(&mut Files)| {
            let mut found = found();
            change(&mut found);
            small().check(found, digest).unwrap_err().to_string()
        };
        assert!(refused(&|found| drop(found.pop())).contains("`files/1/users` is missing"));
        assert!(refused(&|found| found[1].1.push(b'x')).contains("`state/state.json` is not what"));
        assert!(refused(&|found| found[1].1 = b"tow".to_vec()).contains("`state/state.json` is not what"));
        assert!(refused(&|found| found.push(("state/ca/root.pem".into(), Vec::new()))).contains("not in its manifest"));
        assert!(refused(&|found| found.push(found[0].clone())).contains("`proxy.toml` twice"));
        assert!(refused(&|found| found.push(("../x\u{1b}".into(), Vec::new()))).contains(r"`../x\u{1b}`"));
    }

    #[test]
    fn a_list_with_strange_or_double_entries_is_refused() {
        for files in [
            vec![],
            vec![member("state/state.json", None, b"")],
            vec![member("proxy.toml", None, b""), member("proxy.toml", None, b"")],
            vec![member("proxy.toml", Some("/etc/passwd"), b"")],
            vec![member("proxy.toml", None, b""), member("files/1/a", None, b"")],
            vec![
                member("proxy.toml", None, b""),
                member("files/1/a", Some("/a"), b""),
                member("files/2/a", Some("/a"), b""),
            ],
            vec![member("proxy.toml", None, b""), member("state/lock", None, b"")],
        ] {
            assert!(manifest(files.clone()).check(Vec::new(), digest).is_err(), "{files:?}");
        }
    }
}
