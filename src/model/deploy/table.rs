//! The table `deploy` of an environment or a service.

use serde::{Deserialize, Serialize};

/// How a side is started and stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {}
