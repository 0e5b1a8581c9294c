//! A strict app behind the door: it writes down every request that it gets to see, and every byte that no request may have.
//!
//! It answers each with its number and the method that it saw, so that a client can tell which answer belongs to what.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::incoming::{Broken, Ends, Head, Incoming};
use super::port::{listen, reserve};
use super::wire::Wire;

/// How long a connection may be silent: as long as the door may keep it.
const PATIENCE: Duration = Duration::from_secs(300);

/// The app and what it has written down.
#[derive(Debug)]
pub struct Recorder {
    address: SocketAddr,
    book: Arc<Mutex<Book>>,
    // Declared last: the port stays reserved while it lives.
    _reserved: socket2::Socket,
}

/// One request as it came.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// Who asks, by the door's word.
    pub client: String,
    /// The request line.
    pub start: String,
    /// Whether its body came to its end.
    pub whole: bool,
}

#[derive(Debug, Default)]
struct Book {
    requests: Vec<Recorded>,
    faults: Vec<String>,
    open: usize,
}

impl Recorder {
    /// On a port that the system chose.
    pub async fn start() -> Self {
        let (reserved, address) = reserve();
        let listener = listen(address).await;
        let book = Arc::new(Mutex::new(Book::default()));
        let shared = Arc::clone(&book);
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                drop(tcp.set_nodelay(true));
                tokio::spawn(connection(Wire::Tcp(tcp), Arc::clone(&shared)));
            }
        });
        Self {
            address,
            book,
            _reserved: reserved,
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Every request, once nobody is connected any more.
    pub async fn requests(&self) -> Vec<Recorded> {
        super::eventually(super::secs(10), || async {
            let open = self.book.lock().unwrap().open;
            super::holds(open == 0, || format!("{open} connections to the app are open"))
        })
        .await;
        self.book.lock().unwrap().requests.clone()
    }

    /// What no door may send, in the order in which it came.
    pub fn faults(&self) -> Vec<String> {
        self.book.lock().unwrap().faults.clone()
    }
}

async fn connection(wire: Wire, book: Arc<Mutex<Book>>) {
    book.lock().unwrap().open += 1;
    let mut incoming = Incoming::new(wire, PATIENCE);
    if let Err(fault) = serve(&mut incoming, &book).await {
        book.lock().unwrap().faults.push(fault);
    }
    drop(incoming);
    book.lock().unwrap().open -= 1;
}

/// Serves until the connection ends; fails on what no door may send.
async fn serve(incoming: &mut Incoming, book: &Mutex<Book>) -> Result<(), String> {
    loop {
        let head = match incoming.head().await {
            Ok(head) => head,
            Err(Broken::Malformed(why)) => return Err(why),
            Err(_) => return Ok(()),
        };
        let ends = framing(&head)?;
        let client = head.fields.get("x-real-ip").unwrap_or_default().to_owned();
        let number = {
            let mut book = book.lock().unwrap();
            book.requests.push(Recorded {
                client,
                start: head.start.clone(),
                whole: false,
            });
            book.requests.len()
        };
        match incoming.body(ends).await {
            Ok(_) => book.lock().unwrap().requests[number - 1].whole = true,
            Err(Broken::Malformed(why)) => return Err(format!("{why} in the body of {:?}", head.raw)),
            Err(_) => return Ok(()),
        }
        let method = head.start.split(' ').next().unwrap_or_default();
        if head.fields.has_token("upgrade", "websocket") {
            let opened = incoming
                .send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
                .await;
            // From here on bytes are the client's and the app's own.
            while opened.is_ok() && incoming.fill().await.is_ok_and(|read| read > 0) {}
            return Ok(());
        }
        let text = format!("answer {number}\n");
        let answer = format!(
            "HTTP/1.1 200 OK\r\nX-Answer: {number}\r\nX-Method: {method}\r\nContent-Length: {}\r\n\r\n{}",
            text.len(),
            if method == "HEAD" { "" } else { &text }
        );
        if incoming.send(answer.as_bytes()).await.is_err() {
            return Ok(());
        }
    }
}

/// The one framing of a request that is whole and unambiguous to every reader.
fn framing(head: &Head) -> Result<Ends, String> {
    let all = |name: &'static str| head.fields.all(name).collect::<Vec<_>>();
    let wrong = |what: &str| Err(format!("{what}: {:?}", head.raw));
    for (name, most) in [
        ("host", 1),
        ("content-length", 1),
        ("transfer-encoding", 1),
        ("connection", 1),
        ("upgrade", 1),
    ] {
        if all(name).len() > most {
            return wrong("more than one of a field");
        }
    }
    if all("host").len() != 1 || all("x-real-ip").len() != 1 {
        return wrong("no host, or nobody who asks");
    }
    for name in ["te", "keep-alive", "proxy-connection"] {
        if !all(name).is_empty() {
            return wrong("a field of one hop");
        }
    }
    let twins = ["content_length", "transfer_encoding", "x_forwarded_for", "x_real_ip"];
    if twins.iter().any(|name| !all(name).is_empty()) {
        return wrong("a field that many apps take for another");
    }
    if head
        .raw
        .bytes()
        .any(|byte| byte < b' ' && !matches!(byte, b'\r' | b'\n' | b'\t'))
    {
        return wrong("a control character");
    }
    let words: Vec<&str> = head.start.split(' ').collect();
    if words.len() != 3 || words[2] != "HTTP/1.1" {
        return wrong("a request line");
    }
    match (all("content-length").as_slice(), all("transfer-encoding").as_slice()) {
        ([], []) => Ok(Ends::Empty),
        ([], ["chunked"]) => Ok(Ends::Chunked),
        ([digits], []) if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            digits.parse().map(Ends::Length).or_else(|_| wrong("a length"))
        }
        _ => wrong("no framing, or two"),
    }
}
