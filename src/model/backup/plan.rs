//! What a restore would do on this machine, and which rule speaks against it.

use serde::Serialize;

use crate::model::api::{Problem, exit};

/// Names that a refusal shows; of more, their number is said.
const SHOWN: usize = 8;

/// What becomes of one path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// A file, or a folder that is replaced whole.
    pub path: String,
    /// What becomes of it.
    pub change: Change,
}

/// What becomes of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// There is none here yet.
    New,
    /// It is here, and the same.
    Same,
    /// It is here, and different.
    Overwrite,
    /// It is here, and not in the backup.
    Remove,
    /// It is somewhere else than what is written, and stays as it is.
    Leave,
}

impl Change {
    /// From what is here to what is in the backup; `None` where there is nothing on either side.
    #[must_use]
    pub fn between<T: PartialEq>(here: Option<&T>, backup: Option<&T>) -> Option<Self> {
        match (here, backup) {
            (None, None) => None,
            (None, Some(_)) => Some(Self::New),
            (Some(_), None) => Some(Self::Remove),
            (Some(here), Some(backup)) if here == backup => Some(Self::Same),
            (Some(_), Some(_)) => Some(Self::Overwrite),
        }
    }
}

/// What becomes of files outside of the configuration's folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outside {
    /// They are written.
    Write,
    /// They are left as they are here.
    Leave,
}

/// Everything that a restore would do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// Configuration, state and files in the configuration's folder.
    pub inside: Vec<Step>,
    /// Files that the configuration names elsewhere.
    pub outside: Vec<Step>,
}

impl Plan {
    /// Whether it changes nothing.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.steps()
            .all(|step| matches!(step.change, Change::Same | Change::Leave))
    }

    /// Every step, those inside first.
    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        self.inside.iter().chain(&self.outside)
    }

    /// Why it is not done: a file would be written to where nobody has allowed it, or something would be lost that is here.
    #[must_use]
    pub fn refusal(&self, force: bool, outside: Option<Outside>) -> Option<Problem> {
        let elsewhere: Vec<&str> = (self.outside.iter())
            .filter(|step| !matches!(step.change, Change::Same | Change::Leave))
            .map(|step| step.path.as_str())
            .collect();
        if outside.is_none() && !elsewhere.is_empty() {
            return Some(Problem {
                code: exit::REFUSED,
                reason: format!(
                    "nothing was restored: the configuration names files outside of its folder, and they are not as in the backup: {}",
                    listed(&elsewhere)
                ),
                hint: Some("`--outside=write` writes them too, if you trust this backup; `--outside=leave` leaves them as they are".into()),
            });
        }
        let lost: Vec<&str> = (self.steps())
            .filter(|step| matches!(step.change, Change::Overwrite | Change::Remove))
            .map(|step| step.path.as_str())
            .collect();
        if force || lost.is_empty() {
            return None;
        }
        Some(Problem {
            code: exit::REFUSED,
            reason: format!(
                "nothing was restored: what is here is different, and would be lost: {}",
                listed(&lost)
            ),
            hint: Some(
                "`proxyctl backup FILE` keeps what is here; `--dry-run` shows everything, `--force` overwrites it"
                    .into(),
            ),
        })
    }
}

fn listed(paths: &[&str]) -> String {
    let shown: Vec<String> = paths.iter().take(SHOWN).map(|path| format!("`{path}`")).collect();
    match paths.len().saturating_sub(SHOWN) {
        0 => shown.join(", "),
        more => format!("{}, and {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(changes: &[Change]) -> Vec<Step> {
        let step = |(number, &change): (usize, &Change)| Step {
            path: format!("/{number}"),
            change,
        };
        changes.iter().enumerate().map(step).collect()
    }

    fn plan(inside: &[Change], outside: &[Change]) -> Plan {
        Plan {
            inside: steps(inside),
            outside: steps(outside),
        }
    }

    #[test]
    fn a_change_is_named_by_what_is_lost() {
        let between = |here: Option<&str>, backup: Option<&str>| Change::between(here.as_ref(), backup.as_ref());
        assert_eq!(between(None, None), None);
        assert_eq!(between(None, Some("a")), Some(Change::New));
        assert_eq!(between(Some("a"), Some("a")), Some(Change::Same));
        assert_eq!(between(Some("b"), Some("a")), Some(Change::Overwrite));
        assert_eq!(between(Some("b"), None), Some(Change::Remove));
    }

    #[test]
    fn nothing_is_lost_without_force_and_what_would_be_is_named() {
        for (changes, refused) in [
            (&[Change::New, Change::Same][..], false),
            (&[Change::Overwrite], true),
            (&[Change::Remove], true),
        ] {
            let plan = plan(changes, &[]);
            assert_eq!(plan.refusal(false, None).is_some(), refused, "{changes:?}");
            assert_eq!(plan.refusal(true, None), None);
        }
        let refusal = plan(&[Change::Overwrite; 10], &[]).refusal(false, None).unwrap();
        assert_eq!(refusal.code, exit::REFUSED);
        assert!(refusal.reason.ends_with("`/6`, `/7`, and 2 more"), "{}", refusal.reason);
    }

    #[test]
    fn e35_nothing_is_written_elsewhere_unless_somebody_has_said_so_and_force_is_no_such_word() {
        let plan = plan(&[Change::New], &[Change::New]);
        assert!(
            plan.refusal(true, None)
                .unwrap()
                .hint
                .unwrap()
                .contains("--outside=write")
        );
        assert_eq!(plan.refusal(false, Some(Outside::Write)), None);
        let left = self::plan(&[Change::Same], &[Change::Leave]);
        assert!(left.is_done());
        assert_eq!(left.refusal(false, Some(Outside::Leave)), None);
    }
}
