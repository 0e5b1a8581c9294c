//! A guard whose one client is known: all that a bench needs of this room.

use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use super::desk::Desk;
use super::guard::{Guard, Wanted};
use super::users::UserFiles;
use super::visitors::Visitors;
use crate::config::Auth;
use crate::model::access::{Credentials, Users};

/// A guard, and somebody who was let in before.
pub struct Familiar {
    guard: Option<Guard>,
    desk: Desk,
    visitors: Visitors,
}

impl Familiar {
    /// Lets in anybody who sends this `Authorization`.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn new(authorization: &[u8]) -> io::Result<Self> {
        let (files, path) = (UserFiles::default(), Path::new("users"));
        files.set(path, Users::default());
        let auth = Auth {
            basic: Some(path.to_owned()),
            ..Auth::default()
        };
        let (desk, visitors) = (Desk::new(Duration::ZERO)?, Visitors::new());
        if let Some(credentials) = Credentials::parse(authorization) {
            let file = files.of(path);
            visitors.remember(desk.digest(&file, &credentials), file.version(), &credentials);
        }
        Ok(Self {
            guard: Guard::of(&auth, &files),
            desk,
            visitors,
        })
    }

    /// What is done with every request: whether it enters at once.
    #[must_use]
    pub fn enter(&self, client: IpAddr, path: &[u8], authorization: &[u8]) -> bool {
        let looked = self.guard.as_ref().and_then(|guard| guard.look(client, path).ok());
        let (Some(Wanted::Password(file)), Some(credentials)) =
            (looked, Credentials::parse(authorization).map(Box::new))
        else {
            return false;
        };
        self.visitors.name(&self.desk, file, &credentials).is_some()
    }
}

impl std::fmt::Debug for Familiar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Familiar")
    }
}
