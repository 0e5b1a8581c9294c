//! A look at the idle side before it is switched to (N33): who holds a token that is valid now sees it, and nobody else. Pure.
//!
//! - `preview` one look, and those that are open
//! - `token` what its holder has to show; `key` what it is signed with
//! - `link` how a browser gets it, and `cookie` how it keeps it
//! - `shown` which token a request shows
//! - `hiding` tokens where they do not belong

mod cookie;
mod hiding;
mod key;
mod link;
mod preview;
mod shown;
mod token;

pub use cookie::{other_cookies, set_cookie, without_cookie};
pub use hiding::{hide, holds_token};
pub use key::Key;
pub use link::{LINK, token_of_link};
pub use preview::{LONGEST, MOST, Preview, Previews};
pub use shown::{Showing, Shown};
