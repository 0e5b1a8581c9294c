//! `error_page`: pages for errors, where all of a server lie in one folder and are called as `error_pages` wants them.

use super::location::{Location, On};
use super::routes::Routes;
use crate::import::value::Value;

impl Routes<'_> {
    /// Sets the folder of the server's pages, if there is one. The paths of the locations that are there for nothing else.
    pub(super) fn error_pages(&mut self, found: &[Location<'_>]) -> Vec<String> {
        let places = self.level.named_pages.iter();
        let places: Option<Vec<_>> = places.map(|(page, _)| self.place(page, found)).collect();
        let folder = match places.as_deref() {
            Some([(first, _), others @ ..]) if others.iter().all(|(folder, _)| folder == first) => first.clone(),
            _ => {
                self.level.tell_of_pages();
                return Vec::new();
            }
        };
        self.level.carried += self.level.named_pages.len();
        self.level.named_pages.clear();
        let remark = "nothing but pages may lie there".to_owned();
        self.level
            .settings
            .set_with("error_pages", Value::text(folder), Some(remark));
        places.into_iter().flatten().filter_map(|(_, path)| path).collect()
    }

    /// The folder that a page lies in, and the path of the location that says so, if it is not the server itself.
    fn place(&self, page: &str, found: &[Location<'_>]) -> Option<(String, Option<String>)> {
        let matched = |location: &&Location<'_>| match &location.on {
            On::Exact(path) => path == page,
            On::Prefix(path) => path != "/" && page.starts_with(path.as_str()),
            On::Several(_) | On::Challenge | On::Named(_) | On::Expression(_) => false,
        };
        let path = |location: &Location<'_>| location.paths().into_iter().next().unwrap_or_default();
        let location = found.iter().filter(matched).max_by_key(|location| path(location).len());
        if location.is_some_and(|location| location.pass.is_some() || location.foreign.is_some()) {
            return None;
        }
        let own = location.and_then(|location| location.level.folder.as_ref());
        let folder = own.or(self.level.folder.as_ref())?;
        let file = match location.filter(|_| folder.strip) {
            Some(location) => match page.strip_prefix(&path(location))? {
                "" => folder.path.clone(),
                rest => format!("{}/{}", folder.path, rest.trim_start_matches('/')),
            },
            None => format!("{}{page}", folder.path),
        };
        let (folder, _) = file.rsplit_once('/')?;
        Some((folder.trim_end_matches('/').to_owned(), location.map(path)))
    }
}
