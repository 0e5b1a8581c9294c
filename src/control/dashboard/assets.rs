//! The files of the page. They are a part of the binary, so that page and daemon are always of one version.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::LazyLock;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, ETAG};
use http::{HeaderMap, HeaderValue, Response, StatusCode};

use crate::control::web::{Payload, is_same, reply};

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// One file.
struct Asset {
    path: &'static str,
    content_type: &'static str,
    bytes: &'static [u8],
}

macro_rules! assets {
    ($($path:literal $name:literal $content_type:ident),* $(,)?) => {
        [$(Asset {
            path: $path,
            content_type: $content_type,
            bytes: include_bytes!(concat!("page/", $name)),
        }),*]
    };
}

static ASSETS: [Asset; 25] = assets![
    "/" "index.html" HTML,
    "/base.css" "base.css" CSS,
    "/cards.css" "cards.css" CSS,
    "/charts.css" "charts.css" CSS,
    "/lists.css" "lists.css" CSS,
    "/main.js" "main.js" SCRIPT,
    "/cards.js" "cards.js" SCRIPT,
    "/charts.js" "charts.js" SCRIPT,
    "/element.js" "element.js" SCRIPT,
    "/feed.js" "feed.js" SCRIPT,
    "/history.js" "history.js" SCRIPT,
    "/operations.js" "operations.js" SCRIPT,
    "/plot.js" "plot.js" SCRIPT,
    "/standing.js" "standing.js" SCRIPT,
    "/state.js" "state.js" SCRIPT,
    "/steps.js" "steps.js" SCRIPT,
    "/swap.js" "swap.js" SCRIPT,
    "/tables.js" "tables.js" SCRIPT,
    "/verdict.js" "verdict.js" SCRIPT,
    "/words.js" "words.js" SCRIPT,
    "/icon-away.svg" "icon-away.svg" SVG,
    "/icon-bad.svg" "icon-bad.svg" SVG,
    "/icon-busy.svg" "icon-busy.svg" SVG,
    "/icon-look.svg" "icon-look.svg" SVG,
    "/icon-well.svg" "icon-well.svg" SVG,
];

/// The page as a whole: another one has another word.
pub(super) static EDITION: LazyLock<String> = LazyLock::new(|| {
    let mut hasher = DefaultHasher::new();
    ASSETS.iter().for_each(|asset| asset.bytes.hash(&mut hasher));
    format!("{:016x}", hasher.finish())
});

/// Answers with a file, or says that the client has it.
pub(super) fn asset(path: &str, headers: &HeaderMap) -> Option<Response<Payload>> {
    let asset = ASSETS.iter().find(|asset| asset.path == path)?;
    // All of them change together: a page never has parts of two versions.
    let tag = format!("\"{}\"", *EDITION);
    let mut response = if is_same(headers, &tag) {
        let mut response = reply(StatusCode::OK, asset.content_type, Bytes::new());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        *response.body_mut() = Payload::Whole(None);
        response
    } else {
        reply(StatusCode::OK, asset.content_type, Bytes::from_static(asset.bytes))
    };
    // The icon that says that the daemon is away has to be there when the daemon is not.
    let kept = match asset.content_type {
        SVG => "private, max-age=86400",
        _ => "private, no-cache",
    };
    response
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static(kept));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(ETAG, tag);
    }
    Some(response)
}

#[cfg(test)]
mod tests {
    use http::header::IF_NONE_MATCH;

    use super::*;

    #[test]
    fn the_page_asks_for_nothing_that_is_not_a_part_of_it() {
        for asset in &ASSETS {
            let text = str::from_utf8(asset.bytes).unwrap();
            let mut named: Vec<&str> = Vec::new();
            for (before, after) in [("from \"./", "\""), ("href=\"", "\""), ("src=\"", "\"")] {
                for part in text.split(before).skip(1) {
                    named.extend(part.split(after).next());
                }
            }
            for name in named.iter().filter(|name| !name.starts_with('#')) {
                let there = asset_at(&format!("/{name}"));
                assert!(there, "`{}` names `{name}`, which is no part of the page", asset.path);
            }
            let namespace = "http://www.w3.org/2000/svg";
            let elsewhere = text.replace(namespace, "");
            assert!(!elsewhere.contains("://"), "`{}` names another place", asset.path);
        }
    }

    fn asset_at(path: &str) -> bool {
        asset(path, &HeaderMap::new()).is_some()
    }

    #[test]
    fn a_file_that_the_client_has_is_not_sent_again() {
        let first = asset("/main.js", &HeaderMap::new()).unwrap();
        let tag = first.headers()[ETAG].clone();
        let mut headers = HeaderMap::new();
        headers.insert(IF_NONE_MATCH, tag);
        let again = asset("/main.js", &headers).unwrap();
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
        assert!(asset("/nothing.js", &headers).is_none());
    }

    #[test]
    fn files_of_the_page_stay_short() {
        for asset in &ASSETS {
            let lines = str::from_utf8(asset.bytes).unwrap().lines().count();
            assert!(lines <= 450, "`{}` has {lines} lines", asset.path);
        }
    }
}
