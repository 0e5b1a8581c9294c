//! Who was let in before: what one core knows of credentials that are right, without asking anybody.

use std::cell::RefCell;
use std::rc::Rc;

use super::desk::Desk;
use super::users::UserFile;
use crate::model::access::{Credentials, Digest, Known};

/// Credentials that one core remembers; those of others it asks for again, at the desk.
const VISITORS: usize = 1024;

/// Who was let in by one core.
pub(crate) struct Visitors(RefCell<Known<Visitor>>);

struct Visitor {
    /// For which users of the file the credentials are right.
    version: u64,
    name: Rc<str>,
}

impl Visitors {
    /// Nobody yet.
    pub(crate) fn new() -> Self {
        Self(RefCell::new(Known::new(VISITORS)))
    }

    /// Whose credentials these are, if they are known as right for the file as it is now.
    pub(crate) fn name(&self, desk: &Desk, file: &UserFile, credentials: &Credentials) -> Option<Rc<str>> {
        let visitors = self.0.borrow();
        let visitor = visitors.get(&desk.digest(file, credentials))?;
        (visitor.version == file.version()).then(|| visitor.name.clone())
    }

    /// Credentials were found right for a version of their file's users.
    pub(crate) fn remember(&self, digest: Digest, version: u64, credentials: &Credentials) {
        let name = credentials.name().into();
        self.0.borrow_mut().insert(digest, Visitor { version, name });
    }
}
