//! Whether another process is about to be the front door, or is it.

use tokio::time::Instant;

use crate::control::ports::Successor;
use crate::model::api::Holder;

/// What an upgrade that goes on, or is over, means for everything else.
#[derive(Debug, Default)]
pub(super) enum Succession {
    /// There is none.
    #[default]
    None,
    /// Another process is being started.
    UnderWay { holder: Holder, since: Instant },
    /// Another process is the front door.
    Over(Successor),
}
