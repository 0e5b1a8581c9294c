//! How an environment is deployed: what the file says of starting and stopping a side.

mod table;

pub use table::Table;
