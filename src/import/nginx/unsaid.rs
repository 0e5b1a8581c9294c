//! Expressions of paths that say more than prefixes and endings: what they kept from clients, or from a folder, is kept from more.

use super::location::{Location, On};
use super::routes::Routes;
use crate::import::closing;
use crate::import::draft::{Kept, Note, Rank, Route, Settings, Slots, Target, Why};
use crate::import::pattern;

impl<'d> Routes<'d> {
    /// What becomes of a location that is about paths that we have no word for.
    pub(super) fn unsaid(&mut self, location: Location<'d>, settings: &Settings, target: Option<Target>) -> Vec<Route> {
        self.level.notes.extend(location.level.notes);
        let On::Expression(expression) = &location.on else {
            return Vec::new();
        };
        let around = pattern::around(expression);
        let keep = |settings: Settings, why: Why| Kept {
            place: location.place,
            shown: location.shown.clone(),
            around: around.clone(),
            within: location.within.clone(),
            settings,
            why,
        };
        let note = Note {
            place: location.place,
            what: format!("`{}`", location.shown),
            nearest: "`path` takes a prefix, as `/api`, and an `at` entry endings too, as `*.js`".to_owned(),
        };
        let asked = closing::restrictions(settings);
        let is_kept = !asked.is_empty();
        if is_kept {
            let why = match location.answers_nothing {
                true => Why::Nothing,
                false => Why::Denied,
            };
            self.kept.push(keep(asked, why));
        }
        let is_elsewhere = |target: &Target| !matches!(target.slots, Slots::Folder(_));
        let Some(target) = target.filter(is_elsewhere) else {
            if !is_kept {
                self.level.notes.push(note);
            }
            return Vec::new();
        };
        if let Some(paths) = pattern::files(expression).filter(|_| !is_kept) {
            return vec![Route {
                target: Some(target),
                rank: Rank::Over,
                within: location.within,
                ..Route::new(location.place, paths)
            }];
        }
        // What an app runs, a folder would show.
        if location.foreign.is_some() || around.is_of_scripts() {
            let mut settings = Settings::default();
            closing::close(&mut settings, "an app made something else of some of it");
            self.kept.push(keep(settings, Why::Source));
        } else if !is_kept {
            self.level.notes.push(note);
        }
        Vec::new()
    }
}
