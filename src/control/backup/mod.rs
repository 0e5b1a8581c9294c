//! `proxyctl backup` and `restore`: everything that another machine needs to serve the same, in one archive, and back.
//!
//! Both work on files alone and ask no daemon: who may use the control socket may not read private keys for that (E35). A
//! restore holds the state folder meanwhile.
//!
//! - `make` takes a backup; `picture` reads everything at one moment: `kept` what is in the state folder, and the files
//!   that the configuration names (`named`)
//! - `archive` the file itself: tar and gzip, read with bounds
//! - `restore` puts one back: `target` finds where everything goes here and compares, `staging` writes it beside its place,
//!   `exchange` puts it in place
//! - `folder` a folder that is worked in without following links; `owner` names and numbers of users

mod archive;
mod exchange;
mod folder;
mod kept;
mod make;
mod named;
mod owner;
mod picture;
mod restore;
mod staging;
mod target;

pub use archive::is_backup;
pub use make::make;
pub use restore::restore;
