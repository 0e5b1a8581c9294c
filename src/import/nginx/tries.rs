//! `try_files`: a folder, and what answers where it has no such file.

use super::known::FASTCGI;
use super::level::{Folder, Level};
use super::passing;
use super::routes::{Routes, files};
use crate::import::directive::Directive;
use crate::import::draft::{Note, Settings, Slots, Target};
use crate::import::value::Value;

impl Routes<'_> {
    /// Who answers for a folder that is looked into below a path.
    pub(super) fn try_files(
        &self,
        tries: &Directive,
        (folder, below): (&Folder, &str),
        settings: &mut Settings,
        level: &mut Level,
    ) -> Option<Target> {
        let Some((last, before)) = tries.args.split_last() else {
            level.look(tries, "it names no file");
            return None;
        };
        let known = |one: &String| {
            matches!(
                one.as_str(),
                "$uri" | "$uri/" | "$uri/index.html" | "$uri.html" | "index.html"
            )
        };
        if !before.iter().all(known) {
            level.look(
                tries,
                "a folder is looked into by the path as it is, then `files.fallback` or `files.not_found`",
            );
            return Some(files(folder));
        }
        if last.starts_with('@') {
            let Some(named) = self.named.get(last) else {
                level.look(tries, "no location has this name");
                return Some(files(folder));
            };
            let Some(pass) = named.pass else {
                level.look(tries, FASTCGI);
                return Some(Target {
                    slots: Slots::Nothing(FASTCGI.to_owned()),
                    strip: false,
                });
            };
            level.carried += named.level.carried + 1;
            level.notes.extend(named.level.notes.clone());
            for setting in named.level.settings.iter() {
                settings.put(setting.clone());
            }
            settings.set("public", Value::text(folder.path.as_str()));
            let mut variables = Level::within(&named.level);
            let target = passing::pass(self.http, pass, &["/".to_owned()], false, &mut variables, settings);
            level.carried += variables.carried;
            level.notes.extend(variables.notes);
            return Some(target);
        }
        if last.contains(".php") {
            level.look(tries, FASTCGI);
            return Some(Target {
                slots: Slots::Nothing(FASTCGI.to_owned()),
                strip: false,
            });
        }
        level.carry();
        if last.starts_with('/') && !last.contains('$') {
            // It is a path as clients have it, of which an `alias` sees what stands behind the location.
            let seen = match folder.strip {
                true => last.strip_prefix(below).filter(|rest| rest.starts_with('/')),
                false => Some(last.as_str()),
            };
            match seen {
                Some(file) => settings.set("files.fallback", Value::text(file)),
                None => level.notes.push(Note {
                    place: tries.place,
                    what: format!("`{last}`"),
                    nearest: "`files.fallback` is a file of the same folder".to_owned(),
                }),
            }
        }
        if before.iter().any(|one| one == "$uri.html") {
            level.notes.push(Note {
                place: tries.place,
                what: "`$uri.html`".to_owned(),
                nearest: "a file is asked for by its whole name".to_owned(),
            });
        }
        Some(files(folder))
    }
}
