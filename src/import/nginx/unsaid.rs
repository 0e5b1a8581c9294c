//! Expressions of paths that say more than prefixes and endings: what they kept from clients, or from a folder, is kept from more.

use super::location::{Location, On};
use super::routes::Routes;
use crate::import::closing;
use crate::import::draft::{Note, Rank, Route, Settings, Slots, Target};
use crate::import::pattern;

impl<'d> Routes<'d> {
    /// What becomes of a location that is about paths that we have no word for.
    pub(super) fn unsaid(&mut self, location: Location<'d>, settings: &Settings, target: Option<Target>) -> Vec<Route> {
        let mut notes = location.level.notes;
        notes.insert(
            0,
            Note {
                place: location.place,
                what: format!("`{}`", location.shown),
                nearest: "`path` takes a prefix, as `/api`, and an `at` entry endings too, as `*.js`".to_owned(),
            },
        );
        self.level.notes.extend(notes);
        let On::Expression(expression) = &location.on else {
            return Vec::new();
        };
        let mut settings = closing::restrictions(settings);
        let is_elsewhere = target
            .as_ref()
            .is_some_and(|target| !matches!(target.slots, Slots::Folder(_)));
        let rank = if !settings.is_empty() {
            Rank::Around
        } else if !is_elsewhere {
            return Vec::new();
        } else if let Some(paths) = pattern::files(expression) {
            let rank = Rank::Over;
            return vec![Route {
                target,
                rank,
                ..Route::new(location.place, paths)
            }];
        } else {
            closing::close(&mut settings, "an app made something else of some of it");
            Rank::AroundFiles
        };
        let around = pattern::around(expression).unwrap_or_else(|| "/".to_owned());
        self.kept.push(Route {
            settings,
            rank,
            ..Route::new(location.place, vec![around])
        });
        Vec::new()
    }
}
