//! The dashboard: who may see it, what its viewers are told, and what becomes of it when the daemon does.

mod browser;
mod feed;
mod life;
mod rights;

use std::net::SocketAddr;

use serde_json::Value;

use crate::common::client::{Client, Response};
use crate::common::door::Door;

/// Switches it on, at a port that the system chooses.
const ON: &str = "dashboard = \"127.0.0.1:0\"";
/// The name by which the page is asked for.
const HERE: &str = "localhost";

/// Where it is.
fn place(door: &Door) -> Option<SocketAddr> {
    door.site("dashboard")
}

/// One request, on a connection of its own, with these field lines.
async fn ask(address: SocketAddr, method: &str, host: &str, target: &str, fields: &str) -> Response {
    let mut client = Client::plain(address).await.unwrap();
    client.request(method, host, target, fields, b"").await.unwrap()
}

/// Somebody who looks.
struct Viewer {
    client: Client,
    /// What has arrived and is no whole message.
    text: String,
}

impl Viewer {
    /// Joins the feed.
    async fn join(address: SocketAddr, fields: &str) -> Self {
        let mut client = Client::plain(address).await.unwrap();
        let request = format!("GET /events HTTP/1.1\r\nHost: {HERE}\r\n{fields}\r\n");
        client.send(request).await.unwrap();
        let (status, head) = client.head().await.unwrap();
        assert_eq!(status, 200, "{head:?}");
        assert_eq!(head.fields.get("content-type"), Some("text/event-stream"));
        let text = String::new();
        Self { client, text }
    }

    /// The next message, and its event's name; `None` when the feed has ended.
    async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            if let Some((message, rest)) = self.text.split_once("\n\n") {
                let (event, data) = message.split_once('\n').unwrap();
                let event = event.strip_prefix("event: ").unwrap().to_owned();
                let data = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
                self.text = rest.to_owned();
                return Some((event, data));
            }
            let piece = self.client.incoming.chunk().await.ok()??;
            self.text += str::from_utf8(&piece).unwrap();
        }
    }

    /// Reads until a message is like this.
    async fn until<T>(&mut self, what: &str, mut wanted: impl FnMut(&str, &Value) -> Option<T>) -> T {
        let read = async {
            while let Some((event, data)) = self.next().await {
                if let Some(found) = wanted(&event, &data) {
                    return found;
                }
            }
            panic!("the feed has ended, and there was no {what}");
        };
        let patience = std::time::Duration::from_secs(30);
        tokio::time::timeout(patience, read)
            .await
            .unwrap_or_else(|_| panic!("there is no {what}"))
    }
}
