//! A real oauth2-proxy in front of a real OpenID provider: login and back, a session that is prolonged, sign-out.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::process::Command;

use bytes::Bytes;
use socket2::Socket;
use tokio::sync::Mutex;

use crate::common::app::App;
use crate::common::client::{Client, Response};
use crate::common::door::{Door, QUICK};
use crate::common::load::open_web_socket;
use crate::common::place::{accepts, tests};
use crate::common::port::reserve;
use crate::common::process::Process;
use crate::common::tool::tool;
use crate::common::{eventually, holds, secs};

const WIKI: &str = "wiki.localhost";

/// oauth2-proxy and the provider that it sends people to.
struct Login {
    provider: SocketAddr,
    address: SocketAddr,
    _processes: [Process; 2],
    _ports: [Socket; 2],
}

impl Login {
    async fn start() -> Self {
        let (at_provider, provider) = reserve();
        let mut command = tool("node").into_std();
        command
            .arg(tests().join("apps/oidc-provider.js"))
            .arg(provider.port().to_string());
        let issuer = Process::spawn("oidc-provider", command);
        accepts(provider, &issuer).await;
        let (at_proxy, address) = reserve();
        let program = tests().join("oauth2-proxy/bin/oauth2-proxy");
        assert!(
            program.exists(),
            "{} is missing: `tests/run` builds it",
            program.display()
        );
        let mut command = Command::new(program);
        for (flag, value) in [
            ("http-address", address.to_string()),
            ("provider", "oidc".to_owned()),
            ("oidc-issuer-url", format!("http://{provider}")),
            ("client-id", "greengate".to_owned()),
            ("client-secret", "a-secret-of-the-tests".to_owned()),
            ("redirect-url", format!("https://{WIKI}/oauth2/callback")),
            ("code-challenge-method", "S256".to_owned()),
            ("cookie-secret", "0123456789abcdef0123456789abcdef".to_owned()),
            ("cookie-refresh", "1ms".to_owned()),
            ("email-domain", "*".to_owned()),
            ("upstream", "static://202".to_owned()),
            ("reverse-proxy", "true".to_owned()),
            ("set-xauthrequest", "true".to_owned()),
            ("skip-provider-button", "true".to_owned()),
        ] {
            command.arg(format!("--{flag}={value}"));
        }
        let proxy = Process::spawn("oauth2-proxy", command);
        accepts(address, &proxy).await;
        Self {
            provider,
            address,
            _processes: [issuer, proxy],
            _ports: [at_provider, at_proxy],
        }
    }
}

/// Somebody with a browser: it keeps cookies, and goes where it is sent.
struct Browser<'d> {
    door: &'d Door,
    provider: SocketAddr,
    cookies: BTreeMap<String, String>,
}

impl Browser<'_> {
    /// One answer of the door.
    async fn get(&mut self, target: &str) -> Response {
        let fields = format!("Cookie: {}\r\n", self.cookie());
        let mut client = self.door.tls(WIKI).await.unwrap();
        let answer = client.request("GET", WIKI, target, &fields, b"").await.unwrap();
        self.keep(&answer);
        answer
    }

    fn cookie(&self) -> String {
        let pairs: Vec<_> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        pairs.join("; ")
    }

    fn keep(&mut self, answer: &Response) {
        for cookie in answer.fields.all("set-cookie") {
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
            self.cookies.retain(|_, value| !value.is_empty());
        }
    }

    /// Follows redirects until there is another answer.
    async fn browse(&mut self, target: &str) -> Response {
        let mut answer = self.get(target).await;
        for _ in 0..10 {
            let Some(location) = answer.field("location").map(str::to_owned) else {
                return answer;
            };
            let at_provider = format!("http://{}", self.provider);
            answer = match location.strip_prefix(&at_provider) {
                Some(target) => {
                    let mut client = Client::plain(self.provider).await.unwrap();
                    client.get(&self.provider.to_string(), target).await.unwrap()
                }
                None => {
                    let own = location.strip_prefix(&format!("https://{WIKI}")).unwrap_or(&location);
                    self.get(own).await
                }
            };
        }
        panic!("sent on and on: {answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_oauth2_proxy_logs_in_prolongs_and_logs_out() {
    let login = Login::start().await;
    let app = App::start("wiki", "v1").await;
    let address = login.address;
    let door = Door::start(&format!(
        "{QUICK}\n[env.wiki.service.web]\nhost = \"{WIKI}\"\nupstream = \"{}\"\n\
         auth.forward = {{ url = \"http://{address}/\", copy = [\"X-Auth-Request-User\", \"X-Auth-Request-Email\"] }}\n\
         [env.wiki.service.login]\nhost = \"{WIKI}\"\npath = \"/oauth2\"\nupstream = \"{address}\"\n",
        app.address()
    ))
    .await;
    let mut browser = Browser {
        door: &door,
        provider: login.provider,
        cookies: BTreeMap::new(),
    };

    // A stranger is sent to the login, and with him goes where he wanted to go.
    let answer = browser.get("/page?x=1").await;
    let location = answer.field("location").unwrap_or_default();
    assert_eq!((answer.status, app.requests()), (302, 0), "{answer:?}");
    assert!(
        location.starts_with(&format!("http://{}/authorize?", login.provider)),
        "{location}"
    );
    let page = browser.browse("/page?x=1").await;
    assert_eq!(
        (page.status, page.app(), page.text().as_str()),
        (200, "wiki", "wiki v1 /page?x=1")
    );
    let seen = app.last_seen("/page").head;
    assert_eq!(seen.fields.get("x-auth-request-email"), Some("anna@example.com"));
    assert!(seen.fields.get("x-auth-request-user").is_some(), "{}", seen.raw);

    // The session is prolonged when it has grown old, and the client gets to know it with the app's answer.
    let session = browser.cookie();
    let browser = Mutex::new(browser);
    eventually(secs(60), || async {
        let mut browser = browser.lock().await;
        let again = browser.get("/again").await;
        assert_eq!(again.app(), "wiki");
        holds(browser.cookie() != session, || format!("the same session: {again:?}"))
    })
    .await;
    let mut browser = browser.into_inner();

    // Everything else that a client can ask for, over HTTP/2 too.
    let h2 = door.h2(WIKI).await.unwrap();
    let cookie = browser.cookie();
    let request = http::Request::post(format!("https://{WIKI}/echo"));
    let echoed = h2
        .send(request.header("cookie", &cookie), Bytes::from_static(b"a body"))
        .await
        .unwrap();
    assert_eq!((echoed.status, echoed.text().as_str()), (200, "a body"));
    browser.keep(&echoed);
    let request = http::Request::get(format!("https://{WIKI}/x")).header("x-auth-request-email", "eve@evil.test");
    assert_eq!(h2.send(request, Bytes::new()).await.unwrap().status, 302);
    assert!(
        open_web_socket(&door.target(WIKI), "/ws").await.is_err(),
        "a stranger opens no WebSocket"
    );

    // A session that was tampered with is none.
    let kept = browser.cookies.clone();
    for value in browser.cookies.values_mut() {
        let middle = value.len() / 2;
        value.replace_range(middle..=middle, if &value[middle..=middle] == "A" { "B" } else { "A" });
    }
    assert_eq!(browser.get("/x").await.status, 302);
    browser.cookies = kept;
    assert_eq!(browser.get("/x").await.status, 200);

    let out = browser.get("/oauth2/sign_out").await;
    assert_eq!(out.status, 302, "{out:?}");
    let asked = app.requests();
    let answer = browser.get("/x").await;
    assert_eq!((answer.status, app.requests()), (302, asked), "{answer:?}");
    assert!(answer.field("location").is_some_and(|to| to.contains("/authorize?")));
}
