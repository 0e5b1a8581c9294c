//! Somebody who is told: a real HTTP server that writes down what it gets, and answers as the test says.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::common::{eventually, holds, secs};

/// What it does with a message.
#[derive(Debug, Clone)]
pub(super) enum Manner {
    /// Answers with this status, a field, and these words.
    Answers(u16, Option<(&'static str, String)>, &'static str),
    /// Never answers.
    Hangs,
    /// Answers, and never ends.
    Babbles,
    /// Knows no such page, and repeats what it was asked.
    Repeats,
}

/// A request as it came.
#[derive(Debug, Clone)]
pub(super) struct Got {
    pub(super) path: String,
    pub(super) fields: HeaderMap,
    pub(super) body: String,
}

impl Got {
    pub(super) fn field(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// The title of a message in JSON.
    pub(super) fn title(&self) -> String {
        self.json()["data"]["title"].as_str().unwrap_or_default().to_owned()
    }
}

/// The receiver.
#[derive(Debug)]
pub(super) struct Receiver {
    address: SocketAddr,
    manner: Arc<Mutex<Manner>>,
    got: Arc<Mutex<Vec<Got>>>,
}

impl Receiver {
    /// On plain HTTP; takes everything.
    pub(super) async fn start() -> Self {
        Self::with(None).await
    }

    /// In TLS, as `localhost`. The file gets the certificate, for who is to trust it.
    pub(super) async fn secure(roots: &Path) -> Self {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        std::fs::write(roots, made.cert.pem()).unwrap();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        Self::with(Some(TlsAcceptor::from(Arc::new(config)))).await
    }

    async fn with(tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let receiver = Self {
            address: listener.local_addr().unwrap(),
            manner: Arc::new(Mutex::new(Manner::Answers(200, None, "ok"))),
            got: Arc::default(),
        };
        let (manner, got) = (receiver.manner.clone(), receiver.got.clone());
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                let (manner, got, tls) = (manner.clone(), got.clone(), tls.clone());
                tokio::spawn(async move {
                    let service = service_fn(move |request| take(request, manner.clone(), got.clone()));
                    match tls {
                        None => drop(http1::Builder::new().serve_connection(TokioIo::new(tcp), service).await),
                        Some(tls) => {
                            let Ok(stream) = tls.accept(tcp).await else { return };
                            drop(
                                http1::Builder::new()
                                    .serve_connection(TokioIo::new(stream), service)
                                    .await,
                            );
                        }
                    }
                });
            }
        });
        receiver
    }

    pub(super) fn does(&self, manner: Manner) {
        *self.manner.lock().unwrap() = manner;
    }

    /// A URL of it.
    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// A URL of it in TLS.
    pub(super) fn secure_url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.address.port())
    }

    /// Everything that it got so far.
    pub(super) fn got(&self) -> Vec<Got> {
        self.got.lock().unwrap().clone()
    }

    /// Waits until it has got so many messages at a path.
    pub(super) async fn messages(&self, path: &str, wanted: usize) -> Vec<Got> {
        eventually(secs(20), || async {
            let got: Vec<_> = self.got().into_iter().filter(|got| got.path == path).collect();
            holds(got.len() >= wanted, || {
                format!("{} of {wanted} messages at {path}", got.len())
            })
            .map(|()| got)
        })
        .await
    }

    /// Waits for a message in JSON whose title has these words.
    pub(super) async fn titled(&self, words: &str) -> Got {
        eventually(secs(20), || async {
            let titles: Vec<String> = self.got().iter().map(Got::title).collect();
            let found = self.got().into_iter().find(|got| got.title().contains(words));
            found.ok_or_else(|| format!("no {words:?} among {titles:?}"))
        })
        .await
    }
}

async fn take(
    request: Request<Incoming>,
    manner: Arc<Mutex<Manner>>,
    got: Arc<Mutex<Vec<Got>>>,
) -> Result<Response<http_body_util::combinators::UnsyncBoxBody<Bytes, Infallible>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes)
        .unwrap_or_default();
    let asked = Got {
        path: head.uri.path_and_query().unwrap().to_string(),
        fields: head.headers,
        body: String::from_utf8(body.to_vec()).unwrap(),
    };
    let words = format!("Cannot POST {} as {}", asked.path, asked.field("authorization"));
    got.lock().unwrap().push(asked);
    let manner = manner.lock().unwrap().clone();
    match manner {
        Manner::Hangs => std::future::pending().await,
        Manner::Answers(status, field, words) => {
            let mut answer = Response::builder().status(status);
            if let Some((name, value)) = field {
                answer = answer.header(name, value);
            }
            Ok(answer.body(Full::new(Bytes::from(words)).boxed_unsync()).unwrap())
        }
        Manner::Repeats => {
            let answer = Response::builder().status(404);
            Ok(answer.body(Full::new(Bytes::from(words)).boxed_unsync()).unwrap())
        }
        Manner::Babbles => {
            let frames =
                futures_util::stream::repeat_with(|| Ok(hyper::body::Frame::data(Bytes::from(vec![b'x'; 64 * 1024]))));
            Ok(Response::new(http_body_util::StreamBody::new(frames).boxed_unsync()))
        }
    }
}
