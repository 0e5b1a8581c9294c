//! Why a request has no answer of its app or folder.

use std::sync::Arc;

use crate::proxy::message::answer::Answer;
use crate::proxy::message::error::ProxyError;
use crate::proxy::route::maintenance::MaintenancePage;

/// Why there is no answer of the app.
pub(crate) enum Ending {
    /// Something is wrong.
    Error(ProxyError),
    /// The route leads to an answer of our own.
    Answer(Answer),
    /// The environment is under maintenance.
    Maintenance(Arc<MaintenancePage>),
}

impl From<ProxyError> for Ending {
    fn from(error: ProxyError) -> Self {
        Self::Error(error)
    }
}
