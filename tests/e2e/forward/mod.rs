//! `auth.forward`: an auth service is asked whether a request may pass, and nobody passes without its word.

mod bounds;
mod oauth2_proxy;
mod passing;
mod questions;
mod refusals;
mod stances;
mod unanswered;

use crate::common::app::App;
use crate::common::app::{Step, send};
use crate::common::client::Response;
use crate::common::fixture::Pair;

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

/// Panics unless the request was answered with 503 by the proxy.
#[track_caller]
fn assert_closed(answer: &Response, what: &str) {
    assert_eq!((answer.status, answer.app()), (503, ""), "{what}: {}", answer.text());
    assert_eq!(answer.field("retry-after"), Some("2"), "{what}");
}
