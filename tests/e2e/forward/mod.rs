//! `auth.forward`: an auth service is asked whether a request may pass, and nobody passes without its word.

mod bounds;
mod oauth2_proxy;
mod passing;
mod questions;
mod refusals;
mod stances;
mod unanswered;

use serde_json::Value;

use crate::common::app::App;
use crate::common::app::{Step, send};
use crate::common::client::Response;
use crate::common::door::Door;
use crate::common::fixture::Pair;
use crate::common::{eventually, holds, secs};

/// The path at which the auth service is asked.
const VERIFY: &str = "/verify";
/// What it says of a client that passes.
const ANNA: &str = "HTTP/1.1 202 Accepted\r\nRemote-User: anna\r\nRemote-Groups: staff\r\nRemote-Groups: beta\r\n\
                    Remote-Email: anna@example.com\r\nContent-Length: 0\r\n\r\n";
/// What it says to a stranger.
const LOGIN: &str = "HTTP/1.1 302 Found\r\nLocation: https://login.example/?rd=1\r\nSet-Cookie: state=1; HttpOnly\r\n\
                     Set-Cookie: csrf=2\r\nX-Why: nobody\r\nContent-Length: 9\r\n\r\nlog in 1!";

/// A pair of apps behind an auth service.
struct Forwarded {
    pair: Pair,
    auth: App,
}

impl Forwarded {
    /// On the plain port, with more lines for prod.
    async fn plain(more: &str) -> Self {
        Self::plain_with("", more).await
    }

    /// The same with lines for `[server]`.
    async fn plain_with(server: &str, more: &str) -> Self {
        let auth = App::start("auth", "v1").await;
        let pair = Pair::plain_with(server, &format!("{}\n{more}", forward(&auth))).await;
        Self { pair, auth }
    }

    /// Over TLS.
    async fn tls(more: &str) -> Self {
        let auth = App::start("auth", "v1").await;
        let pair = Pair::tls(&format!("{}\n{more}", forward(&auth))).await;
        Self { pair, auth }
    }

    /// From now on the auth service answers this.
    fn says(&self, answer: &str) {
        self.auth.on(VERIFY, vec![send(answer)]);
    }

    /// From now on the auth service does this.
    fn does(&self, steps: Vec<Step>) {
        self.auth.on(VERIFY, steps);
    }
}

/// `auth.forward` for a service that listens there.
fn forward(auth: &App) -> String {
    let address = auth.address();
    format!(
        "auth.forward = {{ url = \"http://{address}{VERIFY}?x=1\", copy = [\"Remote-User\", \"Remote-Groups\"], timeout = \"2s\" }}"
    )
}

/// The lines of the daemon's log whose message begins like this.
fn lines(door: &Door, message: &str) -> Vec<Value> {
    let text = door.process().log().text();
    let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines
        .filter(|line| line["message"].as_str().is_some_and(|said| said.starts_with(message)))
        .collect()
}

/// The only line whose message begins like this, once it is there.
async fn the_line(door: &Door, message: &str) -> Value {
    eventually(secs(10), || async {
        let mut lines = lines(door, message);
        holds(lines.len() == 1, || format!("not one line with {message:?}: {lines:?}")).map(|()| lines.remove(0))
    })
    .await
}

/// Panics unless the request was answered with 503 by the proxy.
#[track_caller]
fn assert_closed(answer: &Response, what: &str) {
    assert_eq!((answer.status, answer.app()), (503, ""), "{what}: {}", answer.text());
    assert_eq!(answer.field("retry-after"), Some("2"), "{what}");
}
