//! Vite's dev server behind the door: the WebSocket of its hot reload outlives whatever happens to others (N20).

use std::net::SocketAddr;

use crate::common::app::App;
use crate::common::count;
use crate::common::door::{Door, QUICK, environment, with};
use crate::common::fixture::HOST;
use crate::common::load::{Kind, Load, Socket, Target, next, open_web_socket};
use crate::common::place::{accepts, npm_program, tests};
use crate::common::port::reserve;
use crate::common::process::Process;
use tempfile::TempDir;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

/// Not below `.localhost`, which Vite allows by itself: `vite.config.mjs` has to name it.
const DEV: &str = "dev.example.test";

/// What ends by itself, and before a drain's deadline for streams.
const REQUESTS: [(Kind, usize); 4] = [(Kind::Get, 4), (Kind::Fresh, 2), (Kind::Post, 3), (Kind::H2, 2)];

/// Vite's dev server, with a project that may be edited.
#[derive(Debug)]
struct Vite {
    // Before `project`: the process has to be gone before its folder is removed.
    _process: Process,
    project: TempDir,
    _port: socket2::Socket,
    address: SocketAddr,
}

impl Vite {
    async fn start() -> Self {
        let project = tempfile::Builder::new().prefix("gg-vite-").tempdir().unwrap();
        for file in ["vite.config.mjs", "index.html", "main.js", "edited.js"] {
            let from = tests().join("apps/vite-app").join(file);
            std::fs::copy(from, project.path().join(file)).unwrap();
        }
        let (port, address) = reserve();
        let mut command = npm_program("vite/bin/vite.js");
        command
            .args(["--host", "127.0.0.1", "--strictPort", "--port"])
            .arg(address.port().to_string())
            .current_dir(project.path());
        let process = Process::spawn("vite", command);
        accepts(address, &process).await;
        Self {
            _process: process,
            project,
            _port: port,
            address,
        }
    }

    /// A person saves a file.
    fn edit(&self, version: &str) {
        let text = format!("export const version = \"{version}\";\n");
        std::fs::write(self.project.path().join("edited.js"), text).unwrap();
    }
}

/// A page that a browser has open: what it loaded, and the WebSocket of its hot reload.
struct Page {
    target: Target,
    socket: Socket,
}

impl Page {
    /// Loads the page with its modules, and opens the WebSocket as `/@vite/client` does.
    async fn open(target: Target) -> Self {
        let page = load(&target, "/").await;
        for script in ["/@vite/client", "/main.js"] {
            assert!(page.contains(script), "the page does not load {script}: {page}");
        }
        let client = load(&target, "/@vite/client").await;
        assert!(load(&target, "/main.js").await.contains("/edited.js"));
        assert!(load(&target, "/edited.js").await.contains("v0"));
        let mut socket = web_socket(&target, &token(&client))
            .await
            .expect("Vite takes the WebSocket");
        let hello = message(&mut socket).await;
        assert_eq!(hello["type"], "connected", "{hello}");
        Self { target, socket }
    }

    /// Waits for the update that brings `version`, on the one WebSocket, and loads it.
    async fn updated_to(&mut self, version: &str) {
        loop {
            let message = message(&mut self.socket).await;
            assert_eq!(message["type"], "update", "{message}");
            let update = &message["updates"][0];
            assert_eq!(update["path"], "/main.js", "{message}");
            assert_eq!(update["acceptedPath"], "/edited.js", "{message}");
            let module = load(&self.target, &format!("/edited.js?t={}", update["timestamp"])).await;
            // One edit may be seen as two, and the first message belong to an older text.
            if module.contains(version) {
                return;
            }
        }
    }
}

/// `GET`, as text; the answer is Vite's and a 200.
async fn load(target: &Target, path: &str) -> String {
    let mut client = target.client().await.expect("the door accepts");
    let answer = client.get(&target.host, path).await.expect("an answer");
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    answer.text()
}

/// What Vite wants to see from a browser's WebSocket, so that no other site's script opens one.
fn token(client: &str) -> String {
    let (_, rest) = client
        .split_once("const wsToken = \"")
        .expect("a token in /@vite/client");
    rest.split('"').next().unwrap().to_owned()
}

/// The handshake of `/@vite/client` in a page at `https://DEV`.
async fn web_socket(target: &Target, token: &str) -> Result<Socket, String> {
    let mut request = format!("wss://{}/?token={token}", target.host)
        .into_client_request()
        .unwrap();
    let origin = format!("https://{}", target.host);
    for (name, value) in [("origin", origin.as_str()), ("sec-websocket-protocol", "vite-hmr")] {
        request
            .headers_mut()
            .insert(name, HeaderValue::from_str(value).unwrap());
    }
    let wire = target.client().await.expect("the door accepts").incoming.wire;
    let (socket, answer) = tokio_tungstenite::client_async(request, wire)
        .await
        .map_err(|error| error.to_string())?;
    assert_eq!(answer.headers()["sec-websocket-protocol"], "vite-hmr");
    Ok(socket)
}

async fn message(socket: &mut Socket) -> serde_json::Value {
    match next(socket).await {
        Ok(Message::Text(text)) => serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}")),
        other => panic!("{other:?} instead of a message of Vite"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn n20_vites_hot_reload_outlives_the_swaps_of_others_on_one_websocket() {
    let vite = Vite::start().await;
    let (blue, green) = (App::start("blue", "v1").await, App::start("green", "v2").await);
    let (api_blue, api_green) = (App::start("api-blue", "v1").await, App::start("api-green", "v2").await);
    // Nobody waits long for what is left on an old side: whoever would be taken for that is noticed soon.
    let config = format!(
        "{}{}\n[env.dev.service.front]\nhost = \"{DEV}\"\nupstream = \"{}\"\n\
         [env.dev.service.api]\nhost = \"{DEV}\"\npath = \"/api\"\nstrip_prefix = true\nblue = \"{}\"\ngreen = \"{}\"\n",
        with(QUICK, "drain.streams = \"100ms\""),
        environment("prod", HOST, &blue, &green),
        vite.address,
        api_blue.address(),
        api_green.address(),
    );
    let door = Door::start(&config).await;
    let mut page = Page::open(door.target(DEV)).await;
    vite.edit("before");
    page.updated_to("before").await;
    for round in 0..count(2, 20) {
        let mut prods = open_web_socket(&door.target(HOST), "/ws").await.unwrap();
        let mut apis = open_web_socket(&door.target(DEV), "/api/ws").await.unwrap();
        let load = Load::start(door.target(HOST), &REQUESTS).await;
        // The other environment, and the other service of the same one.
        for env in ["prod", "dev"] {
            door.swap(env, &[]).await.assert_done();
            load.more(60).await;
        }
        // Theirs have come to their deadline.
        for other in [&mut prods, &mut apis] {
            match next(other).await.unwrap() {
                Message::Close(Some(frame)) => assert_eq!(frame.code, CloseCode::Restart),
                message => panic!("{message:?} instead of a close"),
            }
        }
        load.stop().await.assert_no_failures();
        let version = format!("round-{round}");
        vite.edit(&version);
        page.updated_to(&version).await;
    }
}

/// The same handshake without the door's help: what is checked above is Vite's own rule, and the door passes on what it needs.
#[tokio::test(flavor = "multi_thread")]
async fn vite_sees_the_host_the_origin_and_the_token_that_the_browser_sent() {
    let vite = Vite::start().await;
    let config = format!(
        "{QUICK}[env.dev]\nhost = [\"{DEV}\", \"other.example.test\"]\nupstream = \"{}\"\n",
        vite.address
    );
    let door = Door::start(&config).await;
    let target = door.target(DEV);
    let token = token(&load(&target, "/@vite/client").await);
    web_socket(&target, &token).await.expect("Vite takes the WebSocket");
    let refused = web_socket(&target, "guessed")
        .await
        .expect_err("Vite refuses a wrong token");
    assert!(refused.contains("400"), "{refused}");
    // A host that `server.allowedHosts` does not name is refused by Vite, and its answer comes through.
    let other = door.target("other.example.test");
    let answer = other.client().await.unwrap().get(&other.host, "/").await.unwrap();
    assert_eq!(answer.status, 403, "{}", answer.text());
    assert!(answer.text().contains("allowedHosts"), "{}", answer.text());
}
