//! What answers everything that no location is about, and what is said of the first page alone.

use super::level::Level;
use super::location::Location;
use super::routes::{Routes, files};
use crate::import::closing::{self, Answer};
use crate::import::draft::{Note, Route, Settings};
use crate::import::source::Place;
use crate::import::value::Value;

impl<'d> Routes<'d> {
    /// What answers everything that no location is about.
    pub(super) fn root(&mut self, routes: &mut Vec<Route>) {
        if routes
            .iter()
            .any(|route| route.paths.iter().any(|path| path == "/") && route.target.is_some())
        {
            return;
        }
        let Some(folder) = self.level.folder.clone() else {
            return;
        };
        let mut settings = Settings::default();
        let mut notes = Level::default();
        let target = match (&self.missing, self.tries) {
            (Some(target), _) => {
                settings.set("public", Value::text(folder.path));
                Some(target.clone())
            }
            (None, Some(tries)) => self.try_files(tries, (&folder, "/"), &mut settings, &mut notes),
            (None, None) => Some(files(&folder)),
        };
        self.level.carried += notes.carried;
        let place = self.tries.map(|tries| tries.place);
        let known = routes
            .iter_mut()
            .find(|route| route.paths.iter().any(|path| path == "/"));
        match known {
            Some(route) => {
                route.target = target;
                route.settings = settings.under(&route.settings);
                route.notes.extend(notes.notes);
            }
            None => {
                let nowhere = Place {
                    file: 0,
                    start: 0,
                    end: 0,
                };
                routes.push(Route {
                    target,
                    settings,
                    notes: notes.notes,
                    ..Route::new(place.unwrap_or(nowhere), vec!["/".to_owned()])
                });
            }
        }
    }

    /// What is said of the first page alone is no rule about all that is below it; only what keeps clients out is held for all.
    pub(super) fn first_page(&mut self, locations: Vec<Location<'d>>, routes: &mut Vec<Route>) {
        for location in locations {
            let (place, shown) = (location.place, location.shown.clone());
            let status = location.returns.map_or("", |returns| returns.arg(0));
            let answers_nothing = Answer::of(status) == Answer::Nothing;
            let before = self.whole.take();
            for route in self.resolve(location) {
                let root = routes.iter().find(|route| route.paths.iter().any(|path| path == "/"));
                let is_of = |root: &Route| {
                    let mut settings = route.settings.iter();
                    (route.target.is_none() || root.target == route.target)
                        && settings.all(|setting| root.settings.get(&setting.key) == Some(&setting.value))
                };
                let is_alike = self.whole.is_none() && root.map_or(route.is_empty(), is_of);
                let is_kept = root.is_some() && closing::is_restricted(&route.settings) && !answers_nothing;
                if is_kept {
                    routes.push(Route {
                        settings: closing::restrictions(&route.settings),
                        ..Route::new(place, vec!["/".to_owned()])
                    });
                }
                self.level.notes.extend(route.notes);
                if !is_alike {
                    self.level.notes.push(Note {
                        place,
                        what: format!("`{shown}`"),
                        nearest: if is_kept {
                            "a path is a prefix: all of `/` that no other rule is about is kept from clients so"
                                .to_owned()
                        } else {
                            closing::FIRST_PAGE.to_owned()
                        },
                    });
                }
            }
            self.whole = before;
        }
    }
}
