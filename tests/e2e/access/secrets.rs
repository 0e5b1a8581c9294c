//! No secret of a request or of a file can be read anywhere but where it belongs (E35).

use std::path::Path;

use super::{ANNA, BASIC, CHEAP, DEV, Guarded, basic, users, write};
use crate::common::door::QUICK_PLAIN;
use crate::common::{eventually, holds, secs};

/// Everything that must never be seen.
const SECRETS: [&str; 8] = [
    "correct horse",
    "hunter2",
    "hunter3",
    "apr1-digest",
    "cookie-secret",
    "set-cookie-secret",
    "bearer-secret",
    "$2y$",
];

/// Every file below a folder that the daemon writes, but for what the test itself has put there.
fn written(folder: &Path) -> String {
    let mut text = String::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.is_file() && path.extension().is_none_or(|ending| ending != "htpasswd") {
                text += &String::from_utf8_lossy(&std::fs::read(&path).unwrap());
            }
        }
    }
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn e35_no_secret_is_logged_recorded_or_shown() {
    let it = Guarded::start("", QUICK_PLAIN, BASIC, |folder| users(folder, &[ANNA], CHEAP)).await;
    it.dev.every_answer("Set-Cookie: id=set-cookie-secret\r\n");
    it.prod.every_answer("Set-Cookie: id=set-cookie-secret\r\n");
    let cookie = "Cookie: id=cookie-secret\r\n";
    assert_eq!(it.get("/", &format!("{cookie}{}", basic(ANNA))).await.status, 200);
    // The password where the name belongs.
    assert_eq!(
        it.get("/", &format!("{cookie}{}", basic("hunter2:x"))).await.status,
        401
    );
    assert_eq!(it.get("/", &basic("anna:hunter3")).await.status, 401);
    assert_eq!(it.get("/", "Authorization: Bearer bearer-secret\r\n").await.status, 401);
    let malformed = format!("GET / HTTP/1.1\r\nHost: {DEV}\r\n{}{cookie}X y: z\r\n\r\n", basic(ANNA));
    let mut client = it.door.plain().await;
    client.send(malformed).await.unwrap();
    assert_eq!(client.response("GET").await.unwrap().status, 400);
    it.dev.stop_listening().await;
    let held = it.door.proxyctl(&["maintenance", "dev", "on"]);
    held.await.assert_code(0);
    assert_eq!(it.get("/", &format!("{cookie}{}", basic(ANNA))).await.status, 503);

    write(it.door.folder(), "anna:hunter2\nbert:$apr1$salt$apr1-digest\nhunter3\n");
    eventually(secs(10), || async {
        let log = it.door.process().log().text();
        holds(log.contains("a file of users cannot be used"), || log)
    })
    .await;
    let mut seen = String::new();
    for args in [
        &["status"][..],
        &["status", "--json"],
        &["history", "--json"],
        &["check", "proxy.toml"],
        &["check", "proxy.toml", "--json"],
        &["reload"],
        &["reload", "--json"],
    ] {
        let output = it.door.proxyctl(args).await;
        seen += &output.all();
    }
    assert!(seen.contains("line 2: the hash of `bert` is MD5 (apr1)"), "{seen}");
    it.door.logged("\"user\":\"anna\"", 2).await;
    it.door.logged("a wrong user name or password", 2).await;
    it.door.sigterm();
    it.door.end(secs(30)).await;
    seen += &it.door.process().log().text();
    seen += &written(it.door.folder());
    let encoded = [ANNA, "hunter2:x", "anna:hunter3"].map(super::value);
    for secret in SECRETS
        .into_iter()
        .chain(encoded.iter().map(|value| value.trim_start_matches("Basic ")))
    {
        let place = seen.find(secret);
        let around = place.map(|place| seen[place.saturating_sub(200)..].chars().take(400).collect::<String>());
        assert!(place.is_none(), "{secret:?} can be read: {around:?}");
    }
}
