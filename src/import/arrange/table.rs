//! A service to be, with its entries of `at`.

use crate::import::draft::{Note, Settings, Slots, Target};
use crate::import::spell;

/// A service to be.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) hosts: Vec<String>,
    pub(super) path: String,
    pub(super) target: Target,
    pub(super) settings: Settings,
    pub(super) notes: Vec<Note>,
    pub(super) parts: Vec<Part>,
    /// Whether it wins over expressions.
    pub(super) is_first: bool,
}

/// An `at` entry.
#[derive(Debug, PartialEq)]
pub(super) struct Part {
    pub(super) paths: Vec<String>,
    pub(super) settings: Settings,
    pub(super) notes: Vec<Note>,
}

impl Service {
    /// Whether some of what it answers are files of a folder.
    pub(super) fn serves_files(&self) -> bool {
        let parts = self.parts.iter().map(|part| &part.settings);
        matches!(self.target.slots, Slots::Folder(_))
            || parts
                .chain([&self.settings])
                .any(|settings| settings.get("public").is_some())
    }
}

/// Who answers, in a few words.
pub(super) fn shown(slots: &Slots) -> String {
    match slots {
        Slots::Upstream(addresses) => addresses.join(" "),
        Slots::Pair { blue, green } => format!("{} and {}", blue.join(" "), green.join(" ")),
        Slots::Folder(folder) => format!("files:{folder}"),
        Slots::Nothing(_) => "one that is no slot".to_owned(),
    }
}

/// The service whose paths this one is among.
pub(super) fn enclosing<'s>(services: &'s [Service], path: &str) -> Option<&'s Service> {
    let around = services.iter().filter(|service| spell::is_below(path, &service.path));
    around.max_by_key(|service| service.path.len())
}

/// The places of the services that answer at a path and below it.
pub(super) fn at_or_below(services: &[Service], path: &str) -> Vec<usize> {
    let around = enclosing(services, path).map(|service| &service.path);
    let answers = |service: &Service| spell::is_below(&service.path, path) || Some(&service.path) == around;
    let all = services.iter().enumerate().filter(|(_, service)| answers(service));
    all.map(|(at, _)| at).collect()
}
