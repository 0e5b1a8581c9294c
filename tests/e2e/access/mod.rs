//! Environments that are not for everybody: who enters, what everybody else gets to see, and what wrong passwords cost.

mod entry;
mod files;
mod secrets;
mod stances;
mod storms;
mod streams;

use std::path::Path;

use base64::Engine as _;

use crate::common::app::App;
use crate::common::client::{Client, Response};
use crate::common::door::{Door, QUICK, QUICK_PLAIN};

/// The host of prod, which is for everybody.
const PROD: &str = "app.localhost";
/// The host of dev, which is not.
const DEV: &str = "dev.localhost";
/// The file of users that dev asks.
pub(crate) const FILE: &str = "dev.htpasswd";
/// One of them, and her password.
const ANNA: &str = "anna:correct horse";
/// A cost that a test need not wait for.
pub(crate) const CHEAP: u32 = 4;

/// A door in front of prod and dev.
struct Guarded {
    door: Door,
    prod: App,
    dev: App,
}

impl Guarded {
    /// On the plain port; `auth` are lines of dev.
    async fn plain(auth: &str) -> Self {
        Self::start("", QUICK_PLAIN, auth, |folder| users(folder, &[ANNA], CHEAP)).await
    }

    /// Over TLS.
    async fn tls(auth: &str) -> Self {
        Self::start("", QUICK, auth, |folder| users(folder, &[ANNA], CHEAP)).await
    }

    /// With lines for `[server]`, and a folder that is prepared otherwise.
    async fn start(server: &str, defaults: &str, auth: &str, prepare: impl FnOnce(&Path)) -> Self {
        let (prod, dev) = (App::start("prod", "v1").await, App::start("dev", "v1").await);
        let text = format!(
            "{defaults}\n[env.prod]\nhost = \"{PROD}\"\nupstream = \"{}\"\n[env.dev]\nhost = \"{DEV}\"\nupstream = \"{}\"\n{auth}\n",
            prod.address(),
            dev.address()
        );
        let any = "127.0.0.1:0".parse().unwrap();
        let door = Door::start_at(any, any, server, &text, prepare).await;
        Self { door, prod, dev }
    }

    /// `GET target` of dev on the plain port, on a connection of its own, with these field lines.
    async fn get(&self, target: &str, fields: &str) -> Response {
        self.get_from(1, target, fields).await
    }

    /// The same from another address of the loopback.
    async fn get_from(&self, client: u8, target: &str, fields: &str) -> Response {
        let mut client = Client::plain_from([127, 0, 0, client].into(), self.door.http())
            .await
            .unwrap();
        client.request("GET", DEV, target, fields, b"").await.unwrap()
    }
}

/// `auth.basic` for [`FILE`].
const BASIC: &str = "auth.basic = \"dev.htpasswd\"";

/// The field line by which a client names itself, as `name:password`.
fn basic(name_and_password: &str) -> String {
    format!("Authorization: {}\r\n", value(name_and_password))
}

fn value(name_and_password: &str) -> String {
    let encoded = base64::engine::general_purpose::STANDARD.encode(name_and_password);
    format!("Basic {encoded}")
}

/// Writes [`FILE`], in one piece.
pub(crate) fn users(folder: &Path, all: &[&str], cost: u32) {
    let line = |name_and_password: &&str| {
        let (name, password) = name_and_password.split_once(':').unwrap();
        let hash = bcrypt::hash_with_salt(password, cost, [9; 16]).unwrap();
        format!("{name}:{}\n", hash.format_for_version(bcrypt::Version::TwoY))
    };
    write(folder, &all.iter().map(line).collect::<String>());
}

/// Writes [`FILE`] with this text, in one piece.
fn write(folder: &Path, text: &str) {
    std::fs::write(folder.join("next"), text).unwrap();
    std::fs::rename(folder.join("next"), folder.join(FILE)).unwrap();
}

/// Panics unless a stranger was asked for a password, and has seen nothing else.
#[track_caller]
fn assert_asked(answer: &Response, what: &str) {
    assert_eq!((answer.status, answer.app()), (401, ""), "{what}: {}", answer.text());
    let asked = "Basic realm=\"restricted\", charset=\"UTF-8\"";
    assert_eq!(answer.field("www-authenticate"), Some(asked), "{what}");
    assert_eq!(answer.field("cache-control"), Some("no-store"), "{what}");
}
