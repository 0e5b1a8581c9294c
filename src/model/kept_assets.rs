//! What is kept of files that a version had and the next one has not: which answers may be kept, for how long, and what gives way.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

/// Bytes that are kept of an environment.
pub const MOST_BYTES: u64 = 256 << 20;
/// Files that are kept of an environment.
pub const MOST_FILES: usize = 10_000;
/// Bytes of one file.
pub const LARGEST: u64 = 16 << 20;

/// Paths of a service that are remembered, and the bytes that they have in all.
const MOST_PATHS: usize = 10_000;
const MOST_TEXT: usize = 1 << 20;
/// Hours that a path is remembered.
const DAY: u32 = 24;

/// A file that is kept, and what its app has said of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptFile {
    /// The service that had it.
    pub service: String,
    /// The path that clients asked for.
    pub path: String,
    /// The name of its file.
    pub file: String,
    /// Its bytes.
    pub size: u64,
    /// When it is thrown away, in seconds since 1970.
    pub until: u64,
    /// What the app has said of it.
    pub said: Said,
}

/// What an app says of a file that has to be said again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// `Content-Type`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// `ETag`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// `Last-Modified`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_modified: Option<String>,
    /// `Cache-Control`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_control: Option<String>,
}

impl Said {
    /// Reads the fields of an answer with this status. `None` where it may not be kept: it is no file for everybody.
    #[must_use]
    pub fn of_public<'f>(status: u16, fields: impl Iterator<Item = (&'f str, &'f [u8])>) -> Option<Self> {
        let mut said = Self::default();
        if status != 200 {
            return None;
        }
        for (name, value) in fields {
            let text = str::from_utf8(value).ok()?;
            let has = |words: &[&str]| {
                let mut parts = text.split(',').map(|part| part.trim().to_ascii_lowercase());
                parts.any(|part| {
                    words
                        .iter()
                        .any(|word| part == *word || part.starts_with(&format!("{word}=")))
                })
            };
            match name.to_ascii_lowercase().as_str() {
                "content-type" if is_page(text) => return None,
                "content-type" => said.content_type = Some(text.to_owned()),
                "etag" => said.etag = Some(text.to_owned()),
                "last-modified" => said.last_modified = Some(text.to_owned()),
                "cache-control" if has(&["private", "no-store"]) => return None,
                "cache-control" => said.cache_control = Some(text.to_owned()),
                "content-encoding" if !text.eq_ignore_ascii_case("identity") => return None,
                "vary" if has(&["*", "cookie", "authorization"]) => return None,
                "set-cookie" | "content-range" => return None,
                _ => {}
            }
        }
        Some(said)
    }
}

/// Whether a content type is that of a page: what an app answers for whatever it does not have is no file of it.
#[must_use]
pub fn is_page(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("text/html") || essence.eq_ignore_ascii_case("application/xhtml+xml")
}

/// The files that are kept of an environment, the oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptFiles {
    files: Vec<KeptFile>,
}

impl KeptFiles {
    /// Puts a file there, in the place of the one that the same path had. The names of files that are not needed any more; that of the new
    /// one was never given before.
    pub fn put(&mut self, file: KeptFile) -> Vec<String> {
        let replaced = |old: &mut KeptFile| old.service == file.service && old.path == file.path;
        let mut gone: Vec<String> = self.files.extract_if(.., replaced).map(|old| old.file).collect();
        self.files.push(file);
        let (mut count, mut bytes) = self.sum();
        let mut over = 0;
        while over + 1 < self.files.len() && (count > MOST_FILES || bytes > MOST_BYTES) {
            bytes -= self.files[over].size;
            count -= 1;
            over += 1;
        }
        gone.extend(self.files.drain(..over).map(|old| old.file));
        gone
    }

    /// Throws away what was kept long enough; `now` is in seconds since 1970. The names of the files.
    pub fn expire(&mut self, now: u64) -> Vec<String> {
        self.files
            .extract_if(.., |file| file.until <= now)
            .map(|old| old.file)
            .collect()
    }

    /// When [`KeptFiles::expire`] is due next, in seconds since 1970.
    #[must_use]
    pub fn next_expiry(&self) -> Option<u64> {
        self.files.iter().map(|file| file.until).min()
    }

    /// How many files there are, and their bytes in all.
    #[must_use]
    pub fn sum(&self) -> (usize, u64) {
        (self.files.len(), self.files.iter().map(|file| file.size).sum())
    }

    /// Every file.
    pub fn files(&self) -> impl Iterator<Item = &KeptFile> {
        self.files.iter()
    }

    /// Forgets the files that are not there any more.
    pub fn retain(&mut self, is_there: impl Fn(&KeptFile) -> bool) {
        self.files.retain(is_there);
    }
}

/// The paths that clients of a service asked for in the last day, each with the hour of the last time.
#[derive(Debug, Default)]
pub struct Asked {
    hours: HashMap<Box<str>, u32>,
    text: usize,
}

impl Asked {
    /// Remembers a path. Where too many are known, only what was not asked for in a day gives way.
    pub fn note(&mut self, path: &str, hour: u32) {
        if let Some(known) = self.hours.get_mut(path) {
            *known = hour;
            return;
        }
        let is_full = |asked: &Self| asked.hours.len() >= MOST_PATHS || asked.text + path.len() > MOST_TEXT;
        if is_full(self) {
            self.hours.retain(|_, known| *known + DAY > hour);
            self.text = self.hours.keys().map(|path| path.len()).sum();
        }
        if !is_full(self) {
            self.text += path.len();
            self.hours.insert(path.into(), hour);
        }
    }

    /// The paths of the last day, those of the last hours first.
    #[must_use]
    pub fn of_the_day(&self, hour: u32) -> Vec<String> {
        let lately = self.hours.iter().filter(|(_, known)| **known + DAY > hour);
        let mut paths: Vec<(u32, &str)> = lately.map(|(path, known)| (*known, &**path)).collect();
        paths.sort_unstable_by(|one, other| other.0.cmp(&one.0).then(one.1.cmp(other.1)));
        paths.into_iter().map(|(_, path)| path.to_owned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, size: u64, until: u64) -> KeptFile {
        KeptFile {
            service: "web".into(),
            path: path.into(),
            file: format!("{path}-{until}"),
            size,
            until,
            said: Said::default(),
        }
    }

    #[test]
    fn what_is_for_everybody_is_kept_with_what_was_said_of_it() {
        let said = |status, fields: &[(&str, &str)]| {
            Said::of_public(status, fields.iter().map(|(name, value)| (*name, value.as_bytes())))
        };
        let kept = said(
            200,
            &[
                ("Content-Type", "text/css"),
                ("ETag", "\"a\""),
                ("Cache-Control", "public, max-age=60"),
                ("Vary", "Accept-Encoding, Origin"),
                ("Last-Modified", "Thu, 26 Nov 2026 12:00:00 GMT"),
                ("Content-Encoding", "identity"),
            ],
        );
        let kept = kept.unwrap();
        assert_eq!(
            (kept.content_type.as_deref(), kept.etag.as_deref()),
            (Some("text/css"), Some("\"a\""))
        );
        assert!(kept.last_modified.is_some() && kept.cache_control.as_deref() == Some("public, max-age=60"));
        for (name, value) in [
            ("set-cookie", "a=b"),
            ("Cache-Control", "max-age=1, Private"),
            ("cache-control", "private=\"x\""),
            ("cache-control", "no-store"),
            ("Content-Encoding", "gzip"),
            ("vary", "Accept, Cookie"),
            ("vary", "*"),
            ("Vary", "authorization"),
            ("content-range", "bytes 0-1/2"),
            ("content-type", "Text/HTML; charset=utf-8"),
        ] {
            assert_eq!(said(200, &[(name, value)]), None, "{name}: {value}");
        }
        assert!(said(404, &[]).is_none() && said(206, &[]).is_none() && said(200, &[]).is_some());
    }

    #[test]
    fn the_oldest_gives_way_to_count_and_bytes_and_the_same_path_to_itself() {
        let mut files = KeptFiles::default();
        assert!(files.put(file("/a", MOST_BYTES / 2, 10)).is_empty());
        assert!(files.put(file("/b", MOST_BYTES / 2, 10)).is_empty());
        assert_eq!(files.put(file("/c", 1, 10)), ["/a-10"]);
        assert_eq!(files.put(file("/c", 2, 11)), ["/c-10"]);
        assert_eq!(files.sum(), (2, MOST_BYTES / 2 + 2));
        let mut files = KeptFiles::default();
        for n in 0..MOST_FILES {
            assert!(files.put(file(&format!("/{n}"), 1, 10)).is_empty());
        }
        assert_eq!(files.put(file("/x", 1, 10)), ["/0-10"]);
    }

    #[test]
    fn what_was_kept_long_enough_goes() {
        let mut files = KeptFiles::default();
        files.put(file("/a", 1, 10));
        files.put(file("/b", 1, 20));
        assert_eq!(files.next_expiry(), Some(10));
        assert!(files.expire(9).is_empty());
        assert_eq!(files.expire(10), ["/a-10"]);
        assert_eq!((files.next_expiry(), files.sum()), (Some(20), (1, 1)));
    }

    #[test]
    fn paths_of_the_last_day_are_known_and_no_more_than_may() {
        let mut asked = Asked::default();
        asked.note("/old", 1);
        asked.note("/new", 20);
        assert_eq!(asked.of_the_day(20), ["/new", "/old"]);
        assert_eq!(asked.of_the_day(25), ["/new"]);
        for n in 0..2 * MOST_PATHS {
            asked.note(&format!("/{n}"), 20);
        }
        assert_eq!(asked.hours.len(), MOST_PATHS);
        asked.note("/tomorrow", 50);
        assert_eq!(asked.of_the_day(50), ["/tomorrow"]);
        let mut asked = Asked::default();
        for n in 0..2000 {
            asked.note(&format!("/{n}{}", "a".repeat(1000)), 0);
        }
        assert!(asked.text <= MOST_TEXT && asked.hours.len() > 1000);
    }
}
