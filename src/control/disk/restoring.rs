//! Whether a restore is under way: while its record stands beside the configuration, what is there may be half old and half new.

use std::path::{Path, PathBuf};

use crate::control::fault::Fault;

/// Where the record of a restore stands. Beside the configuration, where root alone may write, and not in the state folder.
#[must_use]
pub(in crate::control) fn restore_record(config: &Path) -> PathBuf {
    let name = config.file_name().unwrap_or_default().to_string_lossy();
    config.with_file_name(format!(".{name}.restore"))
}

/// Why nothing may be read just now; `None` when all is whole.
#[must_use]
pub(in crate::control) fn unfinished_restore(config: &Path) -> Option<Fault> {
    restore_record(config).exists().then(|| {
        Fault::new(format!(
            "a restore of `{}` has begun and did not finish",
            config.display()
        ))
        .hint("run `proxyctl restore FILE` again: it finishes what it has begun")
    })
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "what a test writes need not survive a crash")]
mod tests {
    use super::*;

    #[test]
    fn a_record_beside_the_configuration_is_a_restore_that_did_not_finish() {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("proxy.toml");
        assert_eq!(unfinished_restore(&config), None);
        std::fs::write(folder.path().join(".proxy.toml.restore"), "{}").unwrap();
        assert!(unfinished_restore(&config).unwrap().hint.unwrap().contains("again"));
    }
}
