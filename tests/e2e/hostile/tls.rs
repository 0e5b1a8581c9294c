//! What a handshake must not agree on (E31): an old TLS, a new handshake in the middle, data before it is over.

use std::path::Path;
use std::process::Stdio;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Child;

use crate::common::client::connect;
use crate::common::fixture::{HOST, Pair};
use crate::common::secs;
use crate::common::tool::{good, tool};

/// `openssl s_client` for the door, with these arguments.
fn begin(pair: &Pair, args: &[&str]) -> Child {
    let mut command = tool("openssl");
    command
        .args([
            "s_client",
            "-connect",
            &pair.door.https().to_string(),
            "-servername",
            HOST,
        ])
        .arg("-CAfile")
        .arg(pair.door.state_dir().join("ca/root.pem"))
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command.spawn().expect("openssl starts")
}

/// What it says, with this to type.
async fn s_client(pair: &Pair, args: &[&str], typed: &str) -> String {
    let mut child = begin(pair, args);
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(typed.as_bytes()).await.expect("openssl reads");
    drop(stdin);
    let output = tokio::time::timeout(secs(60), child.wait_with_output()).await;
    let output = output.expect("openssl ends").expect("openssl's output");
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// A ClientHello (RFC 5246 §7.4.1.2) of this version, which does not know TLS 1.3.
fn client_hello(version: u16) -> Vec<u8> {
    let name = HOST.as_bytes();
    let short = |len: usize| (len as u16).to_be_bytes();
    let listed = |bytes: &[u8]| [&short(bytes.len())[..], bytes].concat();
    let extension = |kind: u8, bytes: &[u8]| [&[0, kind][..], &listed(bytes)].concat();
    let extensions = [
        // server_name, supported_groups, ec_point_formats, signature_algorithms
        extension(0, &listed(&[&[0][..], &listed(name)].concat())),
        extension(10, &listed(&[0, 0x1d, 0, 0x17])),
        extension(11, &[1, 0]),
        extension(13, &listed(&[4, 3, 8, 4, 4, 1])),
    ];
    // What TLS 1.0 has, and with ECDHE and AES-GCM what TLS 1.2 has in their place.
    let suites = [0x00, 0x2f, 0x00, 0x35, 0xc0, 0x13, 0xc0, 0x2f, 0xc0, 0x2b];
    let body = [
        &version.to_be_bytes()[..],
        &[7; 32],
        &[0],
        &listed(&suites),
        &[1, 0],
        &listed(&extensions.concat()),
    ]
    .concat();
    let message = [&[1, 0][..], &listed(&body)].concat();
    [&[22, 3, 1][..], &listed(&message)].concat()
}

/// The first bytes that come back for a hello.
async fn answer(pair: &Pair, version: u16) -> Vec<u8> {
    let mut tcp = connect(pair.door.https()).await.unwrap();
    tcp.write_all(&client_hello(version)).await.unwrap();
    let mut answer = vec![0; 7];
    let read = tokio::time::timeout(secs(30), tcp.read_exact(&mut answer)).await;
    read.expect("an answer in time").expect("an answer");
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn e31_a_hello_of_an_old_tls_gets_an_alert() {
    let pair = Pair::tls("").await;
    // SSL 3, TLS 1.0, TLS 1.1.
    for version in [0x0300, 0x0301, 0x0302] {
        let answer = answer(&pair, version).await;
        // An alert that is fatal.
        assert_eq!((answer[0], answer[5]), (21, 2), "{version:#x}: {answer:?}");
    }
    // The same hello of TLS 1.2 gets a handshake's next message, ServerHello.
    let answer = answer(&pair, 0x0303).await;
    assert_eq!((answer[0], answer[5]), (22, 2), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn e31_openssl_gets_no_old_tls() {
    let pair = Pair::tls("").await;
    for version in ["-tls1", "-tls1_1"] {
        let said = s_client(&pair, &[version, "-cipher", "ALL:@SECLEVEL=0"], "").await;
        let refused = ["alert protocol version", "alert handshake failure"];
        assert!(refused.iter().any(|alert| said.contains(alert)), "{version}: {said}");
        assert!(said.contains("no peer certificate available"), "{version}: {said}");
    }
    for (version, name) in [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")] {
        let said = s_client(&pair, &[version], "").await;
        assert!(
            said.contains("Verify return code: 0 (ok)") && said.contains(name),
            "{said}"
        );
    }
}

/// How many messages of a kind openssl says that it has sent (`>>>`) or received (`<<<`).
fn messages(said: &str, way: &str, kind: &str) -> usize {
    said.lines()
        .filter(|line| line.starts_with(way) && line.ends_with(kind))
        .count()
}

#[tokio::test(flavor = "multi_thread")]
async fn e31_no_connection_is_negotiated_anew() {
    let pair = Pair::tls("").await;
    let mut child = begin(&pair, &["-tls1_2", "-msg"]);
    let (mut stdin, mut stderr) = (child.stdin.take().unwrap(), child.stderr.take().unwrap());
    // `R` at the beginning of a piece asks for it, and what stands behind it in the same piece is thrown away.
    stdin.write_all(b"R\n").await.unwrap();
    let mut said = Vec::new();
    while !said.ends_with(b"RENEGOTIATING\n") {
        said.push(stderr.read_u8().await.expect("openssl is asked to"));
    }
    // The second hello leaves before this, which would have to wait for the handshake.
    let ask = format!("GET /renegotiated HTTP/1.1\r\nHost: {HOST}\r\n\r\n");
    stdin.write_all(ask.as_bytes()).await.unwrap();
    let output = tokio::time::timeout(secs(60), child.wait_with_output()).await;
    let output = output.expect("openssl ends").expect("openssl's output");
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(messages(&said, ">>>", "ClientHello"), 2, "{said}");
    assert_eq!(messages(&said, "<<<", "ServerHello"), 1, "{said}");
    assert_eq!(messages(&said, "<<<", "no_renegotiation"), 1, "{said}");
    assert!(!pair.blue.targets().contains(&"GET /renegotiated".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn e31_a_client_may_change_its_keys_and_ask_for_ours() {
    let pair = Pair::tls("").await;
    let mut child = begin(&pair, &["-tls1_3"]);
    let (mut stdin, mut stderr) = (child.stdin.take().unwrap(), child.stderr.take().unwrap());
    // It asks us to change ours, too.
    stdin.write_all(b"K\n").await.unwrap();
    let mut said = Vec::new();
    while !said.ends_with(b"KEYUPDATE\n") {
        said.push(stderr.read_u8().await.expect("openssl changes its keys"));
    }
    let ask = format!("GET /behind HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n");
    stdin.write_all(ask.as_bytes()).await.unwrap();
    let output = tokio::time::timeout(secs(60), child.wait_with_output()).await;
    let output = output.expect("openssl ends").expect("openssl's output").stdout;
    let said = String::from_utf8_lossy(&output);
    assert!(said.contains("HTTP/1.1 200"), "{said}");
    assert!(pair.blue.targets().contains(&"GET /behind".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn e31_a_hello_in_tiny_records_is_understood_and_one_without_end_is_refused() {
    let pair = Pair::tls("").hasty("handshake=60000").await;
    let hello = client_hello(0x0303);
    let (head, message) = hello.split_at(5);
    let in_pieces: Vec<u8> = message
        .chunks(3)
        .flat_map(|part| [&head[..3], &[0, part.len() as u8], part].concat())
        .collect();
    let mut tcp = connect(pair.door.https()).await.unwrap();
    tcp.write_all(&in_pieces).await.unwrap();
    let mut answer = [0; 6];
    tcp.read_exact(&mut answer).await.unwrap();
    // What the first bytes say is a ServerHello in a record of the handshake.
    assert_eq!((answer[0], answer[5]), (22, 2), "{answer:02x?}");

    let mut tcp = connect(pair.door.https()).await.unwrap();
    let endless = [&[22, 3, 1, 0x3f, 0, 1, 0, 0xff, 0xff][..], &[0; 0x3f00 - 4]].concat();
    for _ in 0..20 {
        if tcp.write_all(&endless).await.is_err() {
            break;
        }
    }
    // An alert, or nothing but the end of the connection: not a wait for more.
    let _ = tokio::time::timeout(secs(10), tcp.read_to_end(&mut Vec::new()))
        .await
        .expect("the connection ends");
}

/// A session as DER (RFC 5280's kind of it, as OpenSSL writes it), which says of its ticket that early data may be sent with it.
fn with_early_data(session: &[u8]) -> Vec<u8> {
    /// `[15] EXPLICIT INTEGER`: 16384 bytes of it.
    const MOST: [u8; 6] = [0xaf, 4, 2, 2, 0x40, 0];
    /// The content's place and length of the element that begins a text.
    fn content(der: &[u8]) -> (usize, usize) {
        match der[1] {
            0x81 => (3, der[2].into()),
            0x82 => (4, u16::from_be_bytes([der[2], der[3]]).into()),
            short => (2, short.into()),
        }
    }
    let (mut rest, mut fields, mut is_there) = (&session[content(session).0..], Vec::new(), false);
    while let Some(tag) = rest.first() {
        if *tag > MOST[0] && !std::mem::replace(&mut is_there, true) {
            fields.extend_from_slice(&MOST);
        }
        assert_ne!(*tag, MOST[0], "the ticket says by itself that early data may be sent");
        let (from, len) = content(rest);
        fields.extend_from_slice(&rest[..from + len]);
        rest = &rest[from + len..];
    }
    if !is_there {
        fields.extend_from_slice(&MOST);
    }
    [&[0x30, 0x82][..], &(fields.len() as u16).to_be_bytes(), &fields].concat()
}

/// A session of openssl's in another form.
async fn convert(session: &Path, from: &str, to: &str, result: &Path) {
    let mut command = tool("openssl");
    command.args(["sess_id", "-inform", from, "-outform", to, "-in"]);
    command.arg(session).arg("-out").arg(result);
    good(command).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e31_no_data_is_taken_before_the_handshake_is_over() {
    let pair = Pair::tls("").await;
    let folder = tempfile::tempdir().unwrap();
    let [session, der, bold, early] = ["session", "der", "bold", "early"].map(|name| folder.path().join(name));
    std::fs::write(&early, format!("GET /early HTTP/1.1\r\nHost: {HOST}\r\n\r\n")).unwrap();
    let arg = |path: &Path| path.to_str().unwrap().to_owned();
    // A ticket comes behind the handshake: it has to be waited for.
    let ask = |target: &str| format!("GET {target} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n");
    let first = ["-tls1_3", "-sess_out", &arg(&session), "-ign_eof"];
    let said = s_client(&pair, &first, &ask("/first")).await;
    assert!(said.contains("Max Early Data: 0"), "{said}");
    // With the ticket as it is, a client sends none, and its handshake is a short one.
    let again = ["-tls1_3", "-sess_in", &arg(&session), "-early_data", &arg(&early)];
    let said = s_client(&pair, &[&again[..], &["-ign_eof"]].concat(), &ask("/second")).await;
    assert!(
        said.contains("Early data was not sent") && said.contains("Reused, TLSv1.3"),
        "{said}"
    );
    // One that sends it all the same: behind its hello, and before anything has come back.
    convert(&session, "PEM", "DER", &der).await;
    let changed = with_early_data(&std::fs::read(&der).unwrap());
    std::fs::write(&der, changed).unwrap();
    convert(&der, "DER", "PEM", &bold).await;
    let bold = ["-tls1_3", "-sess_in", &arg(&bold), "-early_data", &arg(&early), "-msg"];
    let said = s_client(&pair, &[&bold[..], &["-ign_eof"]].concat(), &ask("/third")).await;
    let before = said.split("<<<").next().unwrap_or_default();
    assert!(
        before.contains("\n    17 03 03"),
        "no application data was sent early: {said}"
    );
    assert!(said.contains("Early data was rejected"), "{said}");
    let targets = pair.blue.targets();
    assert!(!targets.contains(&"GET /early".to_owned()), "{targets:?}");
    for taken in ["GET /first", "GET /second", "GET /third"] {
        assert!(targets.contains(&taken.to_owned()), "{taken}: {targets:?}");
    }
}
