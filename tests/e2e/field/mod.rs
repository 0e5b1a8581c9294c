//! What the field sends: requests and answers that other front doors' users have reported, each with its kin (F1 to F17).

mod absences;
mod bare_ports;
mod blanks;
mod clients;
mod forwarding;
mod http2;
mod nagle;
mod probes;
mod proxy_headers;
mod reasons;
mod requests;
mod responses;
mod schemes;
mod texts;
mod uploads;

use crate::common::client::Response;
use crate::common::fixture::{HOST, PLAIN, Pair};

/// Every connection is one that a trusted proxy has made.
const TRUSTED: &str = "trusted_proxies = [\"127.0.0.0/8\"]\n";

/// `GET target` with these field lines, on a connection of its own.
async fn get(pair: &Pair, target: &str, fields: &str) -> Response {
    let to = pair.target();
    let mut client = to.client().await.unwrap();
    let answer = client.request("GET", &to.host, target, fields, b"").await;
    answer.unwrap_or_else(|broken| panic!("{target} with {fields:?}: {broken}"))
}

/// The same over HTTP/2, where names are in lower case.
async fn get_h2(pair: &Pair, target: &str, fields: &str) -> Response {
    let mut request = http::Request::get(format!("https://{HOST}{target}"));
    for line in fields.lines() {
        let (name, value) = line.split_once(": ").unwrap();
        request = request.header(name.to_lowercase(), value);
    }
    let h2 = pair.door.h2(HOST).await.unwrap();
    let answer = h2.send(request, bytes::Bytes::new()).await;
    answer.unwrap_or_else(|broken| panic!("{target} with {fields:?} over HTTP/2: {broken}"))
}

/// The values of a field in a head, as text, that an app has seen.
fn values<'h>(head: &'h str, name: &'h str) -> Vec<&'h str> {
    head.lines()
        .filter_map(|line| line.split_once(": "))
        .filter(|(written, _)| written.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
        .collect()
}
