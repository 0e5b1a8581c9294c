//! Who may use the control socket: root, the daemon's user, and the members of one group (E32), as the kernel and the system's
//! user database know them.

use crate::control::fault::Fault;
use crate::model::history::Caller;

/// Who may use the control socket.
pub(in crate::control) struct Access {
    /// The daemon's own user.
    own: u32,
    /// Name and id of the group.
    group: Option<(String, u32)>,
    /// The groups of a user.
    groups_of: Box<dyn Fn(u32) -> Vec<u32>>,
}

impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Access")
            .field("own", &self.own)
            .field("group", &self.group)
            .finish_non_exhaustive()
    }
}

impl Access {
    /// Root, the daemon's user, and the members of a group as the system's user database knows them.
    ///
    /// # Errors
    /// When there is no such group.
    pub(in crate::control) fn new(group: Option<&str>) -> Result<Self, Fault> {
        let group = match group {
            None => None,
            Some(name) => match uzers::get_group_by_name(name) {
                Some(found) => Some((name.to_owned(), found.gid())),
                None => {
                    return Err(
                        Fault::new(format!("there is no group `{name}`, which `server.group` names"))
                            .hint(format!("make it with `groupadd --system {name}`")),
                    );
                }
            },
        };
        Ok(Self {
            own: rustix::process::geteuid().as_raw(),
            group,
            groups_of: Box::new(groups_of),
        })
    }

    /// The name and the id of the group.
    #[must_use]
    pub(in crate::control) fn group(&self) -> Option<(&str, u32)> {
        self.group.as_ref().map(|(name, gid)| (name.as_str(), *gid))
    }

    /// Whether a process of this user and group, as the kernel names them, may use the socket.
    #[must_use]
    pub(in crate::control) fn admits(&self, uid: u32, gid: u32) -> bool {
        uid == 0
            || uid == self.own
            || (self.group.as_ref())
                .is_some_and(|(_, allowed)| gid == *allowed || (self.groups_of)(uid).contains(allowed))
    }

    /// Root and one user.
    #[cfg(test)]
    pub(super) fn of(own: u32) -> Self {
        Self {
            own,
            group: None,
            groups_of: Box::new(|_| Vec::new()),
        }
    }
}

fn groups_of(uid: u32) -> Vec<u32> {
    let Some(user) = uzers::get_user_by_uid(uid) else {
        return Vec::new();
    };
    let primary = user.primary_group_id();
    let groups = uzers::get_user_groups(user.name(), primary).unwrap_or_default();
    groups.iter().map(uzers::Group::gid).chain([primary]).collect()
}

/// The user at the other end of a connection.
pub(super) fn caller(uid: u32) -> Caller {
    let user = uzers::get_user_by_uid(uid);
    let user = user.map_or_else(|| uid.to_string(), |user| user.name().to_string_lossy().into_owned());
    Caller { uid, user }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(own: u32, group: Option<u32>, members: &'static [(u32, u32)]) -> Access {
        let groups_of = |uid| {
            members
                .iter()
                .filter(|(user, _)| *user == uid)
                .map(|(_, group)| *group)
                .collect()
        };
        Access {
            own,
            group: group.map(|gid| ("deploy".into(), gid)),
            groups_of: Box::new(groups_of),
        }
    }

    #[test]
    fn root_the_daemon_and_the_group_may_ask_and_nobody_else() {
        let with_group = access(50, Some(9), &[(1001, 9), (1002, 8)]);
        let table = [
            (0, 0, true),
            (50, 1, true),
            (1000, 9, true),
            (1001, 1, true),
            (1002, 8, false),
            (1003, 1, false),
        ];
        for (uid, gid, may) in table {
            assert_eq!(with_group.admits(uid, gid), may, "{uid}:{gid}");
        }
        let without = access(50, None, &[(1001, 9)]);
        assert!(without.admits(0, 0) && without.admits(50, 7));
        assert!(!without.admits(1001, 0), "group 0 is no user 0");
    }

    #[test]
    fn a_group_that_does_not_exist_is_named() {
        let fault = Access::new(Some("no-such-group-here")).unwrap_err();
        assert!(fault.reason.contains("no-such-group-here"), "{fault}");
    }
}
