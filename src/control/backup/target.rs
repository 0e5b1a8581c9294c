//! Where everything of a backup goes on this machine, and what is there now.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

use super::archive::{sha256, unpack};
use super::folder::reason;
use super::kept::{Kept, Unreadable};
use super::named::{Named, folder, invalid};
use super::picture;
use crate::config::Config;
use crate::control::daemon::state_dir;
use crate::model::api::{Problem, exit};
use crate::model::backup::{
    CONFIGURATION, Change, Flaw, Manifest, Outside, Place, Plan, RestoreOrder, Rights, Step, UNITS, place, shown, unit,
};

/// A file that is not in the state folder.
#[derive(Debug)]
pub(super) struct Written {
    /// Where it goes.
    pub path: PathBuf,
    /// What is in it.
    pub bytes: Vec<u8>,
    /// Whose it is.
    pub rights: Rights,
    /// Whose the folders are that are made for it.
    pub folder: Rights,
    /// Whether that is outside of the configuration's folder.
    pub is_outside: bool,
}

/// A backup, and where it goes.
#[derive(Debug)]
pub(super) struct Target {
    /// The archive's list.
    pub manifest: Manifest,
    /// Where the configuration goes.
    pub config: PathBuf,
    /// Where the state goes.
    pub state_dir: PathBuf,
    /// Whose the state was.
    pub state_rights: Option<Rights>,
    /// The configuration, and the files that it names.
    pub files: Vec<Written>,
    /// Files of the state folder, by their path in it.
    pub state: BTreeMap<String, Vec<u8>>,
}

impl Target {
    /// Checks an archive, and finds where everything in it goes.
    ///
    /// # Errors
    /// When it is no backup, or none that can be put back here.
    pub(super) fn find(archive: &[u8], order: &RestoreOrder) -> Result<Self, Problem> {
        let (manifest, found) = unpack(archive).map_err(|flaw| flawed(&flaw))?;
        let found = manifest.check(found, sha256).map_err(|flaw| flawed(&flaw))?;
        let config = std::path::absolute(&order.config).unwrap_or_else(|_| order.config.clone());
        let text = found.get(CONFIGURATION).map(Vec::as_slice).unwrap_or_default();
        let text = String::from_utf8_lossy(text).into_owned();
        let which = format!(
            "`{CONFIGURATION}` in it, which greengate {} made,",
            shown(&manifest.greengate)
        );
        let refused = |error| Problem {
            hint: Some("install the version that made the backup; `tar -xzf FILE proxy.toml` shows the file".into()),
            ..invalid(&which, &error)
        };
        let (parsed, _) = Config::parse(&config, &text).map_err(refused)?;
        let named = Named::by(&text).map_err(refused)?;
        let state_dir = match &order.state_dir {
            Some(folder) => std::path::absolute(folder).unwrap_or_else(|_| folder.clone()),
            None => state_dir(&parsed.server).map_err(|fault| Problem {
                code: exit::FAILED,
                reason: fault.reason,
                hint: fault.hint,
            })?,
        };
        let mut target = Self {
            config,
            state_dir,
            state_rights: None,
            files: Vec::new(),
            state: BTreeMap::new(),
            manifest,
        };
        target.sort(found, &named).map_err(|flaw| flawed(&flaw))?;
        Ok(target)
    }

    /// Sorts what was found in the archive by where it goes.
    fn sort(&mut self, mut found: BTreeMap<String, Vec<u8>>, named: &Named) -> Result<(), Flaw> {
        let base = folder(&self.config);
        for member in &self.manifest.files {
            let bytes = found.remove(&member.name).unwrap_or_default();
            let path = match (place(&member.name), &member.path) {
                (Some(Place::State(path)), _) => {
                    self.state_rights.get_or_insert_with(|| member.rights.clone());
                    self.state.insert(path.to_owned(), bytes);
                    continue;
                }
                (Some(Place::Configuration), _) => self.config.clone(),
                (Some(Place::Named), Some(path)) if named.has(path) => base.join(path),
                (Some(Place::Named) | None, path) => {
                    let path = shown(path.as_deref().unwrap_or_default());
                    let why = format!("a file for `{path}`, which its configuration does not name");
                    return Err(Flaw::Stranger(why));
                }
            };
            self.files.push(Written {
                is_outside: !is_inside(&path, base),
                path,
                bytes,
                folder: member.folder.clone().unwrap_or_else(|| Rights {
                    mode: 0o755,
                    ..member.rights.clone()
                }),
                rights: member.rights.clone(),
            });
        }
        Ok(())
    }

    /// Compares it with what is here.
    ///
    /// # Errors
    /// When what is here cannot be read.
    pub(super) fn plan(&self, outside: Option<Outside>) -> Result<Plan, Problem> {
        let mut plan = Plan::default();
        for file in &self.files {
            let here = match picture::read(&file.path) {
                Ok(taken) => Some(taken.bytes),
                Err(unread) if unread.error.kind() == ErrorKind::NotFound => None,
                Err(unread) => return Err(unreadable(&unread)),
            };
            let change = Change::between(here.as_ref(), Some(&file.bytes)).unwrap_or(Change::New);
            let change = match outside {
                Some(Outside::Leave) if file.is_outside && change != Change::Same => Change::Leave,
                Some(Outside::Leave | Outside::Write) | None => change,
            };
            let steps = if file.is_outside {
                &mut plan.outside
            } else {
                &mut plan.inside
            };
            steps.push(Step {
                path: file.path.display().to_string(),
                change,
            });
        }
        let kept = match Kept::read(&self.state_dir) {
            Ok(kept) => kept,
            Err(unread) if unread.error.kind() == ErrorKind::NotFound => Kept::default(),
            Err(unread) => return Err(unreadable(&unread)),
        };
        for name in UNITS {
            let here = part(kept.files.iter().map(|(path, taken)| (path, &taken.bytes)), name);
            let backup = part(&self.state, name);
            if let Some(change) = Change::between(here.as_ref(), backup.as_ref()) {
                plan.inside.push(self.step(name, change));
            }
        }
        let lost = kept.strange.iter().filter(|path| UNITS.contains(&unit(path)));
        plan.inside.extend(lost.map(|path| self.step(path, Change::Remove)));
        Ok(plan)
    }

    fn step(&self, path: &str, change: Change) -> Step {
        Step {
            path: self.state_dir.join(path).display().to_string(),
            change,
        }
    }
}

/// The files of one unit; `None` when there is none.
fn part<'a>(
    files: impl IntoIterator<Item = (&'a String, &'a Vec<u8>)>,
    name: &str,
) -> Option<BTreeMap<&'a str, &'a [u8]>> {
    let of = files.into_iter().filter(|(path, _)| unit(path) == name);
    let files: BTreeMap<_, _> = of.map(|(path, bytes)| (path.as_str(), bytes.as_slice())).collect();
    (!files.is_empty()).then_some(files)
}

/// Whether a path stays below a folder, by its words alone.
fn is_inside(path: &Path, folder: &Path) -> bool {
    path.starts_with(folder) && !path.components().any(|component| component == Component::ParentDir)
}

fn flawed(flaw: &Flaw) -> Problem {
    Problem {
        code: exit::USAGE,
        reason: format!("the file {flaw}"),
        hint: Some(flaw.hint().into()),
    }
}

fn unreadable(Unreadable { path, error }: &Unreadable) -> Problem {
    Problem {
        code: exit::FAILED,
        reason: format!(
            "nothing was restored: `{}` cannot be read: {}",
            path.display(),
            reason(error)
        ),
        hint: Some("run it as root, or as the user that `proxyd` runs as".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leads_out_of_the_folder_is_outside_however_it_is_written() {
        let inside = |path: &str| is_inside(&Path::new("/etc/greengate").join(path), Path::new("/etc/greengate"));
        for path in ["users", "certs/a.pem", "/etc/greengate/users", "./users"] {
            assert!(inside(path), "{path}");
        }
        for path in [
            "../users",
            "certs/../../users",
            "/etc/users",
            "/etc/greengate2/users",
            "/etc/greengate/../users",
        ] {
            assert!(!inside(path), "{path}");
        }
    }
}
