//! One request as each protocol says it, over TLS and on a connection of its own.

use bytes::Bytes;

use super::client::Response;
use super::door::Door;
use super::fixture::{HOST, Pair};

/// What is asked for, beside method and target.
#[derive(Debug, Clone, Copy)]
pub struct Rest<'a, V> {
    /// Fields, in order.
    pub fields: &'a [(&'a str, V)],
    /// The body.
    pub body: &'a [u8],
}

impl Door {
    /// Over HTTP/1.1.
    pub async fn over_h1<V: AsRef<str>>(&self, host: &str, method: &str, target: &str, rest: Rest<'_, V>) -> Response {
        let lines = rest
            .fields
            .iter()
            .map(|(name, value)| format!("{name}: {}\r\n", value.as_ref()));
        let lines: String = lines.collect();
        let mut client = self.tls(host).await.expect("the door accepts");
        let answer = client.request(method, host, target, &lines, rest.body).await;
        answer.unwrap_or_else(|broken| panic!("{method} {target}: {broken}"))
    }

    /// Over HTTP/2.
    pub async fn over_h2<V: AsRef<str>>(&self, host: &str, method: &str, target: &str, rest: Rest<'_, V>) -> Response {
        let mut request = http::Request::builder()
            .method(method)
            .uri(format!("https://{host}{target}"));
        for (name, value) in rest.fields {
            request = request.header(*name, value.as_ref());
        }
        let client = self.h2(host).await.expect("the door accepts");
        let answer = client.send(request, Bytes::copy_from_slice(rest.body)).await;
        answer.unwrap_or_else(|broken| panic!("{method} {target}: {broken}"))
    }
}

impl Pair {
    /// A request without a body over HTTP/1.1.
    pub async fn over_h1(&self, method: &str, target: &str, fields: &[(&str, &str)]) -> Response {
        self.door
            .over_h1(HOST, method, target, Rest { fields, body: b"" })
            .await
    }

    /// The same over HTTP/2.
    pub async fn over_h2(&self, method: &str, target: &str, fields: &[(&str, &str)]) -> Response {
        self.door
            .over_h2(HOST, method, target, Rest { fields, body: b"" })
            .await
    }

    /// The same over both.
    pub async fn both(&self, method: &str, target: &str, fields: &[(&str, &str)]) -> [Response; 2] {
        [
            self.over_h1(method, target, fields).await,
            self.over_h2(method, target, fields).await,
        ]
    }
}
