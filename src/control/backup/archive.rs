//! The archive: tar, packed by gzip, so that every system can look into it. Whole in memory, on both ways: its list stands before
//! what it lists, and nothing of it is used before all of it was checked.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use aws_lc_rs::digest;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use tar::{Archive, Builder, EntryType, Header};

use crate::model::backup::{Files, Flaw, MANIFEST, Manifest, shown};

/// Bytes that a file in it may have.
pub(super) const FILE: u64 = 32 << 20;
/// Bytes that all of it may have, unpacked. A journal has 50 MiB at most.
pub(super) const WHOLE: u64 = 128 << 20;
/// Bytes that the files in it may have, all together; the rest is for its list and for tar.
pub(super) const CONTENT: u64 = 96 << 20;
/// Files that may be in it.
pub(super) const FILES: usize = 20_000;

/// SHA-256 in hexadecimal digits, as `sha256sum` prints it.
pub(super) fn sha256(bytes: &[u8]) -> String {
    let digest = digest::digest(&digest::SHA256, bytes);
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Packs a manifest and the files that it lists, in its order. `created` is in unix seconds.
pub(super) fn pack(manifest: &Manifest, files: &[&[u8]], created: u64) -> io::Result<Vec<u8>> {
    let mut builder = Builder::new(GzEncoder::new(Vec::new(), Compression::default()));
    let mut put = |name: &str, mode: u32, user: &str, group: &str, bytes: &[u8]| {
        let mut header = Header::new_gnu();
        header.set_entry_type(EntryType::Regular);
        header.set_size(bytes.len() as u64);
        header.set_mode(mode);
        header.set_mtime(created);
        // Names count; who has none of these unpacks as root.
        header.set_uid(0);
        header.set_gid(0);
        // A name too long for tar's field is in the manifest.
        let _ = header.set_username(user);
        let _ = header.set_groupname(group);
        builder.append_data(&mut header, name, bytes)
    };
    let mut list = serde_json::to_vec_pretty(manifest)?;
    list.push(b'\n');
    put(MANIFEST, 0o600, "root", "root", &list)?;
    for (member, bytes) in manifest.files.iter().zip(files) {
        let rights = &member.rights;
        put(&member.name, rights.mode, &rights.user, &rights.group, bytes)?;
    }
    builder.into_inner()?.finish()
}

/// Whether a file begins as a backup does.
#[must_use]
pub fn is_backup(path: &Path) -> bool {
    let begins = || -> Option<()> {
        let mut archive = Archive::new(GzDecoder::new(File::open(path).ok()?));
        let entry = archive.entries().ok()?.next()?.ok()?;
        (*entry.path_bytes() == *MANIFEST.as_bytes()).then_some(())
    };
    begins().is_some()
}

/// Reads an archive whole, and checks everything but who is to get it.
pub(super) fn unpack(bytes: &[u8]) -> Result<(Manifest, Files), Flaw> {
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        let why = if bytes.is_empty() {
            "it is empty"
        } else {
            "it is not packed by gzip"
        };
        return Err(Flaw::Foreign(why.to_owned()));
    }
    // One byte more than may be: what reaches it is too large.
    let mut unpacked = Vec::new();
    (GzDecoder::new(bytes).take(WHOLE + 1))
        .read_to_end(&mut unpacked)
        .map_err(|error| Flaw::Torn(error.to_string()))?;
    if unpacked.len() as u64 > WHOLE {
        return Err(Flaw::TooLarge(format!("more than {} MiB unpacked", WHOLE >> 20)));
    }
    let mut archive = Archive::new(unpacked.as_slice());
    // The library's words quote what it read, and that may be a key.
    let torn = |error: io::Error| {
        Flaw::Torn(match error.kind() {
            io::ErrorKind::UnexpectedEof => "it ends too early".to_owned(),
            _ => "where one file ends and the next begins cannot be told".to_owned(),
        })
    };
    let (mut manifest, mut files) = (None, Vec::new());
    for entry in archive.entries().map_err(torn)? {
        let mut entry = entry.map_err(torn)?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        if entry.header().entry_type() != EntryType::Regular {
            return Err(Flaw::Stranger(format!("`{}`, which is no file", shown(&name))));
        }
        if entry.size() > FILE || files.len() >= FILES {
            return Err(Flaw::TooLarge(format!("`{}`", shown(&name))));
        }
        let mut content = Vec::new();
        entry.read_to_end(&mut content).map_err(torn)?;
        if (content.len() as u64) < entry.size() {
            return Err(Flaw::Torn(format!("it ends within `{}`", shown(&name))));
        }
        match (&manifest, name == MANIFEST) {
            (None, true) => manifest = Some(Manifest::parse(&content)?),
            (None, false) => return Err(Flaw::Foreign(format!("`{MANIFEST}` does not come first in it"))),
            (Some(_), _) => files.push((name, content)),
        }
    }
    let manifest = manifest.ok_or_else(|| Flaw::Foreign("there is nothing in it".to_owned()))?;
    Ok((manifest, files))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::backup::{Member, Rights};

    fn packed(name: &str) -> Vec<u8> {
        let rights = Rights {
            mode: 0o640,
            user: "root".into(),
            group: "g".repeat(40),
        };
        let member = Member {
            name: name.into(),
            path: None,
            size: 3,
            sha256: sha256(b"abc"),
            rights,
            folder: None,
        };
        let text = |text: &str| text.to_owned();
        let manifest = Manifest::new(text("now"), text("a"), text("/p"), text("/s"), vec![member]);
        pack(&manifest, &[b"abc"], 7).unwrap()
    }

    #[test]
    fn what_is_packed_is_unpacked_whatever_the_length_of_its_name() {
        for name in [
            "proxy.toml".to_owned(),
            format!("state/certificates/{}/key.pem", "a".repeat(250)),
        ] {
            let (manifest, files) = unpack(&packed(&name)).unwrap();
            assert_eq!(manifest.files[0].name, name);
            assert_eq!(files, [(name, b"abc".to_vec())]);
        }
        assert!(sha256(b"abc").starts_with("ba7816bf"));
    }

    #[test]
    fn files_are_counted() {
        let (manifest, _) = unpack(&packed("proxy.toml")).unwrap();
        let none = vec![&b""[..]; FILES + 1];
        let member = Member {
            size: 0,
            ..manifest.files[0].clone()
        };
        let pack_many = |count: usize| {
            let manifest = Manifest {
                files: vec![member.clone(); count],
                ..manifest.clone()
            };
            pack(&manifest, &none[..count], 7).unwrap()
        };
        assert_eq!(unpack(&pack_many(FILES)).unwrap().1.len(), FILES);
        assert!(matches!(unpack(&pack_many(FILES + 1)), Err(Flaw::TooLarge(_))));
    }

    #[test]
    fn every_cut_and_every_turned_byte_is_noticed() {
        let whole = packed("proxy.toml");
        for length in 0..whole.len() {
            assert!(unpack(&whole[..length]).is_err(), "cut at {length}");
        }
        for at in 0..whole.len() {
            // Name, time and system in the header of gzip say nothing of the content.
            if (4..10).contains(&at) {
                continue;
            }
            let mut turned = whole.clone();
            turned[at] ^= 0x55;
            let (Ok((manifest, files)), true) = (unpack(&turned), at != 3) else {
                continue;
            };
            assert!(manifest.check(files, sha256).is_err(), "turned at {at}");
        }
    }
}
