//! Which app saw which request, by the id that the client gave it: the proof that nothing was sent twice.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

/// The header that carries a request's id, past any request id of the proxy's own.
pub const ID: &str = "x-test-id";

/// Shared by all apps of a test.
#[derive(Debug, Clone, Default)]
pub struct Ledger(Arc<Mutex<HashMap<String, Vec<String>>>>);

impl Ledger {
    /// An app read the head of a POST with this id.
    pub fn saw(&self, id: &str, app: &str) {
        self.0
            .lock()
            .unwrap()
            .entry(id.to_owned())
            .or_default()
            .push(app.to_owned());
    }

    /// How many POSTs with an id were seen.
    pub fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    /// How often a POST was seen.
    pub fn times(&self, id: &str) -> usize {
        self.0.lock().unwrap().get(id).map_or(0, Vec::len)
    }

    /// Panics when an app, or two apps, saw one POST twice; and when none was seen, which would prove nothing.
    pub fn assert_no_post_twice(&self) {
        let ledger = self.0.lock().unwrap();
        assert!(!ledger.is_empty(), "no POST with an id was seen");
        let twice: Vec<_> = ledger.iter().filter(|(_, apps)| apps.len() > 1).take(10).collect();
        assert!(
            twice.is_empty(),
            "of {} POSTs, these were seen more than once: {twice:?}",
            ledger.len()
        );
    }
}
