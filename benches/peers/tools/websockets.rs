//! Messages over WebSockets: each is sent back by the app before the next one is sent.

use std::time::{Duration, Instant};

use futures_util::{SinkExt as _, StreamExt as _};
use rustls::client::Resumption;
use tokio::task::JoinSet;
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::Message;

use crate::client::{self, connector};
use crate::latency::{Answers, ready};

const SOCKETS: usize = 64;
const MESSAGE: &str = "a message as chats and dashboards send them, of sixty-four bytes";

/// For so long.
pub(crate) async fn run(port: u16, certificate: &str, time: Duration) {
    let connector = connector(certificate, "http/1.1", Resumption::disabled());
    let mut sockets = Vec::with_capacity(SOCKETS);
    for _ in 0..SOCKETS {
        let tls = client::tls(&connector, port).await.unwrap();
        let (socket, _) = client_async("wss://localhost/socket", tls).await.unwrap();
        sockets.push(socket);
    }
    ready();
    let end = Instant::now() + time;
    let mut clients = JoinSet::new();
    for mut socket in sockets {
        clients.spawn_local(async move {
            let mut answers = Answers::default();
            while Instant::now() < end {
                let began = Instant::now();
                socket.send(Message::text(MESSAGE)).await.unwrap();
                let back = socket.next().await;
                assert!(back.is_some_and(|back| back.is_ok_and(|back| back.len() == MESSAGE.len())));
                answers.took.push(began.elapsed());
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
