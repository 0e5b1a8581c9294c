//! What a door writes down: its access log, and what it says itself.

use serde_json::Value;

use super::door::Door;
use super::{eventually, holds, secs};

impl Door {
    /// The whole lines of the access log so far: of a write that is under way, a reader may see a part.
    pub fn access_log(&self) -> String {
        let mut bytes = std::fs::read(self.folder().join("access.log")).unwrap_or_default();
        let whole = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
        bytes.truncate(whole);
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The lines of the access log with these words in them, once there are so many.
    pub async fn logged(&self, words: &str, wanted: usize) -> Vec<Value> {
        eventually(secs(30), || async {
            let log = self.access_log();
            let lines = log.lines().filter(|line| line.contains(words));
            let lines: Vec<_> = lines.filter_map(|line| serde_json::from_str(line).ok()).collect();
            holds(lines.len() == wanted, || {
                format!("not {wanted} lines with {words:?}: {log}")
            })
            .map(|()| lines)
        })
        .await
    }

    /// Waits until the daemon has said these words.
    pub async fn says(&self, words: &str) {
        let process = self.process();
        eventually(secs(30), || async {
            let log = process.log().text();
            holds(log.contains(words), || format!("{words:?} is not in the log:\n{log}"))
        })
        .await;
    }

    /// The lines of the daemon's log whose message begins like this.
    pub fn lines(&self, message: &str) -> Vec<Value> {
        let text = self.process().log().text();
        let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines
            .filter(|line| line["message"].as_str().is_some_and(|said| said.starts_with(message)))
            .collect()
    }

    /// The only one of these, once it is there.
    pub async fn the_line(&self, message: &str) -> Value {
        eventually(secs(30), || async {
            let mut lines = self.lines(message);
            holds(lines.len() == 1, || format!("not one line with {message:?}: {lines:?}")).map(|()| lines.remove(0))
        })
        .await
    }
}
