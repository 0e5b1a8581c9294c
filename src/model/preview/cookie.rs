//! The cookie in which a browser keeps its token. `__Host-` binds it to the very host, to TLS and to the path `/` (RFC 6265bis §4.1.3.2):
//! no other host and no plain HTTP can set one in its place.

use std::borrow::Cow;

/// The cookie's name.
pub(super) const COOKIE: &[u8] = b"__Host-greengate-preview";

/// The value of `Set-Cookie` that gives a browser a token for so many seconds.
#[must_use]
pub fn set_cookie(token: &str, seconds: u64) -> String {
    let name = String::from_utf8_lossy(COOKIE);
    format!("{name}={token}; Path=/; Max-Age={seconds}; Secure; HttpOnly; SameSite=Lax")
}

/// What each of our cookies in a `Cookie` field says.
pub(super) fn values(field: &[u8]) -> impl Iterator<Item = &[u8]> {
    field.split(|byte| *byte == b';').filter_map(|pair| {
        let (name, value) = pair.trim_ascii().split_at_checked(COOKIE.len())?;
        value.strip_prefix(b"=").filter(|_| name == COOKIE)
    })
}

/// The cookies in a `Cookie` field that are not ours, in whatever case ours are written.
pub fn other_cookies(field: &[u8]) -> impl Iterator<Item = &[u8]> {
    let pairs = field.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
    pairs.filter(|pair| !is_ours(pair))
}

/// A `Cookie` field without our cookies; `None` when nothing is left.
#[must_use]
pub fn without_cookie(field: &[u8]) -> Option<Cow<'_, [u8]>> {
    if !field.split(|byte| *byte == b';').any(is_ours) {
        return Some(field.into());
    }
    let kept = other_cookies(field).collect::<Vec<_>>().join(&b"; "[..]);
    (!kept.is_empty()).then_some(kept.into())
}

fn is_ours(pair: &[u8]) -> bool {
    let name = pair.split(|byte| *byte == b'=').next().unwrap_or_default();
    name.trim_ascii().eq_ignore_ascii_case(COOKIE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn n33_the_cookie_is_for_the_host_alone_over_tls_and_no_script_reads_it() {
        assert_eq!(
            set_cookie("ggp_x", 60),
            "__Host-greengate-preview=ggp_x; Path=/; Max-Age=60; Secure; HttpOnly; SameSite=Lax"
        );
    }

    #[test]
    fn our_cookie_is_found_among_others_by_its_exact_name() {
        let found = |field: &str| -> Vec<String> {
            let values = values(field.as_bytes());
            values
                .map(|value| String::from_utf8_lossy(value).into_owned())
                .collect()
        };
        assert_eq!(found("a=1; __Host-greengate-preview=t; b=2"), ["t"]);
        assert_eq!(found("__Host-greengate-preview=t"), ["t"]);
        assert_eq!(
            found("__Host-greengate-preview=t;__Host-greengate-preview=u"),
            ["t", "u"]
        );
        for other in [
            "",
            "__Host-greengate-previews=t",
            "x__Host-greengate-preview=t",
            "__host-greengate-preview=t",
            "__Host-greengate-preview",
            "greengate-preview=t",
        ] {
            assert!(found(other).is_empty(), "{other}");
        }
    }

    #[test]
    fn n33_what_is_left_for_the_app_has_every_cookie_but_ours() {
        let left =
            |field: &str| without_cookie(field.as_bytes()).map(|left| String::from_utf8_lossy(&left).into_owned());
        assert_eq!(
            left("a=1; __Host-greengate-preview=t; b=2").as_deref(),
            Some("a=1; b=2")
        );
        assert_eq!(left("a=1;  b=2").as_deref(), Some("a=1;  b=2"), "it is left as it is");
        for ours in [
            "__Host-greengate-preview=t",
            "__host-GREENGATE-preview = t",
            "__Host-greengate-preview",
            "__Host-greengate-preview=t; __Host-greengate-preview=u",
        ] {
            assert_eq!(left(ours), None, "{ours}");
        }
    }
}
