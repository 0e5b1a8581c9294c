//! The control side: who may speak to the daemon, what is written down, and what never is (E32, E34, E35).

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::common::app::Health;
use crate::common::client::Client;
use crate::common::fixture::{HOST, PLAIN, Pair};
use crate::common::load::bytes;
use crate::common::systemd::as_root;
use crate::common::{eventually, holds, secs};
use greengate::model::api::exit;

/// A user that is neither root nor anybody else of importance.
const NOBODY: u32 = 65534;

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        .permissions()
        .mode()
        & 0o777
}

/// Every file under a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() {
                found.push(entry.path());
            }
        }
    }
    found
}

/// Everything that the daemon ever wrote down where a person would read it.
async fn written(pair: &Pair) -> String {
    let status = pair.door.proxyctl(&["status"]).await.all();
    let history = pair.door.proxyctl(&["history"]).await.all();
    let json = pair.door.proxyctl(&["status", "--json"]).await.all();
    let log = pair.door.process().log().text();
    format!("{}\n{log}\n{status}\n{history}\n{json}", pair.door.access_log())
}

#[tokio::test(flavor = "multi_thread")]
async fn e32_another_local_user_is_refused() {
    let pair = Pair::tls("").await;
    let socket = pair.door.socket();
    assert_eq!(mode(&socket) & 0o007, 0, "the socket's mode lets others in");
    // With every file mode out of the way, the daemon itself has to look who is there.
    let program = pair.door.folder().join("proxyctl");
    // By another process: one that is forked while this one writes would hold the program open, and nobody could run it.
    let copied = std::process::Command::new("cp")
        .arg(env!("CARGO_BIN_EXE_proxyctl"))
        .arg(&program)
        .status();
    assert!(copied.unwrap().success());
    for (path, mode) in [(pair.door.folder(), 0o755), (&program, 0o755), (&socket, 0o666)] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }
    // Who is not root becomes somebody else by `sudo`, which `tests/run` has.
    let as_nobody = |program: &Path, args: &[&str]| {
        let (user, group) = (format!("--reuid={NOBODY}"), format!("--regid={NOBODY}"));
        let mut command = as_root("setpriv");
        command
            .args([&user, &group, "--clear-groups", "--"])
            .arg(program)
            .args(args);
        command.current_dir("/").output().unwrap()
    };
    let who = as_nobody(Path::new("id"), &["-u"]);
    assert_eq!(
        String::from_utf8_lossy(&who.stdout).trim(),
        NOBODY.to_string(),
        "{who:?}"
    );
    assert!(as_nobody(&program, &["--version"]).status.success(), "it can be run");
    for args in [&["status"][..], &["swap", "prod"], &["history"]] {
        let at = ["--socket", socket.to_str().unwrap()];
        let output = as_nobody(&program, &[&at[..], args].concat());
        assert!(!output.status.success(), "nobody was let in: {output:?}");
        assert!(
            !String::from_utf8_lossy(&output.stdout).contains("app.localhost"),
            "{output:?}"
        );
    }
    eventually(secs(30), || async {
        let log = pair.door.process().log().text();
        let refused = log
            .matches("a user who may not was refused at the control socket")
            .count();
        holds(refused == 3, || {
            format!("{refused} were refused by the daemon itself: {log}")
        })
    })
    .await;
    assert_eq!(pair.serving().await, "blue");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_control_socket_refuses_what_it_does_not_know() {
    let pair = Pair::tls("").await;
    for (request, statuses) in [
        ("GET /v1/nothing HTTP/1.1\r\nHost: x\r\n\r\n", [404, 404]),
        (
            "POST /v1/operations HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n{}{}",
            [400, 400],
        ),
        (
            "POST /v1/operations HTTP/1.1\r\nHost: x\r\nContent-Length: 15\r\n\r\n{\"unknown\":true}",
            [400, 400],
        ),
        ("DELETE /v1/status HTTP/1.1\r\nHost: x\r\n\r\n", [404, 405]),
    ] {
        let mut client = Client::unix(&pair.door.socket()).await.unwrap();
        client.send(request).await.unwrap();
        let answer = client
            .response("GET")
            .await
            .unwrap_or_else(|broken| panic!("{request:?}: {broken}"));
        assert!(statuses.contains(&answer.status), "{request:?}: {}", answer.status);
    }
    let mut client = Client::unix(&pair.door.socket()).await.unwrap();
    let status = client.get("x", "/v1/status").await.unwrap();
    let status: greengate::model::api::Status = serde_json::from_slice(&status.body).expect("a status");
    assert_eq!(status.pid, pair.door.process().pid());
}

#[tokio::test(flavor = "multi_thread")]
async fn e34_nothing_that_a_client_sends_reaches_a_terminal_unescaped() {
    for format in ["json", "combined"] {
        write_wildly(&format!("access_log_format = \"{format}\"")).await;
    }
}

/// Sends what would command a terminal, from both sides, and looks at everything that was written of it.
async fn write_wildly(server: &str) {
    let pair = Pair::plain_with(server, "").await;
    let attempts: [&[u8]; 8] = [
        b"GET /%1b%5b31mred HTTP/1.1\r\nHost: app.test\r\n\r\n",
        b"GET /\xc2\x9b31m HTTP/1.1\r\nHost: app.test\r\n\r\n",
        b"GET /ua HTTP/1.1\r\nHost: app.test\r\nUser-Agent: a\x1b[2J\x07b\r\n\r\n",
        b"GET /ua HTTP/1.1\r\nHost: app.test\r\nUser-Agent: a\xc2\x9b2Jb\"\\\r\n\r\n",
        b"GET /ref HTTP/1.1\r\nHost: app.test\r\nReferer: http://a/\xc2\x9b2J\"\\\r\nAccept: */*\r\n\r\n",
        b"GET /query?\xc2\x9b2J=\"\\ HTTP/1.1\r\nHost: app.test\r\nReferer: \xe2\x80\xae\r\n\r\n",
        b"GET /host HTTP/1.1\r\nHost: \x1b]0;owned\x07.test\r\n\r\n",
        b"GET /host HTTP/1.1\r\nHost: \xe2\x80\xae.test\r\n\r\n",
    ];
    for attempt in attempts {
        let mut client = pair.door.plain().await;
        client.send(attempt).await.unwrap();
        let answer = client.response("GET").await.unwrap();
        assert!((200..500).contains(&answer.status), "{answer:?}");
    }
    pair.get("/the-last-one").await;
    // Each of them has its line, whichever core it came to.
    eventually(secs(30), || async {
        let log = pair.door.access_log();
        holds(log.lines().count() == attempts.len() + 1, || log)
    })
    .await;
    // The app's own words come through a gate's refusal.
    pair.green
        .health(Health::status(503).body("\u{1b}[2J\u{9b}2Jowned\u{7}"));
    let refused = pair.door.proxyctl(&["swap", "prod", "--deadline", "1s"]).await;
    refused.assert_code(exit::REFUSED).assert_says(&["owned"]);
    let all = format!("{}\n{}", written(&pair).await, refused.all());
    assert_tame(&all);
}

/// Panics where a text commands a terminal.
#[track_caller]
fn assert_tame(text: &str) {
    let wild = |c: char| (c.is_control() && !matches!(c, '\n' | '\t')) || c == '\u{202e}';
    if let Some(at) = text.find(wild) {
        let line = text[..at].lines().last().unwrap_or_default();
        panic!(
            "a control character was written down after {line:?}: {:?}",
            text[at..].chars().next()
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn e34_a_version_that_would_command_a_terminal_is_shown_as_text() {
    let pair = Pair::plain("health.version = \"json:version\"\n").await;
    let wild = r#"{"version":"v\u001b[2J\u009b2J\u202e\u0007"}"#;
    pair.blue.health(Health::status(200).body(wild));
    pair.green.health(Health::status(200).body(wild));
    let unexpected = pair
        .door
        .proxyctl(&["swap", "prod", "--expect-version", "v2", "--deadline", "2s"])
        .await;
    unexpected.assert_code(exit::REFUSED);
    let swapped = pair.door.proxyctl(&["swap", "prod"]).await;
    swapped.assert_code(0);
    let json = pair.door.proxyctl(&["rollback", "prod", "--json"]).await;
    let all = format!(
        "{}\n{}\n{}\n{}",
        written(&pair).await,
        unexpected.all(),
        swapped.all(),
        json.all()
    );
    assert!(all.contains("2J"), "the version is shown: {all}");
    assert_tame(&all);
}

#[tokio::test(flavor = "multi_thread")]
async fn e34_a_megabyte_in_a_header_or_a_path_is_a_short_line_wherever_it_is_shown() {
    for format in ["json", "combined"] {
        write_at_length(&format!("access_log_format = \"{format}\"")).await;
    }
}

/// Sends what is refused for its length, and as much as is not.
async fn write_at_length(server: &str) {
    let pair = Pair::plain_with(server, "").await;
    for (size, status) in [(1 << 20, 431), (40_000, 200)] {
        let long = "x".repeat(size);
        let host = format!("Host: {PLAIN}\r\n");
        for (target, fields, expected) in [
            (
                "/".to_owned(),
                format!("Host: {long}\r\n"),
                if status == 200 { 400 } else { status },
            ),
            ("/".to_owned(), format!("{host}User-Agent: {long}\r\n"), status),
            ("/".to_owned(), format!("{host}Referer: {long}\r\n"), status),
            (format!("/{long}"), host.clone(), status),
            (format!("/?{long}"), host.clone(), status),
        ] {
            let mut client = pair.door.plain().await;
            let request = format!("GET {target} HTTP/1.1\r\n{fields}\r\n");
            // What is refused is discarded, so that the answer is read.
            client.send(&request).await.unwrap();
            let answer = client.response("GET").await.unwrap();
            assert_eq!(answer.status, expected, "{}", &request[..60]);
        }
    }
    pair.get("/the-last-one").await;
    eventually(secs(30), || async {
        let log = pair.door.access_log();
        let lines = log.lines().count();
        holds(lines == 11 && log.contains("/the-last-one"), || {
            format!("{lines} of 11 lines")
        })
    })
    .await;
    let all = written(&pair).await;
    let shown = all.split(|c| c != 'x').map(str::len).max().unwrap_or_default();
    assert!(
        (100..8 * 1024).contains(&shown),
        "{shown} bytes of one value were written down"
    );
    let longest = pair.door.access_log().lines().map(str::len).max().unwrap_or_default();
    assert!(longest < 16 * 1024, "a line of {longest} bytes was logged");
}

#[tokio::test(flavor = "multi_thread")]
async fn e35_secrets_are_never_logged() {
    for format in ["json", "combined"] {
        tell_secrets(&format!("access_log_format = \"{format}\"")).await;
    }
}

/// Tells secrets over both protocols, where all goes well, where the app is away, and where nothing is understood.
async fn tell_secrets(server: &str) {
    const SECRETS: [(&str, &str); 4] = [
        ("authorization", "Bearer s3cr3t-token"),
        ("cookie", "session=s3cr3t-cookie"),
        ("cookie", "other=s3cr3t-crumb"),
        ("proxy-authorization", "Basic czNjcjN0"),
    ];
    let pair = Pair::tls_with(server, "hold.for = \"100ms\"\n").await;
    pair.blue
        .every_answer("Set-Cookie: session=s3cr3t-from-app; HttpOnly\r\n");
    let lines: String = SECRETS
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    let ask = async |target: &str| {
        let mut client = pair.door.tls(HOST).await.unwrap();
        let h1 = client.request("GET", HOST, &format!("{target}-h1"), &lines, b"").await;
        let request = http::Request::get(format!("https://{HOST}{target}-h2"));
        let request = SECRETS
            .iter()
            .fold(request, |request, (name, value)| request.header(*name, *value));
        let h2 = pair
            .door
            .h2(HOST)
            .await
            .unwrap()
            .send(request, bytes::Bytes::new())
            .await;
        [h1.unwrap().status, h2.unwrap().status]
    };
    assert_eq!(ask("/with-secrets").await, [200, 200]);
    let mut client = pair.door.tls(HOST).await.unwrap();
    let twice = format!("Host: {HOST}\r\n{lines}");
    assert_eq!(
        client
            .request("GET", HOST, "/not-understood", &twice, b"")
            .await
            .unwrap()
            .status,
        400
    );
    let mut client = pair.door.tls(HOST).await.unwrap();
    let broken = format!("{lines}X y: z\r\n");
    assert_eq!(
        client
            .request("GET", HOST, "/malformed", &broken, b"")
            .await
            .unwrap()
            .status,
        400
    );
    // Neither when something goes wrong on the way.
    pair.blue.stop_hard().await;
    assert_eq!(ask("/with-secrets-too").await, [503, 503]);
    eventually(secs(30), || async {
        let log = pair.door.access_log();
        holds(log.lines().count() == 6, || format!("not six lines: {log}"))
    })
    .await;
    let all = written(&pair).await;
    assert!(
        !all.contains("s3cr3t") && !all.contains("czNjcjN0"),
        "a secret was written down: {all}"
    );
    assert!(!all.contains("PRIVATE KEY"), "key material was printed");
}

#[tokio::test(flavor = "multi_thread")]
async fn e35_what_the_file_has_a_request_prove_itself_with_is_told_by_no_reload() {
    let fields = "{ Authorization = \"Bearer s3cr3t-1\", X-Api-Key = \"s3cr3t-2\", X-Tenant = \"acme\" }";
    let part = "[[env.prod.at]]\npath = \"/x\"\nheaders.request.Cookie = \"id=s3cr3t-3\"\n\
                auth.forward = { url = \"http://127.0.0.1:9/verify?token=s3cr3t-4\" }\n";
    let pair = Pair::plain(&format!("headers.request = {fields}\n{part}")).await;
    pair.door
        .rewrite(|text| text.replace("s3cr3t-", "s3cr3t-new-").replace("acme", "emca"));
    let told = pair.door.proxyctl(&["reload"]).await;
    told.assert_code(0);
    for words in [
        "headers.request",
        "authorization: ***",
        "x-api-key: ***",
        "x-tenant: emca",
        "cookie: ***",
        "http://127.0.0.1:9/verify?***",
    ] {
        assert!(told.stdout.contains(words), "{words}: {}", told.stdout);
    }
    let json = pair.door.proxyctl(&["reload", "--json"]).await;
    pair.door.rewrite(|text| text.replace("s3cr3t-new-1", "s3cr3t-newer-1"));
    pair.door.process().hang_up();
    eventually(secs(30), || async {
        let log = pair.door.process().log().text();
        holds(log.contains("reload: prod"), || log)
    })
    .await;
    let all = format!("{}\n{}\n{}", written(&pair).await, told.all(), json.all());
    assert!(!all.contains("s3cr3t"), "a secret was told: {all}");
    // What the app is told is all of it.
    assert_eq!(pair.get("/head").await.text().matches("s3cr3t-new").count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn e35_keys_are_for_the_daemon_alone() {
    let pair = Pair::tls("").await;
    pair.get("/").await;
    let mut keys = 0;
    for file in files(&pair.door.state_dir()) {
        if std::fs::read(&file)
            .unwrap()
            .windows(11)
            .any(|window| window == b"PRIVATE KEY")
        {
            keys += 1;
            assert_eq!(mode(&file), 0o600, "{}", file.display());
            assert_eq!(mode(file.parent().unwrap()), 0o700, "the folder of {}", file.display());
        }
    }
    assert!(
        keys > 0,
        "the local CA keeps no key under {}",
        pair.door.state_dir().display()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn e35_what_the_daemon_keeps_is_for_it_alone_whatever_the_umask() {
    let folder = tempfile::Builder::new().prefix("gg-").tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let config = format!(
        "[server]\nhttp = \"127.0.0.1:0\"\nhttps = \"127.0.0.1:0\"\nsocket = \"{}\"\nstate_dir = \"{}\"\n\
         [env.prod]\nhost = \"{HOST}\"\nupstream = 9\n",
        at("run/control.sock"),
        at("state")
    );
    std::fs::write(folder.path().join("proxy.toml"), config).unwrap();
    let mut command = std::process::Command::new("sh");
    command
        .args(["-c", "umask 000 && exec \"$0\" --config \"$1\""])
        .arg(env!("CARGO_BIN_EXE_proxyd"))
        .arg(folder.path().join("proxy.toml"))
        .env("XDG_RUNTIME_DIR", folder.path());
    let process = crate::common::process::Process::spawn("proxyd", command);
    let state = folder.path().join("state");
    eventually(secs(30), || async {
        holds(state.join("listeners.json").exists(), || process.log().text())
    })
    .await;
    assert_eq!((mode(&state), mode(&folder.path().join("run"))), (0o700, 0o700));
    assert_eq!(mode(&folder.path().join("run/control.sock")), 0o600);
    for file in files(&state) {
        // The root is what browsers are given.
        if !file.ends_with("ca/root.pem") {
            assert_eq!(mode(&file), 0o600, "{}", file.display());
        }
        assert_eq!(mode(file.parent().unwrap()), 0o700, "the folder of {}", file.display());
    }
    process.kill9();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_access_log_has_one_json_line_a_request() {
    let pair = Pair::tls("").await;
    for index in 0..20 {
        pair.get(&format!("/line-{index}")).await;
    }
    pair.door
        .h2(HOST)
        .await
        .unwrap()
        .post(HOST, "/line-h2", &bytes(100))
        .await
        .unwrap();
    pair.door.logged("/line-h2", 1).await;
    for index in 0..20 {
        let lines = pair.door.logged(&format!("/line-{index}\""), 1).await;
        let line = &lines[0];
        assert_eq!(line["status"], 200, "{line}");
        assert_eq!(line["method"], "GET", "{line}");
        for value in ["prod", "blue", HOST, "127.0.0.1", &pair.blue.address()] {
            assert!(line.to_string().contains(value), "{value} is missing: {line}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_environment_may_ask_not_to_be_logged() {
    let pair = Pair::tls("log = false\n").await;
    pair.get("/quiet").await;
    // What leads to no environment is logged all the same.
    let mut client = pair.door.tls(HOST).await.unwrap();
    assert_eq!(client.get("unknown.test", "/loud").await.unwrap().status, 421);
    pair.door.sigterm();
    assert!(pair.door.end(secs(30)).await.success());
    let log = pair.door.access_log();
    assert!(log.contains("/loud") && !log.contains("/quiet"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn status_and_history_are_for_people_too() {
    let pair = Pair::tls("").await;
    pair.door.swap("prod", &[]).await.assert_done();
    let status = pair.door.proxyctl(&["status"]).await;
    status
        .assert_code(0)
        .assert_says(&["prod"])
        .assert_says(&["green"])
        .assert_says(&[HOST]);
    let history = pair.door.proxyctl(&["history", "prod"]).await;
    history.assert_code(0).assert_says(&["swap"]);
    for output in [status, history] {
        assert!(
            !output.all().contains('\u{1b}'),
            "colours without a terminal: {output:?}"
        );
    }
    pair.green.health(Health::status(503));
    eventually(secs(30), || async {
        let output = pair.door.proxyctl(&["status", "--exit-code"]).await;
        holds(output.code == i32::from(exit::FAILED), || format!("{output:?}"))
    })
    .await;
    pair.door.proxyctl(&["status"]).await.assert_code(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn check_prints_what_the_daemon_would_say() {
    let pair = Pair::tls("").await;
    let config = pair.door.config();
    pair.door
        .proxyctl(&["check", config.to_str().unwrap()])
        .await
        .assert_code(exit::DONE);
    let text = std::fs::read_to_string(&config).unwrap() + "grene = 3000\nhealth.interval = \"soon\"\n";
    let broken = pair.door.folder().join("broken.toml");
    std::fs::write(&broken, text).unwrap();
    let output = pair.door.proxyctl(&["check", broken.to_str().unwrap()]).await;
    output
        .assert_code(exit::USAGE)
        .assert_says(&["grene"])
        .assert_says(&["green"])
        .assert_says(&["soon"]);
    let daemon = std::process::Command::new(env!("CARGO_BIN_EXE_proxyd"))
        .arg("--config")
        .arg(&broken)
        .output()
        .unwrap();
    assert_eq!(daemon.status.code(), Some(i32::from(exit::USAGE)), "{daemon:?}");
    assert!(String::from_utf8_lossy(&daemon.stderr).contains("grene"), "{daemon:?}");
}
