//! The keys that `proxy.toml` is to have and that this version does not know: they are written as comments, ready to be uncommented.

/// Keys, each with all below it.
const NOT_YET: &[&str] = &["public"];

/// Whether this version does not know a key.
pub(in crate::import) fn is_not_yet(key: &str) -> bool {
    NOT_YET.iter().any(|one| {
        let rest = key.strip_prefix(one);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    })
}

#[cfg(test)]
mod tests {
    use super::is_not_yet;

    #[test]
    fn what_is_known_from_the_first_day_is_known() {
        for key in ["host", "auth.basic", "limit.rate", "tls"] {
            assert!(!is_not_yet(key), "{key}");
        }
    }
}
