//! What environments and services are called, by the hosts and paths that they answer to.

/// Words in a host's name that make an environment of its own, and what that is called.
const ENVIRONMENTS: &[(&str, &str)] = &[
    ("dev", "dev"),
    ("develop", "dev"),
    ("development", "dev"),
    ("staging", "staging"),
    ("stage", "staging"),
    ("stg", "staging"),
    ("test", "test"),
    ("testing", "test"),
    ("preview", "preview"),
];

/// The environment of everything else.
pub(super) const PRODUCTION: &str = "prod";

/// Names that no registry hands out, so that what stands before them is a name already.
const LOCAL: &[&str] = &["localhost", "local", "test", "internal", "lan", "home"];

/// The longest name.
const LONGEST: usize = 32;

/// The environment that a host belongs to.
pub(super) fn environment(host: &str) -> &'static str {
    let words = own_labels(host).into_iter().flat_map(|label| label.split(['-', '_']));
    words
        .filter_map(|word| ENVIRONMENTS.iter().find(|(known, _)| *known == word))
        .map(|(_, environment)| *environment)
        .next()
        .unwrap_or(PRODUCTION)
}

/// What to call the service at `/` of a host.
pub(super) fn of_host(host: &str) -> String {
    let labels = own_labels(host);
    let first = labels.first().copied().unwrap_or_default();
    let is_environment = |word: &str| ENVIRONMENTS.iter().any(|(known, _)| *known == word);
    let words: Vec<&str> = first
        .split(['-', '_'])
        .filter(|word| !word.is_empty() && !is_environment(word) && *word != "www")
        .collect();
    let name = name(&words.join("-"));
    if name.is_empty() { "web".to_owned() } else { name }
}

/// What to call the service at a path.
pub(super) fn of_path(path: &str) -> String {
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    let name = name(&segments.join("-"));
    if name.is_empty() { "web".to_owned() } else { name }
}

/// A name that is not taken: the one that is wished for, or with what tells it apart.
pub(super) fn free(wished: &str, prefix: &str, taken: &[String]) -> String {
    let is_free = |name: &String| !taken.contains(name);
    let longer = name(&format!("{prefix}-{wished}"));
    let mut candidates = [name(wished), longer].into_iter();
    if let Some(found) = candidates.find(|name| !name.is_empty() && is_free(name)) {
        return found;
    }
    let numbered = (2..).map(|number| {
        let short: String = name(wished).chars().take(LONGEST - 8).collect();
        format!("{short}-{number}")
    });
    numbered.into_iter().find(is_free).unwrap_or_default()
}

/// What can name a service: lower-case letters, digits, `-` and `_`.
fn name(text: &str) -> String {
    let letters = text.chars().map(|char| match char.to_ascii_lowercase() {
        char if char.is_ascii_alphanumeric() || char == '_' => char,
        _ => '-',
    });
    let name: String = letters.take(LONGEST).collect();
    name.trim_matches('-').to_owned()
}

/// The labels before the domain that somebody registered.
fn own_labels(host: &str) -> Vec<&str> {
    let host = host.trim_start_matches("*.");
    if host.starts_with('[') || host.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return Vec::new();
    }
    let mut labels: Vec<&str> = host.split('.').collect();
    let last = labels.pop().unwrap_or_default();
    if !LOCAL.contains(&last) {
        labels.pop();
    }
    labels
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_with_a_word_for_it_are_environments_of_their_own() {
        for (host, expected) in [
            ("example.com", "prod"),
            ("www.example.com", "prod"),
            ("dev.example.com", "dev"),
            ("staging-api.example.com", "staging"),
            ("api.stage.example.com", "staging"),
            ("preview.example.com", "preview"),
            ("pr-12.preview.example.com", "preview"),
            ("example.dev", "prod"),
            ("dev.to", "prod"),
            ("device.example.com", "prod"),
            ("dev.localhost", "dev"),
            ("192.0.2.1", "prod"),
            ("[::1]", "prod"),
        ] {
            assert_eq!(environment(host), expected, "{host}");
        }
    }

    #[test]
    fn services_are_called_by_their_host_or_path() {
        for (host, expected) in [
            ("example.com", "web"),
            ("www.example.com", "web"),
            ("api.example.com", "api"),
            ("staging-api.example.com", "api"),
            ("dev.example.com", "web"),
            ("*.example.com", "web"),
            ("app.localhost", "app"),
            ("localhost", "web"),
        ] {
            assert_eq!(of_host(host), expected, "{host}");
        }
        assert_eq!(of_path("/api/v2"), "api-v2");
        assert_eq!(of_path("/_next/Static"), "_next-static");
        assert_eq!(of_path("/ä"), "web");
        let taken = ["api".to_owned(), "app-api".to_owned()];
        assert_eq!(free("api", "web", &taken), "web-api");
        assert_eq!(free("api", "app", &taken), "api-2");
    }
}
