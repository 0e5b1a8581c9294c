//! A browser as visitors have it: Chromium, over HTTPS with a certificate of the local CA, loads a page with its scripts, its API and a
//! WebSocket while the folder that all of that comes from is swapped.

use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::Value;

use crate::common::app::App;
use crate::common::door::{Door, QUICK};
use crate::common::fixture::HOST;
use crate::common::h2::H2;
use crate::common::load::Target;
use crate::common::place::tests;
use crate::common::process::Process;
use crate::common::tool::tool;
use crate::common::{count, eventually, holds, secs};

/// Between two visits of one of the others, who leave the browser some of the processor.
const PAUSE: Duration = Duration::from_millis(10);

/// A single-page app as build tools write it: the names of scripts and styles change with what is in them. It asks its API who it is,
/// says a word over a WebSocket, and tells what it has found.
pub(crate) fn build(folder: &Path, version: &str) {
    std::fs::create_dir_all(folder.join("assets")).unwrap();
    let write = |name: &str, text: String| std::fs::write(folder.join(name), text).unwrap();
    let hash = format!("DkX3a9Z{version}");
    write(
        &format!("assets/index-{hash}.js"),
        format!(
            "import {{ later }} from './later-{hash}.js';
             const api = await (await fetch('/api/who')).text();
             const socket = new WebSocket(`wss://${{location.host}}/api/ws`);
             const echo = await new Promise((resolve, reject) => {{
               socket.onmessage = (message) => resolve(message.data);
               socket.onerror = () => reject(new Error('no echo'));
               socket.onopen = () => socket.send('hello');
             }});
             socket.close();
             const colour = getComputedStyle(document.body).getPropertyValue('--version').trim();
             const lazy = await import('./lazy-{hash}.js');
             const page = document.querySelector('meta[name=version]').content;
             const protocol = performance.getEntriesByType('navigation')[0].nextHopProtocol;
             window.told = {{ page, script: '{version}', later, lazy: lazy.version, colour, api, echo, protocol }};\n"
        ),
    );
    write(
        &format!("assets/later-{hash}.js"),
        format!("export const later = '{version}';\n"),
    );
    write(
        &format!("assets/lazy-{hash}.js"),
        format!("export const version = '{version}';\n"),
    );
    write(
        &format!("assets/index-{hash}.css"),
        format!("body {{ --version: {version}; }}\n"),
    );
    write(
        "index.html",
        format!(
            "<!doctype html><meta charset=utf-8><meta name=version content={version}><link rel=icon href=data:,>\
             <link rel=stylesheet href=/assets/index-{hash}.css><script type=module src=/assets/index-{hash}.js></script>\n"
        ),
    );
}

/// Chromium, driven by a script. It ends with the test.
fn browse(door: &Door, profile: &Path) -> Process {
    let mut command = tool("node").into_std();
    command
        .arg(tests().join("node/browser.js"))
        .arg(door.https().port().to_string())
        .arg(door.state_dir().join("ca/root.pem"))
        .arg(HOST)
        .arg(profile)
        .process_group(0);
    drop((tool("chromium"), tool("certutil")));
    Process::spawn("the browser", command)
}

/// What the browser has told of every visit so far.
fn visits(browser: &Process) -> Vec<Value> {
    let log = browser.log().text();
    log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// Others who are there at the same time, over HTTP/1.1 and HTTP/2 in turn. Returns how often they were served.
async fn visit(target: Target, stop: Arc<AtomicBool>) -> u64 {
    let (_, h2) = target.tls.clone().expect("the target has TLS");
    let h2 = H2::tls(target.address, &target.host, &h2).await.unwrap();
    let mut h1 = target.client().await.unwrap();
    let mut served = 0;
    while !stop.load(Ordering::SeqCst) {
        // The page, and a path that the page's script knows.
        let answers = [
            h1.get(HOST, "/").await.unwrap(),
            h2.get(HOST, "/settings/profile").await.unwrap(),
        ];
        for answer in answers {
            assert_eq!(answer.status, 200, "{answer:?}");
            assert!(answer.text().starts_with("<!doctype html>"), "{answer:?}");
            served += 1;
        }
        tokio::time::sleep(PAUSE).await;
    }
    served
}

/// Waits for this many visits more.
async fn more(browser: &Process, wanted: usize) {
    let before = visits(browser).len();
    eventually(secs(60), || async {
        if let Some(status) = browser.ended() {
            panic!("the browser has ended with {status}: {}", browser.log().text());
        }
        let seen = visits(browser).len();
        holds(seen >= before + wanted, || format!("{seen} visits after {before}"))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn n23_a_browser_sees_no_broken_asset_while_the_folder_of_its_page_is_swapped() {
    let folder = tempfile::tempdir().unwrap();
    let at = |side: usize| folder.path().join(["blue", "green"][side]);
    build(&at(0), "1");
    build(&at(1), "2");
    let api = [App::start("blue", "1").await, App::start("green", "2").await];
    let door = Door::start(&format!(
        "{QUICK}\n[env.prod.service.site]\nhost = \"{HOST}\"\nblue = \"files:{}\"\ngreen = \"files:{}\"\n\
         files.fallback = \"/index.html\"\nstale_assets = [\"/assets/\"]\n\
         [env.prod.service.api]\nhost = \"{HOST}\"\npath = \"/api\"\nstrip_prefix = true\nblue = \"{}\"\ngreen = \"{}\"\n",
        at(0).display(),
        at(1).display(),
        api[0].address(),
        api[1].address(),
    ))
    .await;
    let profile = tempfile::tempdir().unwrap();
    let browser = browse(&door, profile.path());
    more(&browser, 1).await;
    let stop = Arc::new(AtomicBool::new(false));
    let others: Vec<_> = (0..3)
        .map(|_| tokio::spawn(visit(door.target(HOST), stop.clone())))
        .collect();
    for _ in 0..count(4, 40) {
        door.swap("prod", &[]).await.assert_done();
        more(&browser, 2).await;
    }
    stop.store(true, Ordering::SeqCst);
    for other in others {
        assert!(other.await.unwrap() > 0, "nobody else was there");
    }
    browser.term();
    assert!(browser.end(secs(60)).await.success(), "{}", browser.log().text());
    let visits = visits(&browser);
    for visit in &visits {
        assert_eq!(visit["wrong"], serde_json::json!([]), "{visit}");
        let told = &visit["told"];
        for part in ["script", "later", "lazy", "colour"] {
            assert_eq!(told[part], told["page"], "{visit}");
        }
        assert_eq!(told["echo"], "hello", "{visit}");
        assert_eq!(told["protocol"], "h2", "{visit}");
    }
    // Where it speaks HTTP/2, its WebSockets are streams (RFC 8441).
    let log = door.access_log();
    let opened: Vec<_> = log.lines().filter(|line| line.contains("\"/api/ws\"")).collect();
    assert!(
        opened.len() >= visits.len(),
        "{} of {} visits",
        opened.len(),
        visits.len()
    );
    for line in opened {
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["protocol"], "HTTP/2", "{line}");
    }
    for version in ["1", "2"] {
        let seen = visits.iter().any(|visit| visit["told"]["page"] == version);
        assert!(seen, "no visit saw version {version}: {visits:?}");
    }
}
