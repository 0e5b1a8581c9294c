//! Fields of answers: most are set as they are, and `Cache-Control` has a key of its own.

use std::time::Duration;

use super::draft::Settings;
use super::spell;
use super::value::{Value, dotted};

/// Sets a field of answers.
pub(super) fn set(settings: &mut Settings, name: &str, value: &str) {
    if name.eq_ignore_ascii_case("cache-control") {
        cache_control(settings, value);
    } else if !name.eq_ignore_ascii_case("pragma") || settings.get("cache").is_none() {
        settings.set(&dotted("headers.response", name), Value::text(value));
    }
}

fn cache_control(settings: &mut Settings, value: &str) {
    let lower = value.to_ascii_lowercase();
    let words: Vec<&str> = lower.split(',').map(str::trim).collect();
    let seconds: Option<u64> = words
        .iter()
        .find_map(|word| word.strip_prefix("max-age=")?.parse().ok());
    let known = |word: &&str| matches!(*word, "public" | "immutable") || word.starts_with("max-age=");
    if words.contains(&"immutable") {
        settings.set("cache", Value::text("immutable"));
    } else if words.contains(&"no-store") {
        settings.set("cache", Value::text("no-store"));
    } else if !words.iter().all(known) {
        settings.set("headers.response.Cache-Control", Value::text(value));
    } else if let Some(seconds) = seconds.filter(|seconds| *seconds > 0) {
        let time = Duration::from_secs(seconds);
        settings.set("cache", Value::Text(spell::duration(time)));
    } else if settings.get("cache").is_none() {
        settings.set("headers.response.Cache-Control", Value::text(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_says_how_long_an_answer_keeps_is_the_cache() {
        let of = |value: &str| {
            let mut settings = Settings::default();
            set(&mut settings, "Cache-Control", value);
            let one = settings.iter().next().map(|one| format!("{} = {}", one.key, one.value));
            one.unwrap_or_default()
        };
        assert_eq!(of("public, max-age=31536000, immutable"), "cache = \"immutable\"");
        assert_eq!(of("public, max-age=3600"), "cache = \"1h\"");
        assert_eq!(of("no-store, no-cache"), "cache = \"no-store\"");
        assert_eq!(of("no-cache"), "headers.response.Cache-Control = \"no-cache\"");
        assert_eq!(
            of("private, max-age=5"),
            "headers.response.Cache-Control = \"private, max-age=5\""
        );
    }
}
