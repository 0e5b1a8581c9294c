//! Who may enter an environment that is not for everybody: decisions alone, without a file, a thread or a clock.
//!
//! - `users` the users of a file as htpasswd writes it, and how such a file is changed
//! - `hash` a password's hash, of which one scheme is accepted: bcrypt
//! - `credentials` what a client sends of itself (RFC 7617)
//! - `checks` the passwords that are being checked, one check for all who wait for the same one, within bounds
//! - `attempts` clients that send wrong passwords, and how long each has to wait
//! - `known` what was found right, in bounded memory
//! - `refusal` why somebody does not enter

mod attempts;
mod checks;
mod credentials;
mod hash;
mod known;
mod refusal;
mod users;

pub use attempts::Attempts;
pub use checks::{Checks, Digest};
pub use credentials::Credentials;
pub use hash::{Hash, NoPassword};
pub use known::Known;
pub use refusal::Refusal;
pub use users::{Flaw, NoName, Users, check_name, with_user, without_user};
