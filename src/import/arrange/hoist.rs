//! What all say, said once: keys of all services go to their environment, and keys of all environments to `[defaults]`.

use crate::import::draft::{Setting, Settings};

/// Keys that tell services apart, or that only make sense beside what they belong to.
const OWN: &[&str] = &["public", "files.", "health.", "redirect", "rewrite"];

/// Takes out of every one what all of them say alike, where there is more than one.
pub(super) fn common(all: &mut [&mut Settings]) -> Settings {
    let mut common = Settings::default();
    if all.len() < 2 {
        return common;
    }
    let Some(first) = all.first() else { return common };
    let wanted: Vec<Setting> = first
        .iter()
        .filter(|setting| !is_own(&setting.key))
        // What is said for another reason is another thing.
        .filter(|setting| all.iter().all(|other| other.iter().any(|one| one == *setting)))
        .cloned()
        .collect();
    for setting in wanted {
        for settings in all.iter_mut() {
            settings.remove(&setting.key);
        }
        common.put(setting);
    }
    common
}

/// Whether a key belongs to one service alone.
pub(super) fn is_own(key: &str) -> bool {
    OWN.iter().any(|own| key.starts_with(own))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::value::Value;

    #[test]
    fn what_all_say_alike_is_said_once() {
        let settings = |keys: &[(&str, i64)]| {
            let mut settings = Settings::default();
            for (key, value) in keys {
                settings.set(key, Value::Number(*value));
            }
            settings
        };
        let (mut one, mut other) = (
            settings(&[("a", 1), ("b", 2), ("public", 3)]),
            settings(&[("b", 2), ("a", 5), ("public", 3)]),
        );
        let found = common(&mut [&mut one, &mut other]);
        assert_eq!(found, settings(&[("b", 2)]));
        assert_eq!(one, settings(&[("a", 1), ("public", 3)]));
        assert_eq!(other, settings(&[("a", 5), ("public", 3)]));
        assert_eq!(common(&mut [&mut one]), Settings::default(), "one alone keeps its own");
    }
}
