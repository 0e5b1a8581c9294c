//! The type of a file, by the ending of its name.

/// What a file is for those who read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// `Content-Type`: text is UTF-8.
    pub content_type: &'static str,
    /// Whether it shrinks when it is encoded, so that encoded forms of it may lie beside it.
    pub shrinks: bool,
}

/// What nobody knows the type of.
const UNKNOWN: Kind = Kind {
    content_type: "application/octet-stream",
    shrinks: false,
};
const PAGE: &str = "text/html; charset=utf-8";

/// Endings in lower case, in order. `true` where encoding makes them smaller.
const KINDS: [(&str, &str, bool); 68] = [
    ("7z", "application/x-7z-compressed", false),
    ("aac", "audio/aac", false),
    ("apk", "application/vnd.android.package-archive", false),
    ("apng", "image/apng", false),
    ("appcache", "text/cache-manifest; charset=utf-8", true),
    ("atom", "application/atom+xml; charset=utf-8", true),
    ("avif", "image/avif", false),
    ("bmp", "image/bmp", true),
    ("cjs", "text/javascript; charset=utf-8", true),
    ("css", "text/css; charset=utf-8", true),
    ("csv", "text/csv; charset=utf-8", true),
    ("deb", "application/vnd.debian.binary-package", false),
    ("doc", "application/msword", false),
    (
        "docx",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        false,
    ),
    ("eot", "application/vnd.ms-fontobject", true),
    ("epub", "application/epub+zip", false),
    ("flac", "audio/flac", false),
    ("geojson", "application/geo+json; charset=utf-8", true),
    ("gif", "image/gif", false),
    ("glb", "model/gltf-binary", false),
    ("gltf", "model/gltf+json; charset=utf-8", true),
    ("gz", "application/gzip", false),
    ("htm", PAGE, true),
    ("html", PAGE, true),
    ("ico", "image/x-icon", true),
    ("ics", "text/calendar; charset=utf-8", true),
    ("jpeg", "image/jpeg", false),
    ("jpg", "image/jpeg", false),
    ("js", "text/javascript; charset=utf-8", true),
    ("json", "application/json; charset=utf-8", true),
    ("jsonld", "application/ld+json; charset=utf-8", true),
    ("jxl", "image/jxl", false),
    ("m3u8", "application/vnd.apple.mpegurl", true),
    ("m4a", "audio/mp4", false),
    ("m4v", "video/mp4", false),
    ("map", "application/json; charset=utf-8", true),
    ("md", "text/markdown; charset=utf-8", true),
    ("mjs", "text/javascript; charset=utf-8", true),
    ("mov", "video/quicktime", false),
    ("mp3", "audio/mpeg", false),
    ("mp4", "video/mp4", false),
    ("mpd", "application/dash+xml; charset=utf-8", true),
    ("oga", "audio/ogg", false),
    ("ogg", "audio/ogg", false),
    ("ogv", "video/ogg", false),
    ("opus", "audio/ogg", false),
    ("otf", "font/otf", true),
    ("pdf", "application/pdf", false),
    ("png", "image/png", false),
    ("rss", "application/rss+xml; charset=utf-8", true),
    ("rtf", "application/rtf", true),
    ("svg", "image/svg+xml; charset=utf-8", true),
    ("tar", "application/x-tar", false),
    ("ttf", "font/ttf", true),
    ("txt", "text/plain; charset=utf-8", true),
    ("vtt", "text/vtt; charset=utf-8", true),
    ("wasm", "application/wasm", true),
    ("wav", "audio/wav", false),
    ("webm", "video/webm", false),
    ("webmanifest", "application/manifest+json; charset=utf-8", true),
    ("webp", "image/webp", false),
    ("woff", "font/woff", false),
    ("woff2", "font/woff2", false),
    ("xhtml", "application/xhtml+xml; charset=utf-8", true),
    ("xml", "application/xml; charset=utf-8", true),
    ("xsl", "application/xslt+xml; charset=utf-8", true),
    ("zip", "application/zip", false),
    ("zst", "application/zstd", false),
];
/// The longest ending that is known.
const LONGEST: usize = 11;

impl Kind {
    /// That of a file with this name, which may have a path before it.
    #[must_use]
    pub fn of(name: &[u8]) -> Self {
        Self::known(name).unwrap_or(UNKNOWN)
    }

    /// As [`Kind::of`], where the ending is a known one.
    #[must_use]
    pub fn known(name: &[u8]) -> Option<Self> {
        let name = memchr::memrchr(b'/', name).map_or(name, |slash| &name[slash + 1..]);
        let ending = &name[memchr::memrchr(b'.', name)? + 1..];
        let mut lower = [0; LONGEST];
        let lower = lower.get_mut(..ending.len())?;
        lower.copy_from_slice(ending);
        lower.make_ascii_lowercase();
        let found = KINDS.binary_search_by(|(known, ..)| known.as_bytes().cmp(lower));
        found.ok().map(|place| Self {
            content_type: KINDS[place].1,
            shrinks: KINDS[place].2,
        })
    }

    /// Whether people read it as a page.
    #[must_use]
    pub fn is_page(self) -> bool {
        self.content_type == PAGE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_known_by_its_ending_in_any_case_and_text_is_utf_8() {
        for (name, expected) in [
            ("index.html", "text/html; charset=utf-8"),
            ("a/b.d/APP.JS", "text/javascript; charset=utf-8"),
            ("app.js.map", "application/json; charset=utf-8"),
            ("site.webmanifest", "application/manifest+json; charset=utf-8"),
            ("a.woff2", "font/woff2"),
            ("a.wasm", "application/wasm"),
            ("a.tar.gz", "application/gzip"),
            ("html", "application/octet-stream"),
            ("a.js/b", "application/octet-stream"),
            ("a.", "application/octet-stream"),
            ("a.unknown-ending", "application/octet-stream"),
            ("a.\u{130}", "application/octet-stream"),
            ("", "application/octet-stream"),
        ] {
            assert_eq!(Kind::of(name.as_bytes()).content_type, expected, "{name}");
        }
        assert!(Kind::of(b"a.htm").is_page() && !Kind::of(b"a.svg").is_page());
        assert!(Kind::of(b"a.svg").shrinks && !Kind::of(b"a.png").shrinks);
    }

    #[test]
    fn every_ending_is_found_and_text_says_its_charset() {
        for (ending, content_type, _) in KINDS {
            assert_eq!(Kind::of(format!("x.{ending}").as_bytes()).content_type, content_type);
            assert!(ending.len() <= LONGEST, "{ending}");
            let is_text = content_type.starts_with("text/");
            assert!(!is_text || content_type.ends_with("; charset=utf-8"), "{ending}");
        }
        assert!(KINDS.is_sorted());
    }
}
