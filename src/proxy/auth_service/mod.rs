//! The service that `auth.forward` names: it is asked of every request whether that may pass, before anything is claimed.
//!
//! - `auth_service` one core's side of it: connections, and how many questions may be open
//! - `question` what it is asked, from the head that was built for the app
//! - `asking` one question on its way, and the answer as it is read
//! - `verdict` what an answer means: the request passes, or the client gets it
//! - `standing` whether it answers, for all cores, and what the log is told of that

mod asking;
pub(crate) mod auth_service;
pub(crate) mod question;
pub(crate) mod standing;
pub(crate) mod verdict;
