//! What a folder answers for what it does not have.

use std::sync::Arc;

/// `files.fallback` or `files.not_found`, of which there is at most one. Paths begin with a slash and are below the folder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Missing {
    /// An error page of ours, with 404.
    #[default]
    Nothing,
    /// This file, with 200: the page of an app that reads the path in the browser.
    Fallback(Arc<str>),
    /// This file, with 404.
    Page(Arc<str>),
}
