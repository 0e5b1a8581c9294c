//! What visitors see while an environment is under maintenance, and who is let in all the same.

use std::net::IpAddr;

use crate::proxy::message::answer::Answer;
use crate::proxy::message::request_id::RequestId;

/// What is said where nobody wrote a message.
const MESSAGE: &str = "The site is under maintenance. Please try again in a moment.";

/// The answer of an environment under maintenance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MaintenancePage {
    /// What the page says; plain text. `None` is a sentence of our own.
    pub message: Option<String>,
    /// An HTML page in place of ours. Clients that ask for JSON get the message all the same.
    pub page: Option<Vec<u8>>,
    /// `Retry-After`, in seconds.
    pub retry_after: u32,
    /// Clients that see the site as it is.
    pub allow: Vec<ipnet::IpNet>,
}

impl MaintenancePage {
    /// Whether a client sees the site as it is.
    pub(crate) fn admits(&self, client: IpAddr) -> bool {
        self.allow.iter().any(|network| network.contains(&client))
    }

    /// 503 with the page, or as JSON.
    pub(crate) fn answer(&self, wants_json: bool, id: RequestId) -> Answer {
        let message = self.message.as_deref().unwrap_or(MESSAGE);
        let mut answer = Answer::own(503, message, wants_json, id, Some(self.retry_after));
        if let (Some(page), false) = (&self.page, wants_json) {
            answer.body.clone_from(page);
        }
        answer
    }
}
