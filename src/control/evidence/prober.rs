//! HTTP probes → [`ProbeReport`]: what one instance says when it is asked at exactly its address (N6), as traffic would ask it (F1).
//! A folder is asked by the code that answers clients out of it. Redirects are not followed (N7). What the answers amount to is
//! `model::probing`'s to decide.

use std::future::{Future, pending};
use std::io;
use std::time::Duration;

use bytes::Bytes;
use http::header::ACCEPT_ENCODING;
use http::{HeaderMap, HeaderValue};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::time::{Instant as Moment, timeout};

use super::answer::{fields, is_warm, objection, shown, version};
use super::instance::Instance;
use crate::config::Service;
use crate::model::api::ProbeReport;
use crate::model::slot::Address;
use crate::proxy::{self, Stream, dial, probe_request};

/// How many bytes of a body are read.
const BODY: usize = 64 * 1024;

/// What a browser takes.
const ENCODINGS: &str = "gzip, br, zstd";

/// Why a folder does not pass that has no file for `health.path`.
const EMPTY: &str = "the folder has nothing there: let `health.path` name a file that it has";

const CUT: &str = "closed the connection without a whole answer";

/// Asks one instance for its health.
pub(in crate::control) async fn probe(instance: &Instance) -> ProbeReport {
    let Instance {
        service,
        address,
        folder,
    } = instance;
    let health = &service.health;
    let began = Moment::now();
    let reply = within(health.timeout, exchange(instance, health.path.at(address))).await;
    let report = report(instance, began);
    match reply {
        Err(reason) => ProbeReport {
            reason: Some(reason),
            ..report
        },
        Ok(reply) => {
            let reason = objection(service, &health.host, reply.status, &reply.headers, &reply.body);
            let reason = match (folder, reply.status) {
                (Some(_), 404) => reason.map(|_| EMPTY.to_owned()),
                (Some(_) | None, _) => reason,
            };
            ProbeReport {
                reached: reply.reached,
                passed: reason.is_none(),
                status: Some(reply.status),
                reason,
                version: version(health, &reply.headers, &reply.body),
                body: shown(&reply.body),
                ..report
            }
        }
    }
}

/// Looks whether one instance accepts a connection, and asks for nothing (N8).
pub(in crate::control) async fn connect(instance: &Instance) -> ProbeReport {
    let began = Moment::now();
    let address = &instance.address;
    let connected = within(instance.service.health.timeout, async {
        match &instance.folder {
            Some(folder) => folder.open().await.map(|()| None).map_err(|error| of_folder(&error)),
            None => {
                let stream = dial(address).await.map_err(|error| in_words(&error))?;
                Ok(second(address, &stream))
            }
        }
    });
    let (reached, reason) = match connected.await {
        Ok(reached) => (reached, None),
        Err(reason) => (None, Some(reason)),
    };
    ProbeReport {
        reached,
        passed: reason.is_none(),
        reason,
        ..report(instance, began)
    }
}

/// Asks one instance for a warm-up path. Returns whether it is warm there: it answered with 2xx, or with what `health.status` lists.
pub(in crate::control) async fn warm(instance: &Instance, path: &str) -> bool {
    let (service, address) = (&instance.service, &instance.address);
    let patience = service.policy.timeout.response;
    let cold = match within(patience, exchange(instance, path)).await {
        Ok(reply) if is_warm(&service.health, reply.status) => return true,
        Ok(reply) => format!("answered {}", reply.status),
        Err(reason) => reason,
    };
    let Service { environment, name, .. } = &**service;
    tracing::warn!(%environment, service = %name, %address, path, "warm-up request failed: {cold}");
    false
}

/// Asks one instance for a path, as a browser asks that takes compressed answers, within `patience`.
///
/// # Errors
/// Why there is no answer, in words.
pub(super) async fn ask(instance: &Instance, path: &str, patience: Duration) -> Result<Reply, String> {
    let folder = instance.folder.is_some();
    let asked = async {
        if folder {
            return exchange(instance, path).await;
        }
        converse((&instance.service, &instance.address), path, BODY, Some(ENCODINGS)).await
    };
    within(patience, asked).await
}

/// Asks one instance for a file, as it is: its status, its fields and all of its body.
///
/// # Errors
/// Why there is none, in words; also where the body has more than `most` bytes.
pub(in crate::control) async fn fetch(
    service: &Service,
    address: &Address,
    path: &str,
    most: u64,
) -> Result<(u16, HeaderMap, Vec<u8>), String> {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let reply = converse((service, address), path, most.saturating_add(1), None).await?;
    if reply.body.len() > most {
        return Err(format!("more than {most} bytes"));
    }
    Ok((reply.status, reply.headers, reply.body))
}

/// An answer.
#[derive(Debug)]
pub(super) struct Reply {
    /// See [`ProbeReport::reached`].
    reached: Option<Address>,
    /// `None` of a folder, which speaks no protocol.
    pub(super) protocol: Option<http::Version>,
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    /// The first bytes.
    pub(super) body: Vec<u8>,
}

/// A GET, as a visitor's would arrive.
async fn exchange(instance: &Instance, path: &str) -> Result<Reply, String> {
    let Instance {
        service,
        address,
        folder,
    } = instance;
    let Some(folder) = folder else {
        return converse((service, address), path, BODY, None).await;
    };
    let answer = folder.ask(service, path).await.map_err(|error| of_folder(&error))?;
    Ok(Reply {
        reached: None,
        protocol: None,
        status: answer.status,
        headers: fields(&answer),
        body: answer.body,
    })
}

/// Asks an app, on a connection of its own, for so many bytes of a body, in one of these encodings.
async fn converse(
    (service, address): (&Service, &Address),
    path: &str,
    most: usize,
    encodings: Option<&'static str>,
) -> Result<Reply, String> {
    let stream = dial(address).await.map_err(|error| in_words(&error))?;
    let reached = second(address, &stream);
    let mut request = probe_request(service, path)
        .map_err(|error| format!("cannot be asked for `{path}`: {error}"))?
        .map(|()| Empty::<Bytes>::new());
    if let Some(encodings) = encodings {
        let taken = request.headers_mut().entry(ACCEPT_ENCODING);
        taken.or_insert(HeaderValue::from_static(encodings));
    }
    let (mut sender, connection) = http1::Builder::new()
        // As with traffic (RFC 9112 §5.1).
        .allow_spaces_after_header_name_in_responses(true)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|error| broken(&error))?;
    let talk = async {
        let response = sender.send_request(request).await.map_err(|error| broken(&error))?;
        let (head, mut rest) = response.into_parts();
        let mut body = Vec::new();
        while body.len() < most
            && let Some(frame) = rest.frame().await
        {
            let frame = frame.map_err(|error| broken(&error))?;
            if let Some(data) = frame.data_ref() {
                body.extend_from_slice(&data[..data.len().min(most - body.len())]);
            }
        }
        Ok(Reply {
            reached,
            protocol: Some(head.version),
            status: head.status.as_u16(),
            headers: head.headers,
            body,
        })
    };
    // The connection only has to be driven; how it ends is what `talk` hears.
    let drive = async {
        drop(connection.await);
        pending::<Result<Reply, String>>().await
    };
    tokio::select! {
        reply = talk => reply,
        never = drive => never,
    }
}

async fn within<T>(patience: Duration, work: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    timeout(patience, work)
        .await
        .unwrap_or_else(|_| Err(format!("no answer within {}", shortly(patience))))
}

fn shortly(time: Duration) -> String {
    if time.subsec_millis() == 0 {
        format!("{} s", time.as_secs())
    } else {
        format!("{} ms", time.as_millis())
    }
}

fn report(instance: &Instance, began: Moment) -> ProbeReport {
    ProbeReport {
        service: instance.service.name.to_string(),
        address: instance.address.clone(),
        reached: None,
        passed: false,
        status: None,
        latency_us: u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX),
        reason: None,
        body: String::new(),
        version: None,
    }
}

/// Where a bare port was reached, when that is its second place.
fn second(address: &Address, stream: &Stream) -> Option<Address> {
    address.second().filter(|_| stream.is_on_v6_loopback())
}

fn in_words(error: &io::Error) -> String {
    match proxy::in_words(error) {
        Some(words) => words.into(),
        None if error.kind() == io::ErrorKind::UnexpectedEof => CUT.into(),
        None => error.to_string(),
    }
}

/// Why a folder cannot be opened, or a file in it not be read.
fn of_folder(error: &io::Error) -> String {
    proxy::folder_in_words(error).map_or_else(|| error.to_string(), str::to_owned)
}

fn broken(error: &hyper::Error) -> String {
    let source = std::error::Error::source(error).and_then(|source| source.downcast_ref::<io::Error>());
    match source {
        Some(source) => in_words(source),
        None if error.is_incomplete_message() => CUT.into(),
        None if error.is_parse() => "does not speak HTTP/1.1".into(),
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests;
