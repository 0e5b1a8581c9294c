//! Archives that nobody made with `proxyctl backup`, and a state folder that leads elsewhere: nothing is written but what belongs
//! there.

use std::io::Write as _;
use std::os::unix::fs::symlink;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use tar::{Builder, EntryType, Header};

use super::{Machine, content, mode};

/// A file, as it is put into an archive.
#[derive(Clone)]
struct Put {
    name: String,
    bytes: Vec<u8>,
    kind: EntryType,
    link: Option<&'static str>,
    size: Option<u64>,
}

impl Put {
    fn file(name: &str, bytes: &[u8]) -> Self {
        Self {
            name: name.into(),
            bytes: bytes.into(),
            kind: EntryType::Regular,
            link: None,
            size: None,
        }
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Writes names as they are: the library would not.
fn tarred(files: &[Put]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for file in files {
        let mut header = Header::new_gnu();
        header.as_gnu_mut().unwrap().name[..file.name.len()].copy_from_slice(file.name.as_bytes());
        header.set_entry_type(file.kind);
        header.set_size(file.size.unwrap_or(file.bytes.len() as u64));
        header.set_mode(0o644);
        if let Some(link) = file.link {
            header.set_link_name(link).unwrap();
        }
        header.set_cksum();
        builder.append(&header, file.bytes.as_slice()).unwrap();
    }
    builder.into_inner().unwrap()
}

/// A real backup as its files, for a hand that changes them; the manifest is the first.
async fn real() -> Vec<Put> {
    let a = Machine::installed();
    let file = a.at("backup");
    a.backup(&file, &[]).await.assert_code(0);
    let content = content(&std::fs::read(&file).unwrap());
    content.iter().map(|(name, bytes)| Put::file(name, bytes)).collect()
}

fn manifest(files: &[Put]) -> Value {
    serde_json::from_slice(&files[0].bytes).unwrap()
}

fn set_manifest(files: &mut [Put], value: &Value) {
    files[0].bytes = serde_json::to_vec(value).unwrap();
}

/// Lists a file in the manifest, with the right digest of an empty content, and adds it.
fn smuggle(files: &mut Vec<Put>, name: &str, path: Option<&str>) {
    let mut value = manifest(files);
    let mut member = json!({
        "name": name, "size": 0, "rights": {"mode": "4777", "user": "root", "group": "root"},
        "sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    });
    if let Some(path) = path {
        member["path"] = path.into();
    }
    value["files"].as_array_mut().unwrap().push(member);
    set_manifest(files, &value);
    files.push(Put::file(name, b""));
}

type Change = fn(&mut Vec<Put>);

/// What somebody tries, and what the refusal says.
const TRIED: &[(Change, &str)] = &[
    (|files| smuggle(files, "/etc/cron.d/x", None), "belongs in no backup"),
    (|files| smuggle(files, "../x", None), "belongs in no backup"),
    (|files| smuggle(files, "state/../x", None), "belongs in no backup"),
    (
        |files| smuggle(files, "state/certificates/../../x", None),
        "belongs in no backup",
    ),
    (|files| smuggle(files, "state/lock", None), "belongs in no backup"),
    (
        |files| smuggle(files, "state/.state.json.new", None),
        "belongs in no backup",
    ),
    (
        |files| smuggle(files, "files/9/x", Some("/etc/cron.d/x")),
        "which its configuration does not name",
    ),
    (
        |files| smuggle(files, "files/9/x", Some("../../x")),
        "which its configuration does not name",
    ),
    (|files| smuggle(files, "files/9/x", None), "belongs in no backup"),
    (
        |files| smuggle(files, "state/acme/x", Some("/etc/passwd")),
        "belongs in no backup",
    ),
    (|files| smuggle(files, "proxy.toml", None), "twice"),
    (
        |files| files.push(Put::file("etc/cron.d/x", b"x")),
        "belongs in no backup",
    ),
    (
        |files| files.push(Put::file("state/acme/x", b"x")),
        "not in its manifest",
    ),
    (
        |files| files.push(Put::file("proxy.toml", &files[1].bytes.clone())),
        "twice",
    ),
    (
        |files| files.push(Put::file("manifest.json", &files[0].bytes.clone())),
        "belongs in no backup",
    ),
    (|files| drop(files.pop()), "is missing"),
    (|files| files[2].bytes.push(b'x'), "is not what its manifest says"),
    (|files| drop(files.remove(0)), "`manifest.json` does not come first"),
    (
        |files| (files[2].kind, files[2].link) = (EntryType::Symlink, Some("/etc/passwd")),
        "which is no file",
    ),
    (
        |files| (files[2].kind, files[2].link) = (EntryType::Link, Some("proxy.toml")),
        "which is no file",
    ),
    (|files| files[2].kind = EntryType::Directory, "which is no file"),
    (|files| files[2].kind = EntryType::Fifo, "which is no file"),
    (|files| files[2].kind = EntryType::Char, "which is no file"),
    (|files| files[2].size = Some(1 << 40), "is too large"),
    (|files| files.last_mut().unwrap().size = Some(20_000_000), "is torn"),
    (|files| files.truncate(0), "there is nothing in it"),
    (
        |files| {
            let mut value = manifest(files);
            value["version"] = 2.into();
            set_manifest(files, &value);
        },
        "was made by a newer Greengate",
    ),
    (
        |files| {
            let mut value = manifest(files);
            value["format"] = "other".into();
            set_manifest(files, &value);
        },
        "is of another program",
    ),
    (|files| files[0].bytes.truncate(100), "its manifest cannot be read"),
];

#[tokio::test(flavor = "multi_thread")]
async fn e35_no_archive_writes_what_belongs_in_no_backup() {
    let b = Machine::empty();
    let file = Machine::empty();
    let file = file.at("hostile");
    let refused = |bytes: Vec<u8>, words: &'static str| {
        let (b, file) = (&b, &file);
        async move {
            std::fs::write(file, bytes).unwrap();
            let refused = b.restore(file, &["--force", "--outside=write"]).await;
            refused.assert_code(2).assert_says(&[words]);
            assert!(!refused.all().contains('\u{1b}'));
            assert!(b.files().is_empty(), "{words}: {:?}", b.files());
        }
    };
    let real = real().await;
    let original = tarred(&real);
    for (change, words) in TRIED {
        let mut files = real.clone();
        change(&mut files);
        refused(gzip(&tarred(&files)), words).await;
    }
    refused(Vec::new(), "it is empty").await;
    refused(original.clone(), "not packed by gzip").await;
    refused(gzip(b"nothing of the kind"), "").await;
    refused(gzip(&vec![0; 130 << 20]), "more than 128 MiB").await;
    let whole = gzip(&original);
    for length in [3, 20, whole.len() / 2, whole.len() - 1] {
        refused(whole[..length].to_vec(), "is torn").await;
    }
    let mut turned = whole.clone();
    turned[whole.len() / 2] ^= 1;
    refused(turned, "is torn").await;
    // A hand that changes nothing is no obstacle.
    std::fs::write(&file, whole).unwrap();
    b.restore(&file, &[]).await.assert_code(0);
}

#[tokio::test]
async fn e35_links_that_stand_here_lead_nowhere() {
    let (a, b, elsewhere) = (Machine::installed(), Machine::installed(), Machine::installed());
    let file = a.at("backup");
    a.backup(&file, &[]).await.assert_code(0);
    // As the daemon's user could leave them for root.
    for path in ["state/certificates", "state/acme", "state/state.json"] {
        let path = b.at(path);
        let _ = std::fs::remove_dir_all(&path).or_else(|_| std::fs::remove_file(&path));
    }
    symlink(elsewhere.at("state/certificates"), b.at("state/certificates")).unwrap();
    symlink(elsewhere.folder.path(), b.at("state/acme")).unwrap();
    symlink(elsewhere.at("proxy.toml"), b.at("state/state.json")).unwrap();
    symlink(elsewhere.folder.path(), b.at("state/.restoring")).unwrap();
    elsewhere.mode("proxy.toml", 0o604);
    let before = elsewhere.files();
    b.restore(&file, &[])
        .await
        .assert_code(4)
        .assert_says(&["state/certificates`"]);
    b.restore(&file, &["--force"]).await.assert_code(0);
    assert_eq!(elsewhere.files(), before);
    assert_eq!(mode(&elsewhere.at("proxy.toml")), 0o604);
    assert!(!b.at("state/certificates").is_symlink() && b.at("state/certificates/a.test/key.pem").exists());

    // Nor is a folder of files that the configuration names, nor the lock.
    std::fs::remove_dir_all(b.at("tls")).unwrap();
    std::fs::create_dir(elsewhere.at("empty")).unwrap();
    symlink(elsewhere.at("empty"), b.at("tls")).unwrap();
    b.restore(&file, &["--force"])
        .await
        .assert_code(1)
        .assert_says(&["nothing was restored"]);
    std::fs::remove_file(b.at("tls")).unwrap();
    std::fs::remove_file(b.at("state/lock")).unwrap();
    symlink(elsewhere.at("proxy.toml"), b.at("state/lock")).unwrap();
    b.restore(&file, &["--force"])
        .await
        .assert_code(1)
        .assert_says(&["cannot be used"]);
    assert_eq!(elsewhere.files(), before);
}
