//! What visitors see while an environment is under maintenance, and who is let in all the same.

use std::net::IpAddr;

use bytes::Bytes;

use crate::model::error_pages::ErrorPages;
use crate::proxy::message::answer::Answer;
use crate::proxy::message::content::Content;
use crate::proxy::message::request_id::RequestId;

/// What is said where nobody wrote a message.
const MESSAGE: &str = "The site is under maintenance. Please try again in a moment.";

/// The answer of an environment under maintenance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MaintenancePage {
    /// What the page says; plain text. `None` is a sentence of our own.
    pub message: Option<String>,
    /// An HTML page in place of ours. Clients that ask for JSON get the message all the same.
    pub page: Option<Bytes>,
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

    /// 503 with the page, or as JSON. Where the operator has said nothing for this time, the page for 503 of `pages` is shown.
    pub(crate) fn answer(&self, pages: Option<&ErrorPages>, wants_json: bool, id: RequestId) -> Answer {
        let message = self.message.as_deref().unwrap_or(MESSAGE);
        let mut answer = Answer::own(503, message, wants_json, id, Some(self.retry_after));
        if wants_json {
            return answer;
        }
        match (&self.page, &self.message) {
            (Some(page), _) => answer.content = Content::Bytes(page.clone()),
            (None, Some(_)) => {}
            (None, None) => {
                if let Some(page) = pages.and_then(|pages| pages.find(503)) {
                    answer.show(page, id);
                }
            }
        }
        answer
    }
}
