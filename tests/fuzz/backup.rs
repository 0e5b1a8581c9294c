//! An archive to restore: it is put back whole and to where it belongs, or refused and nothing written.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use greengate::control::restore;
use greengate::model::api::exit;
use greengate::model::backup::{RestoreOrder, belongs};

use crate::fuzz;

const WORDS: &[&[u8]] = &[
    b"proxy.toml\0",
    b"manifest.json\0",
    b"state/state.json\0",
    b"state/../x\0",
    b"../x\0",
    b"/etc/cron.d/x\0",
    b"files/1/users\0",
    b"\"path\": \"../../x\",",
    b"\"name\": \"state/acme/x\",",
    b"\"files\": [],",
    b"\"size\": 18446744073709551615,",
    b"\"mode\": \"7777\",",
    b"\"version\": 0,",
    b"77777777777\0",
    b"\x80\0\0\0\0\0\0\xff\xff\xff\xff\xff",
    b"././@LongLink\0",
    b"ustar  \0",
    b"L",
    b"K",
    b"x",
    b"2",
];

#[test]
fn an_archive_is_put_back_whole_or_nothing_is_written() {
    fuzz("backup_archive", WORDS, |bytes| {
        let mut archive = GzEncoder::new(Vec::new(), Compression::fast());
        archive.write_all(&with_checksums(bytes)).unwrap();
        let archive = archive.finish().unwrap();
        let world = tempfile::tempdir().unwrap();
        let machine = world.path().join("a/b/machine");
        fs::create_dir_all(&machine).unwrap();
        let order = RestoreOrder {
            config: machine.join("proxy.toml"),
            state_dir: Some(machine.join("state")),
            force: true,
            dry_run: false,
            outside: None,
        };
        let restored = restore(&archive, &order);
        let files = files(world.path());
        match restored {
            Ok(restored) if restored.refusal.is_none() => {
                assert_eq!(restored.manifest.files.len(), files.len(), "{files:?}");
                for file in &files {
                    let path = file
                        .strip_prefix("a/b/machine/")
                        .expect("all of it stays in its folder");
                    assert!(path.strip_prefix("state/").is_none_or(belongs), "{path}");
                }
            }
            Ok(_) => assert!(files.is_empty(), "{files:?}"),
            Err(problem) => {
                assert!(
                    matches!(problem.code, exit::USAGE | exit::REFUSED | exit::FAILED),
                    "{problem:?}"
                );
                assert!(files.is_empty(), "{problem:?}: {files:?}");
                assert!(!problem.reason.contains(|c: char| c.is_control()), "{problem:?}");
            }
        }
    });
}

/// Headers are right again, so that what was done to them is seen behind their checksums (POSIX.1-1988, ustar).
fn with_checksums(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for block in bytes.chunks_exact_mut(512) {
        if block[257..262] == *b"ustar" {
            block[148..156].fill(b' ');
            let sum: u32 = block.iter().copied().map(u32::from).sum();
            block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        }
    }
    bytes
}

/// Every file below a folder, but for the lock.
fn files(folder: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for path in fs::read_dir(next).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if !path.ends_with("lock") {
                found.insert(path.strip_prefix(folder).unwrap().display().to_string());
            }
        }
    }
    found
}
