//! The whole file: `file` reads and builds it, and has its services compared with each other and with the world.
//!
//! - `hosts` what may not be said twice about a host, and hosts that no certificate can be had for
//! - `map` where hosts and paths lead; `loops` redirects that lead back to where they came from
//! - `addresses` where an app cannot run, and `auth_services` where no auth service can
//! - `certificates` whether certificate files are there, fit, and cover their hosts
//! - `labels` whether a ribbon has a label to show
//! - `deploy` whether every side can be started and stopped, and none but the one that is meant
//! - `folders` whether folders that are slots are there, and what the file says of them
//! - `notify` whether what `[[notify]]` names is there, and nobody else's to read
//! - `requires` whether environments depend on others that there are, and not in a circle
//! - `users` whether files of users are in order, and who may read what is no production

mod addresses;
mod auth_services;
mod certificates;
mod deploy;
pub(crate) mod file;
mod folders;
mod hosts;
mod labels;
mod loops;
pub(crate) mod map;
mod notify;
mod requires;
mod sleep;
mod users;
