//! Owners by name: on another machine the same user has another number.

use rustix::fs::Stat;

use crate::model::api::{Problem, exit};
use crate::model::backup::Rights;

/// A user and a group, by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Owner {
    /// User id.
    pub user: u32,
    /// Group id.
    pub group: u32,
}

/// Whose something is, by name where there is one.
pub(super) fn rights(stat: &Stat) -> Rights {
    let name = |name: Option<String>, number: u32| name.unwrap_or_else(|| number.to_string());
    let user = uzers::get_user_by_uid(stat.st_uid).map(|user| user.name().to_string_lossy().into_owned());
    let group = uzers::get_group_by_gid(stat.st_gid).map(|group| group.name().to_string_lossy().into_owned());
    Rights {
        mode: stat.st_mode & 0o777,
        user: name(user, stat.st_uid),
        group: name(group, stat.st_gid),
    }
}

/// Who these names are here. `None` where we are not root, and everything we make is ours.
///
/// # Errors
/// When there is no such user or group.
pub(super) fn owner(rights: &Rights) -> Result<Option<Owner>, Problem> {
    if !rustix::process::geteuid().is_root() {
        return Ok(None);
    }
    let unknown = |what: &str, name: &str| Problem {
        code: exit::REFUSED,
        reason: format!("nothing was restored: there is no {what} `{name}` on this machine"),
        hint: Some("install Greengate first, or make the user: `adduser --system --group NAME`".into()),
    };
    let user = uzers::get_user_by_name(&rights.user).map(|user| user.uid());
    let group = uzers::get_group_by_name(&rights.group).map(|group| group.gid());
    Ok(Some(Owner {
        user: (user.or_else(|| rights.user.parse().ok())).ok_or_else(|| unknown("user", &rights.user))?,
        group: (group.or_else(|| rights.group.parse().ok())).ok_or_else(|| unknown("group", &rights.group))?,
    }))
}

/// Whose something is, for what is put beside it.
pub(super) fn owner_of(stat: &Stat) -> Option<Owner> {
    rustix::process::geteuid().is_root().then_some(Owner {
        user: stat.st_uid,
        group: stat.st_gid,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(user: &str, group: &str) -> Rights {
        Rights {
            mode: 0o600,
            user: user.into(),
            group: group.into(),
        }
    }

    #[test]
    fn names_are_looked_up_and_numbers_are_for_who_had_none() {
        if !rustix::process::geteuid().is_root() {
            assert_eq!(owner(&of("no such user", "root")), Ok(None));
            return;
        }
        assert_eq!(owner(&of("root", "root")), Ok(Some(Owner { user: 0, group: 0 })));
        let nameless = Owner {
            user: 54_321,
            group: 54_322,
        };
        assert_eq!(owner(&of("54321", "54322")), Ok(Some(nameless)));
        let refused = owner(&of("no such user", "root")).unwrap_err();
        assert!(refused.reason.contains("no user `no such user`"), "{refused:?}");
    }
}
