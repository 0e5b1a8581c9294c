//! `proxyctl preview`: who has a link sees the idle side on the real hostname, and nobody else does (N33).

mod browser;
mod caches;
mod ends;
mod entry;
mod folders;
mod hostile;
mod leaks;
mod links;
mod plain;
mod stances;
mod told;

use greengate::model::api::{Event, PreviewLink, PreviewStep, exit};

use crate::common::app::App;
use crate::common::client::{Client, Response, WEB_SOCKET};
use crate::common::door::Door;
use crate::common::fixture::{HOST, Pair};
use crate::common::spoken::Rest;

/// The cookie's name.
const COOKIE: &str = "__Host-greengate-preview";
/// What stands before the token in a link's path.
const LINK: &str = "/.well-known/greengate/preview/";
/// The field by which scripts send a token.
const FIELD: &str = "X-Greengate-Preview";

/// An open preview, as `proxyctl` has told of it.
#[derive(Debug, Clone)]
struct Look {
    token: String,
    links: Vec<PreviewLink>,
    operation: u64,
}

impl Look {
    /// `proxyctl preview ENV ARGS`.
    async fn open(door: &Door, env: &str, args: &[&str]) -> Self {
        let finished = door.watch(&[&["preview", env], args].concat()).finish().await;
        finished.assert_code(exit::DONE);
        let issued = finished.find(|event| match event {
            Event::Preview(PreviewStep::Issued { token, links }) => Some((token.clone(), links.clone())),
            _ => None,
        });
        let operation = finished.find(|event| match event {
            Event::Preview(PreviewStep::Opened { operation, .. }) => Some(*operation),
            _ => None,
        });
        let (token, links) = issued.expect("it says how to see it");
        Self {
            token,
            links,
            operation: operation.expect("it says that it is open"),
        }
    }

    /// The path of its link.
    fn path(&self) -> String {
        format!("{LINK}{}", self.token)
    }

    /// The fields by which a browser shows it.
    fn cookie(&self) -> Vec<(&'static str, String)> {
        cookie(&self.token)
    }

    /// The fields by which a script shows it.
    fn field(&self) -> Vec<(&'static str, String)> {
        vec![(FIELD, self.token.clone())]
    }
}

fn cookie(token: &str) -> Vec<(&'static str, String)> {
    vec![("Cookie", format!("{COOKIE}={token}"))]
}

/// Field lines.
fn lines(fields: &[(&'static str, String)]) -> String {
    fields
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect()
}

/// Over HTTP/1.1 and TLS.
async fn over_h1(door: &Door, host: &str, method: &str, target: &str, fields: &[(&'static str, String)]) -> Response {
    door.over_h1(host, method, target, rest(method, fields)).await
}

/// Over HTTP/2.
async fn over_h2(door: &Door, host: &str, method: &str, target: &str, fields: &[(&'static str, String)]) -> Response {
    door.over_h2(host, method, target, rest(method, fields)).await
}

fn rest<'a>(method: &str, fields: &'a [(&'static str, String)]) -> Rest<'a, String> {
    let body: &[u8] = if method == "POST" { b"a body" } else { b"" };
    Rest { fields, body }
}

/// Over both, each on a connection of its own.
async fn both(pair: &Pair, method: &str, target: &str, fields: &[(&'static str, String)]) -> [Response; 2] {
    [
        over_h1(&pair.door, HOST, method, target, fields).await,
        over_h2(&pair.door, HOST, method, target, fields).await,
    ]
}

/// Which app answers a request with these fields, whatever the protocol.
async fn seen_by(pair: &Pair, fields: &[(&'static str, String)]) -> String {
    let [one, other] = both(pair, "GET", "/who", fields).await;
    assert_eq!(
        (one.status, one.app()),
        (other.status, other.app()),
        "{one:?} {other:?}"
    );
    one.app().to_owned()
}

/// A WebSocket that is open, with these fields in its request.
async fn web_socket(door: &Door, fields: &[(&'static str, String)]) -> Client {
    let mut client = door.tls(HOST).await.unwrap();
    let request = format!("GET /ws HTTP/1.1\r\nHost: {HOST}\r\n{WEB_SOCKET}{}\r\n", lines(fields));
    client.send(request).await.unwrap();
    let (status, head) = client.head().await.unwrap();
    assert_eq!(status, 101, "{head:?}");
    echo(&mut client).await;
    client
}

/// Says a word over a WebSocket, and hears it again.
async fn echo(client: &mut Client) {
    // Masked by zeros (RFC 6455 §5.3).
    client.send(b"\x81\x82\0\0\0\0hi").await.unwrap();
    assert_eq!(client.incoming.exactly(4).await.unwrap(), b"\x81\x02hi");
}

/// All that an app has seen of every request: heads as they came.
fn heads(app: &App) -> String {
    app.seen().iter().map(|seen| seen.head.raw.clone()).collect()
}
