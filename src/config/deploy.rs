//! How the sides of an environment are started and stopped.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::deploy::Table;

/// `deploy` of an environment and its services. It stands beside the services and not in them: one that is deployed in another way
/// serves as before.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Deploy {
    /// `[env.NAME.deploy]`.
    pub table: Option<Table>,
    /// `[env.NAME.service.NAME.deploy]`, by the service's name. A folder that only the environment names is here, too.
    pub services: BTreeMap<Arc<str>, Table>,
}
