//! Puts a backup back: checked whole, compared, written beside its place, and then put there, all or nothing.

use std::io;
use std::path::Path;

use super::exchange::Record;
use super::folder::{Folder, Given, reason};
use super::owner::{Owner, owner, owner_of};
use super::staging::{Staging, make_folder};
use super::target::Target;
use crate::control::disk::StateDir;
use crate::control::fault::Fault;
use crate::model::api::{Problem, exit};
use crate::model::backup::{Plan, RestoreOrder, Restored};

/// What is to do about a state folder that is in use.
const STOP: &str = "stop it first: `systemctl stop greengate`";
/// What is to do where somebody may not write.
const WHO: &str = "run it as root, or as the user that `proxyd` runs as";

/// Puts a backup back, or says what that would do.
///
/// # Errors
/// When it is no backup, or the disk does not take it. A rule that speaks against it is a [`Restored::refusal`].
pub fn restore(archive: &[u8], order: &RestoreOrder) -> Result<Restored, Problem> {
    let target = Target::find(archive, order)?;
    let mut warnings = Vec::new();
    finish_an_earlier_one(&target.config, order.dry_run, &mut warnings)?;
    let plan = target.plan(order.outside)?;
    if plan.is_done() {
        return Ok(told(target, plan, warnings, None));
    }
    let refusal = plan.refusal(order.force, order.outside);
    let refusal =
        refusal.or_else(|| StateDir::holder(&target.state_dir).map(|holder| held(&holder, &target.state_dir)));
    if refusal.is_some() || order.dry_run {
        return Ok(told(target, plan, warnings, refusal));
    }
    let owner = state_owner(&target)?;
    let _lock = hold(&target.state_dir, owner)?;
    // A daemon may have run until now.
    let plan = target.plan(order.outside)?;
    let refusal = plan.refusal(order.force, order.outside);
    if refusal.is_some() {
        return Ok(told(target, plan, warnings, refusal));
    }
    let staging = Staging::of(&target, &plan)?;
    let undone = |error: &io::Error| failed("nothing was restored", error);
    let record = staging.write(owner).map_err(|error| undone(&error))?;
    record.write(&target.config).map_err(|error| {
        staging.clear();
        undone(&error)
    })?;
    carry_out(&record, &target.config)?;
    Ok(told(target, plan, warnings, None))
}

/// A restore that was decided is finished before anything is compared.
fn finish_an_earlier_one(config: &Path, dry_run: bool, warnings: &mut Vec<String>) -> Result<(), Problem> {
    let record =
        Record::read(config).map_err(|error| failed("what an earlier restore has begun cannot be read", &error))?;
    let Some(record) = record else { return Ok(()) };
    if dry_run {
        warnings.push("an earlier restore did not finish; this one would finish it first".to_owned());
        return Ok(());
    }
    let _lock = match &record.state {
        Some(state) => Some(StateDir::open(&state.folder).map_err(|fault| refused(fault, exit::REFUSED))?),
        None => None,
    };
    carry_out(&record, config)?;
    warnings.push("an earlier restore had not finished; it is finished now".to_owned());
    Ok(())
}

fn carry_out(record: &Record, config: &Path) -> Result<(), Problem> {
    record.carry_out(config, &mut || Ok(())).map_err(|error| Problem {
        hint: Some("no daemon starts before it is: repair that, and run it again".into()),
        ..failed("the restore did not finish", &error)
    })
}

/// Whose the state folder is: the one that is here, else who is named in the backup.
fn state_owner(target: &Target) -> Result<Option<Owner>, Problem> {
    match Folder::open(&target.state_dir).and_then(|folder| folder.stat()) {
        Ok(stat) => Ok(owner_of(&stat)),
        Err(_) => target.state_rights.as_ref().map_or(Ok(None), owner),
    }
}

/// Makes the state folder where it is missing, and takes its lock, which its owner has to be able to take afterwards.
fn hold(state_dir: &Path, owner: Option<Owner>) -> Result<StateDir, Problem> {
    let undone = |error: io::Error| failed("nothing was restored", &error);
    let private = Given { mode: 0o700, owner };
    let above = Given {
        mode: 0o755,
        owner: None,
    };
    let folder = make_folder(state_dir, private, above).map_err(undone)?;
    let held = StateDir::open(state_dir).map_err(|fault| refused(fault, exit::FAILED))?;
    folder.give("lock", Given { mode: 0o600, owner }).map_err(undone)?;
    Ok(held)
}

fn told(target: Target, plan: Plan, warnings: Vec<String>, refusal: Option<Problem>) -> Restored {
    Restored {
        manifest: target.manifest,
        steps: plan.inside.into_iter().chain(plan.outside).collect(),
        warnings,
        refusal,
    }
}

fn held(holder: &str, state_dir: &Path) -> Problem {
    Problem {
        code: exit::REFUSED,
        reason: format!(
            "nothing was restored: {holder} uses the state folder `{}`",
            state_dir.display()
        ),
        hint: Some(STOP.into()),
    }
}

fn refused(fault: Fault, code: u8) -> Problem {
    Problem {
        code,
        reason: format!("nothing was restored: {}", fault.reason),
        hint: Some(STOP.into()),
    }
}

fn failed(what: &str, error: &io::Error) -> Problem {
    Problem {
        code: exit::FAILED,
        reason: format!("{what}: {}", reason(error)),
        hint: (error.kind() == io::ErrorKind::PermissionDenied).then(|| WHO.into()),
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "what a test writes need not survive a crash")]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;

    use super::*;
    use crate::control::backup::make::make;
    use crate::control::disk;
    use crate::model::backup::BackupOrder;

    const CONFIG: &str =
        "[server]\nstate_dir = \"state\"\n[env.prod]\nhost = \"a.test\"\nupstream = 9\nauth.basic = \"users\"\n";

    /// A machine on which everything says `words`.
    fn machine(words: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let put = |path: &str, text: &str| {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        put("proxy.toml", &format!("# {words}\n{CONFIG}"));
        for path in [
            "users",
            "state/state.json",
            "state/ca/root.pem",
            "state/certificates/a.test/key.pem",
        ] {
            put(path, words);
        }
        put(
            &format!("state/journal.{}jsonl", if words == "new" { "1." } else { "" }),
            "{}\n",
        );
        folder
    }

    fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
        let mut found = BTreeMap::new();
        let mut folders = vec![folder.to_owned()];
        while let Some(next) = folders.pop() {
            for path in fs::read_dir(next).unwrap().map(|entry| entry.unwrap().path()) {
                if path.is_dir() {
                    folders.push(path);
                } else if !path.ends_with("lock") {
                    let name = path.strip_prefix(folder).unwrap().display().to_string();
                    found.insert(name, fs::read(path).unwrap());
                }
            }
        }
        found
    }

    fn order(folder: &Path) -> RestoreOrder {
        RestoreOrder {
            config: folder.join("proxy.toml"),
            state_dir: None,
            force: true,
            dry_run: false,
            outside: None,
        }
    }

    #[test]
    fn n27_whichever_step_is_the_last_before_a_crash_the_next_restore_finishes_all_of_them() {
        let new = machine("new");
        let made = make(&BackupOrder {
            config: new.path().join("proxy.toml"),
            state_dir: None,
        });
        let archive = made.unwrap().archive;
        let mut steps = 0;
        for last in 0.. {
            let here = machine("old");
            let order = order(here.path());
            let target = Target::find(&archive, &order).unwrap();
            let plan = target.plan(None).unwrap();
            let owner = state_owner(&target).unwrap();
            let record = Staging::of(&target, &plan).unwrap().write(owner).unwrap();
            record.write(&target.config).unwrap();
            let mut left = last;
            let crashed = record.carry_out(&target.config, &mut || {
                left -= 1;
                if left < 0 {
                    Err(io::ErrorKind::Interrupted.into())
                } else {
                    Ok(())
                }
            });
            steps = steps.max(last);
            if crashed.is_ok() {
                assert_eq!(disk::unfinished_restore(&target.config), None);
                assert_eq!(files(here.path()), files(new.path()));
                break;
            }
            assert!(disk::unfinished_restore(&target.config).is_some(), "after {last} steps");
            let finished = restore(&archive, &order).unwrap();
            assert!(finished.warnings[0].contains("finished now") && finished.refusal.is_none());
            assert_eq!(files(here.path()), files(new.path()), "after {last} steps");
        }
        // Two files; state, CA and certificates, old and new; two journals; the workshop and the record.
        assert_eq!(steps, 2 + 6 + 2 + 2);
    }

    #[test]
    fn what_a_crash_left_before_anything_was_decided_is_no_obstacle() {
        let (new, here) = (machine("new"), machine("old"));
        let made = make(&BackupOrder {
            config: new.path().join("proxy.toml"),
            state_dir: None,
        });
        let archive = made.unwrap().archive;
        let order = order(here.path());
        let target = Target::find(&archive, &order).unwrap();
        let plan = target.plan(None).unwrap();
        Staging::of(&target, &plan).unwrap().write(None).unwrap();
        assert_eq!(disk::unfinished_restore(&target.config), None);
        restore(&archive, &order).unwrap();
        assert_eq!(files(here.path()), files(new.path()));
    }
}
