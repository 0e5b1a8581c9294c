//! The tables `deploy` of an environment. They are its own: `[defaults]` has none, and `extends` copies none.

use std::sync::Arc;

use crate::config::deploy::Deploy;
use crate::config::read::environments::RawEnvironment;
use crate::model::deploy::Table;

/// Builds them. A service's commands are run in the folder that its environment names, where it names none itself.
pub(crate) fn build(environment: &RawEnvironment) -> Deploy {
    let table = environment.deploy.as_ref().and_then(|raw| raw.table.clone());
    let cwd = table.as_ref().and_then(|table| table.cwd.clone());
    let services = environment.services.iter().flat_map(|services| &services.list);
    let tables = services.filter_map(|service| {
        let own = service.deploy.as_ref()?.table.clone()?;
        let cwd = own.cwd.clone().or_else(|| cwd.clone());
        Some((Arc::clone(&service.name.value), Table { cwd, ..own }))
    });
    Deploy {
        services: tables.collect(),
        table,
    }
}
