//! Where configurations are read from: their files, those that they include, and the patterns that name several.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Component, Path, PathBuf};

/// A configuration of this size is no configuration.
const MAX_BYTES: u64 = 1 << 20;

/// Names that a folder may hold, and files that a pattern may find.
const MAX_NAMES: usize = 10_000;

/// Files and folders, as far as an import looks at them.
pub trait Files {
    /// The text of a file.
    ///
    /// # Errors
    /// Why there is none: it is missing, no regular file, larger than 1 MiB, or no text.
    fn read(&self, path: &Path) -> io::Result<String>;

    /// The names in a folder, in any order.
    ///
    /// # Errors
    /// Why it cannot be listed.
    fn list(&self, folder: &Path) -> io::Result<Vec<String>>;
}

/// The files of this machine.
#[derive(Debug, Clone, Copy)]
pub struct Disk;

impl Files for Disk {
    fn read(&self, path: &Path) -> io::Result<String> {
        // A pipe would keep us waiting.
        if fs::metadata(path)?.is_dir() {
            return Err(io::Error::from(io::ErrorKind::IsADirectory));
        }
        if !fs::metadata(path)?.is_file() {
            return Err(io::Error::other("it is no regular file"));
        }
        let mut bytes = Vec::new();
        File::open(path)?.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(io::Error::other("it is larger than 1 MiB"));
        }
        if bytes.contains(&0) {
            return Err(io::Error::other("it is no text"));
        }
        // Comments in an old encoding are no reason to refuse a file.
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        let names = fs::read_dir(folder)?.take(MAX_NAMES);
        names
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect()
    }
}

/// Whether a path is a pattern that several files may match.
pub(super) fn is_pattern(path: &str) -> bool {
    path.contains(['*', '?', '['])
}

/// The paths that match a pattern, sorted, as a shell finds them: names that begin with a dot only where the pattern's do.
pub(super) fn matching(files: &dyn Files, pattern: &Path) -> Vec<PathBuf> {
    let mut found = vec![PathBuf::new()];
    for component in pattern.components() {
        let name = component.as_os_str().to_string_lossy();
        if !matches!(component, Component::Normal(_)) || !is_pattern(&name) {
            for path in &mut found {
                path.push(component);
            }
            continue;
        }
        let below = |folder: &PathBuf| -> Vec<PathBuf> {
            let names = files.list(folder).unwrap_or_default().into_iter();
            let fitting = names.filter(|one| one.starts_with('.') == name.starts_with('.') && fits(one, &name));
            fitting.map(|one| folder.join(one)).collect()
        };
        found = found.iter().flat_map(below).take(MAX_NAMES).collect();
    }
    found.sort();
    found
}

/// Whether a name fits a pattern with `*`, `?` and `[…]`; takes time in proportion to the product of their lengths.
fn fits(name: &str, pattern: &str) -> bool {
    let (name, pattern): (Vec<char>, Vec<char>) = (name.chars().collect(), pattern.chars().collect());
    let (mut at, mut wanted) = (0, 0);
    // Where the last `*` stands, and how much of the name it has taken.
    let mut star: Option<(usize, usize)> = None;
    while at < name.len() {
        match pattern.get(wanted) {
            Some('*') => {
                star = Some((wanted, at));
                wanted += 1;
                continue;
            }
            Some('?') => {
                (at, wanted) = (at + 1, wanted + 1);
                continue;
            }
            Some('[') => {
                let end = pattern[wanted..].iter().position(|&one| one == ']');
                if let Some(end) = end
                    && pattern[wanted + 1..wanted + end].contains(&name[at])
                {
                    (at, wanted) = (at + 1, wanted + end + 1);
                    continue;
                }
            }
            Some(one) if *one == name[at] => {
                (at, wanted) = (at + 1, wanted + 1);
                continue;
            }
            Some(_) | None => {}
        }
        let Some((place, taken)) = star else { return false };
        star = Some((place, taken + 1));
        (at, wanted) = (taken + 1, place + 1);
    }
    pattern[wanted..].iter().all(|&one| one == '*')
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn a_pattern_fits_names_as_in_a_shell() {
        for (name, pattern, expected) in [
            ("app.conf", "*.conf", true),
            ("app.conf", "*", true),
            ("app.conf.bak", "*.conf", false),
            ("a1.conf", "a?.conf", true),
            ("a.conf", "[ab].conf", true),
            ("c.conf", "[ab].conf", false),
            ("", "*", true),
            ("aaaaaaaaaaaaaaaaaaaaaaaab", "*a*a*a*a*a*a*c", false),
        ] {
            assert_eq!(fits(name, pattern), expected, "{name} {pattern}");
        }
    }
}
