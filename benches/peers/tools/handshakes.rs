//! Connections that carry one request each: every request pays a handshake, full or resumed.

use std::time::{Duration, Instant};

use rustls::HandshakeKind;
use rustls::client::Resumption;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;

use crate::app::SMALL;
use crate::client::{self, connector};
use crate::latency::{Answers, ready};

const CLIENTS: usize = 16;
/// Sessions that a client remembers.
const SESSIONS: usize = 32;

/// For so long, with clients that ask one after another.
pub(crate) async fn run(resumed: bool, port: u16, certificate: &str, time: Duration) {
    ready();
    let end = Instant::now() + time;
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let sessions = if resumed {
            Resumption::in_memory_sessions(SESSIONS)
        } else {
            Resumption::disabled()
        };
        let connector = connector(certificate, "http/1.1", sessions);
        clients.spawn_local(async move {
            let mut answers = Answers::default();
            while Instant::now() < end {
                let began = Instant::now();
                match one(&connector, port).await {
                    Ok(kind) => {
                        answers.took.push(began.elapsed());
                        answers.resumed += usize::from(kind == Some(HandshakeKind::Resumed));
                    }
                    Err(_) => answers.failed += 1,
                }
            }
            answers
        });
    }
    let mut all = Answers::default();
    while let Some(answers) = clients.join_next().await {
        all.add(answers.unwrap());
    }
    all.print();
}

async fn one(connector: &TlsConnector, port: u16) -> std::io::Result<Option<HandshakeKind>> {
    let mut tls = client::tls(connector, port).await?;
    tls.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await?;
    let mut answer = Vec::with_capacity(1024);
    while !answer.ends_with(SMALL) {
        if tls.read_buf(&mut answer).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(tls.get_ref().1.handshake_kind())
}
