//! What a folder answers, decided: names, times and fields in; what to look for, and what to say, out (RFC 9110 §8, §13, §14).
//!
//! - `path` the path of a request → the name of a file below the folder
//! - `missing` what is answered for what a folder does not have
//! - `kind` the type of a file by its ending; `hashed` names that stand for their content
//! - `version` one file at one moment, and how it is told from every other
//! - `asked` the fields of a request that decide what is sent; `conditions` and `ranges` those of them that have a grammar of their own

mod asked;
mod conditions;
mod hashed;
mod kind;
mod missing;
mod path;
mod ranges;
mod version;

pub use asked::{Asked, Verdict};
pub use hashed::is_hashed;
pub use kind::Kind;
pub use missing::Missing;
pub use path::FilePath;
pub use ranges::{Parts, Ranges};
pub use version::{Moment, Version};
