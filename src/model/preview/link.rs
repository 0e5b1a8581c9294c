//! The link that hands a token to a browser. Its path is ours on every host, so that no app ever sees one, also when its preview is
//! long over.

/// What stands before the token in a link's path.
pub const LINK: &str = "/.well-known/greengate/preview/";

/// What a link carries, if the path of a request is one.
#[must_use]
#[inline]
pub fn token_of_link(path: &[u8]) -> Option<&[u8]> {
    path.strip_prefix(LINK.as_bytes())
}
