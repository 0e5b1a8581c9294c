//! Bytes with something wrong in them, through the whole door: requests to an app that writes down what it sees, and answers of
//! an app to clients that forgive nothing. Whatever the door makes of them, it lives on; the app sees no request whose client got
//! no answer, and a client gets no answer that is another's. `SEED=` replays one.

#[path = "../../http1_codec/generated.rs"]
#[allow(dead_code, reason = "a part of what the codec's tests generate")]
mod generated;
mod http2;

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Range;

use tokio::task::JoinSet;

use crate::common::client::{Client, response_ends};
use crate::common::door::{Door, QUICK_PLAIN};
use crate::common::incoming::{Broken, Ends, Incoming};
use crate::common::port::{listen, reserve};
use crate::common::recorder::Recorder;
use crate::common::wire::Wire;
use crate::common::{count, ms, secs};
use fastrand::Rng;
use generated::mutated;

const REQUESTS: &[&[u8]] = &[
    b"GET / HTTP/1.1\r\nHost: app.test\r\nAccept: */*\r\n\r\n",
    b"POST /a HTTP/1.1\r\nHost: app.test\r\nContent-Length: 11\r\n\r\nhello world",
    b"POST /b HTTP/1.1\r\nHost: app.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\nX-T: 1\r\n\r\n",
    b"HEAD /c?d=e HTTP/1.1\r\nHost: app.test:80\r\nCookie: a=b; c=d\r\nConnection: close\r\n\r\n",
    b"GET /1 HTTP/1.1\r\nHost: app.test\r\n\r\nGET /2 HTTP/1.1\r\nHost: app.test\r\nConnection: close\r\n\r\n",
    b"PUT /f HTTP/1.1\r\nHost: app.test\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc",
    b"GET /g HTTP/1.0\r\nHost: app.test\r\nConnection: keep-alive\r\n\r\n",
    b"POST /h HTTP/1.1\r\nHost: app.test\r\nContent-Length: 44\r\n\r\nGET /inner HTTP/1.1\r\nHost: app.test\r\nX: y\r\n\r\n\
      HEAD /i HTTP/1.1\r\nHost: app.test\r\n\r\nGET /j HTTP/1.1\r\nHost: app.test\r\n\r\n",
    b"PUT /k HTTP/1.1\r\nHost: app.test\r\nTransfer-Encoding: chunked\r\n\r\n2c\r\nGET /inner HTTP/1.1\r\nHost: app.test\r\nX: y\r\n\r\n\r\n\
      0\r\n\r\nDELETE /l HTTP/1.1\r\nHost: app.test\r\n\r\n",
    b"GET /m HTTP/1.1\r\nHost: app.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
      Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\nGET /inner HTTP/1.1\r\nHost: app.test\r\n\r\n",
    b"GET http://app.test/n HTTP/1.1\r\nHost: app.test\r\nConnection: X-A, Content-Length\r\nX-A: 1\r\nTE: trailers\r\n\r\n",
];

const ANSWERS: &[&[u8]] = &[
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/1.1 200\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nSet-Cookie: a=b\r\n\r\n5;x\r\nhello\r\n3  \r\nabc\r\n0\r\nA: b\r\n\r\n",
    b"HTTP/1.0 404 Not Found\r\nServer: x\r\n\r\nuntil the end",
    b"HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\nContent-Length: 5\r\n\r\n",
    b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\nX-Second: 1\r\nContent-Length: 4\r\n\r\nevil",
    b"HTTP/1.1 200 OK\r\nConnection: X-A, close\r\nX-A: 1\r\nContent-Length : 2\r\nUpgrade: h2c\r\n\r\nhi",
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
];

fn seeds(reduced: usize, long: usize) -> Range<u64> {
    match std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()) {
        Some(seed) => seed..seed + 1,
        None => 1..1 + count(reduced, long) as u64,
    }
}

fn is_replay() -> bool {
    std::env::var_os("SEED").is_some()
}

/// A door with one app, on the plain port at `app.test`.
async fn door(app: SocketAddr) -> Door {
    Door::start(&format!(
        "{QUICK_PLAIN}\n[env.prod]\nhost = \"app.test\"\nupstream = \"{app}\"\n"
    ))
    .await
}

/// Runs one task for each seed, a few at once.
async fn each<F: Future<Output = T> + Send + 'static, T: Send + 'static>(
    seeds: Range<u64>,
    mut task: impl FnMut(u64) -> F,
) -> Vec<T> {
    let (mut running, mut done) = (JoinSet::new(), Vec::new());
    for seed in seeds {
        if running.len() == 16 {
            done.extend(running.join_next().await.map(|one| one.expect("no client panics")));
        }
        running.spawn(task(seed));
    }
    done.extend(running.join_all().await);
    done
}

/// An address of the loopback for each seed.
fn client_of(seed: u64) -> Ipv4Addr {
    let [.., high, low] = seed.to_be_bytes();
    Ipv4Addr::new(127, 77, high, low)
}

#[tokio::test(flavor = "multi_thread")]
async fn mutated_requests_reach_no_app_without_an_answer() {
    let app = Recorder::start().await;
    let door = door(app.address()).await;
    let http = door.http();
    let answered = each(seeds(2_000, 10_000), |seed| ask(seed, http)).await;
    let again = door.plain().await.get("app.test", "/").await.unwrap();
    assert_eq!(again.status, 200);
    // An app may see a request after its client has given up: whatever is on its way has arrived when nobody is connected to it.
    door.sigterm();
    door.end(secs(90)).await;

    let mut reached: HashMap<String, Vec<String>> = HashMap::new();
    for seen in app.requests().await {
        reached.entry(seen.client).or_default().push(seen.start);
    }
    let faults = app.faults();
    assert!(faults.is_empty(), "the app saw what no door may send: {faults:#?}");
    for (seed, got) in &answered {
        let saw = reached
            .get(&client_of(*seed).to_string())
            .map_or(&[][..], Vec::as_slice);
        let sent = || String::from_utf8_lossy(&mutated(&mut Rng::with_seed(*seed), REQUESTS)).into_owned();
        assert!(
            saw.len() <= *got,
            "SEED={seed}: the app saw {saw:?}, the client got {got} answers to {:?}",
            sent()
        );
    }
    // Otherwise this would prove nothing.
    let known = answered
        .iter()
        .filter(|(seed, _)| reached.contains_key(&client_of(*seed).to_string()));
    let known = known.count();
    assert!(
        is_replay() || known > answered.len() / 10,
        "the app saw {known} clients"
    );
}

/// Sends the seed's requests in a few parts, and reads all answers strictly; how many there were.
async fn ask(seed: u64, http: SocketAddr) -> (u64, usize) {
    let mut rng = Rng::with_seed(seed);
    let bytes = mutated(&mut rng, REQUESTS);
    let mut client = Client::plain_from(client_of(seed), http).await.unwrap();
    client.incoming.patience = secs(15);
    let size = rng.usize(1..=bytes.len().max(1)).max(bytes.len() / 6 + 1);
    for part in bytes.chunks(size) {
        // The door may have closed before everything was sent.
        let _ = client.send(part).await;
        tokio::task::yield_now().await;
    }
    let _ = client.half_close().await;
    let shown = || String::from_utf8_lossy(&bytes).into_owned();
    match answers(&mut client).await {
        Ok(answers) => (seed, answers),
        Err(broken) => panic!("SEED={seed}: {broken}, after {:?}", shown()),
    }
}

/// Reads answers to the end of the connection. The app says which method it has seen, and the door's own answers end with the
/// connection or have a body.
async fn answers(client: &mut Client) -> Result<usize, Broken> {
    let mut answers = 0;
    loop {
        let (status, head) = match client.head().await {
            Ok(one) => one,
            Err(Broken::Closed | Broken::Reset(_)) => return Ok(answers),
            Err(broken) => return Err(broken),
        };
        if (100..200).contains(&status) && status != 101 {
            continue;
        }
        answers += 1;
        if status == 101 {
            client.until_end().await?;
            return Ok(answers);
        }
        // The door's own answer to a HEAD has no body, and does not say that it is one.
        let own = head.fields.get("x-answer").is_none();
        while own && client.incoming.buffer.len() < 9 && client.incoming.fill().await.is_ok_and(|read| read > 0) {}
        if own && client.incoming.buffer.starts_with(b"HTTP/1.1 ") {
            continue;
        }
        let ends = response_ends(head.fields.get("x-method").unwrap_or("GET"), status, &head.fields)?;
        match client.incoming.body(ends).await {
            Ok((body, _)) => {
                if let Some(number) = head.fields.get("x-answer") {
                    let expected = format!("answer {number}\n");
                    if body != expected.as_bytes() && ends != Ends::Empty {
                        return Err(Broken::Wrong(format!(
                            "{:?} in place of {expected:?}",
                            body.escape_ascii()
                        )));
                    }
                }
            }
            // Our own answer to a HEAD, or to one that gave up.
            Err(Broken::Truncated(_) | Broken::Reset(_)) if client.incoming.buffer.is_empty() => return Ok(answers),
            Err(broken) => return Err(broken),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn mutated_answers_reach_no_client_as_two_and_never_another() {
    let (_reserved, app) = reserve();
    let listener = listen(app).await;
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            drop(tcp.set_nodelay(true));
            tokio::spawn(answer(Wire::Tcp(tcp)));
        }
    });
    let door = door(app).await;
    let http = door.http();
    let passed = each(seeds(1_000, 10_000), |seed| read(seed, http)).await;
    assert_eq!(
        door.plain().await.get("app.test", "/sound/0").await.unwrap().status,
        200
    );
    let passed = passed.iter().filter(|passed| **passed).count();
    // Otherwise this would prove nothing.
    assert!(is_replay() || passed > 100, "{passed} answers were passed on");
}

/// An app that answers `/SEED` with what is left of an answer, `/sound/NONCE` as it should, and tires of waiting.
async fn answer(wire: Wire) {
    let mut incoming = Incoming::new(wire, ms(200));
    while let Ok(head) = incoming.head().await {
        let target = head.start.split(' ').nth(1).unwrap_or_default();
        let answer = match target.strip_prefix('/').and_then(|seed| seed.parse().ok()) {
            Some(seed) => mutated(&mut Rng::with_seed(seed), ANSWERS),
            None => format!(
                "HTTP/1.1 200 OK\r\nX-Sound: {target}\r\nContent-Length: {}\r\n\r\n{target}",
                target.len()
            )
            .into_bytes(),
        };
        if incoming.send(&answer).await.is_err() {
            return;
        }
    }
}

/// Asks for the seed's answer, and then for a sound one on the same connection; whether the first was passed on.
async fn read(seed: u64, http: SocketAddr) -> bool {
    let shown = || mutated(&mut Rng::with_seed(seed), ANSWERS).escape_ascii().to_string();
    let mut client = Client::plain_from(client_of(seed), http).await.unwrap();
    client.incoming.patience = secs(15);
    client
        .send(format!("GET /{seed} HTTP/1.1\r\nHost: app.test\r\n\r\n"))
        .await
        .unwrap();
    let mut passed = false;
    let mut keeps = false;
    match client.response("GET").await {
        Ok(answer) => {
            let behind = client.incoming.buffer.escape_ascii().to_string();
            assert_eq!(behind, "", "SEED={seed}: behind the answer, of {}", shown());
            passed = answer.status != 502;
            keeps = !answer.fields.has_token("connection", "close");
        }
        // Cut, and told by the end of the connection.
        Err(Broken::Truncated(_) | Broken::Reset(_) | Broken::Closed) => {}
        Err(broken) => panic!("SEED={seed}: {broken}, of {}", shown()),
    }
    if !keeps {
        client = Client::plain_from(client_of(seed), http).await.unwrap();
    }
    let target = format!("/sound/{seed}");
    match client.get("app.test", &target).await {
        Ok(answer) => {
            assert_eq!(
                (answer.field("x-sound"), answer.text()),
                (Some(&*target), target.clone()),
                "SEED={seed}, behind {}",
                shown()
            );
        }
        Err(broken) => panic!("SEED={seed}: {broken}, behind {}", shown()),
    }
    passed
}
