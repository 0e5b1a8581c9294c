//! Folders in place of apps, and files before and behind them, in a preview.

use std::path::Path;

use super::{Look, over_h1};
use crate::common::app::{App, send};
use crate::common::door::{Door, QUICK};
use crate::common::fixture::{HOST, Pair};
use crate::common::secs;

fn write(folder: &Path, name: &str, text: &str) {
    let file = folder.join(name);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(file, text).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn n33_a_folder_is_previewed_as_an_app_is_and_one_that_is_away_is_503_with_the_sentence() {
    let folder = tempfile::tempdir().unwrap();
    for side in ["blue", "green"] {
        write(&folder.path().join(side), "index.html", side);
    }
    write(&folder.path().join("blue"), "blue-only.txt", "blue");
    let at = |side: &str| folder.path().join(side).display().to_string();
    let door = Door::start(&format!(
        "{QUICK}[env.prod]\nhost = \"{HOST}\"\nblue = \"files:{}\"\ngreen = \"files:{}\"\nhealth.path = \"/\"\n",
        at("blue"),
        at("green")
    ))
    .await;
    let look = Look::open(&door, "prod", &[]).await;
    let get = async |target: &str| over_h1(&door, HOST, "GET", target, &look.cookie()).await;
    let answer = get("/").await;
    assert_eq!((answer.status, answer.text().as_str()), (200, "green"));
    assert_eq!(answer.field("cache-control"), Some("private, no-store"));
    assert_eq!(get("/blue-only.txt").await.status, 404);
    assert_eq!(over_h1(&door, HOST, "GET", "/", &[]).await.text(), "blue");
    door.proxyctl(&["preview", "prod", "--end"]).await.assert_code(0);
    std::fs::rename(folder.path().join("green"), folder.path().join("gone")).unwrap();
    let look = Look::open(&door, "prod", &[]).await;
    let answer = over_h1(&door, HOST, "GET", "/", &look.cookie()).await;
    assert_eq!(answer.status, 503, "{answer:?}");
    assert!(
        answer.text().contains("The version that is previewed"),
        "{}",
        answer.text()
    );
    door.sigterm();
    door.end(secs(30)).await;
    let log = door.process().last_words();
    assert!(!log.contains("the folder is away"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn n33_a_preview_has_its_own_public_folder_and_no_files_of_other_versions() {
    let folder = tempfile::tempdir().unwrap();
    for side in ["blue", "green"] {
        write(&folder.path().join(side), "pic.txt", side);
    }
    let at = |side: &str| folder.path().join(side).display().to_string();
    let pair = Pair::tls(&format!(
        "public = {{ blue = \"{}\", green = \"{}\" }}\nstale_assets = {{ paths = [\"/assets/\"], keep = \"1h\" }}\n",
        at("blue"),
        at("green")
    ))
    .await;
    let missing = "HTTP/1.1 404 Not Found\r\nX-App: APP\r\nContent-Length: 0\r\n\r\n";
    let there = "HTTP/1.1 200 OK\r\nContent-Type: text/css\r\nX-App: APP\r\nContent-Length: 1\r\n\r\nx";
    let answers = |app: &App, name: &str, path: &str, answer: &str| {
        app.on(path, vec![send(answer.replace("APP", name))]);
    };
    answers(&pair.blue, "blue", "/assets/old.css", there);
    answers(&pair.green, "green", "/assets/old.css", missing);
    answers(&pair.green, "green", "/assets/new.css", there);
    answers(&pair.blue, "blue", "/assets/new.css", missing);
    let get = async |target: &str, look: &Look| over_h1(&pair.door, HOST, "GET", target, &look.cookie()).await;
    let look = Look::open(&pair.door, "prod", &[]).await;
    assert_eq!(get("/pic.txt", &look).await.text(), "green");
    // Blue has it, and is not asked: what green lacks is to be seen.
    assert_eq!(get("/assets/old.css", &look).await.status, 404);
    assert_eq!(get("/assets/new.css", &look).await.status, 200);
    // Nobody but the one who tried it has a file of green, so none is kept when green goes.
    pair.door.swap("prod", &[]).await.assert_done();
    pair.door.rollback("prod", &[]).await.assert_done();
    pair.green.stop_hard().await;
    let answer = over_h1(&pair.door, HOST, "GET", "/assets/new.css", &[]).await;
    assert_eq!(answer.status, 404, "{answer:?}");
}
