//! Certificates that were obtained, on disk: `certificates/HOST/{cert.pem,key.pem,meta.json}` in the state folder, for the
//! daemon's user alone (E35). A host's folder is exchanged whole, so that a crash leaves the old one or the new one (N27).

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustls::crypto::CryptoProvider;
use serde::{Deserialize, Serialize};

use super::certificate::Certificate;
use super::files;
use crate::durable;

/// What is remembered beside a certificate.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Meta {
    /// The directory that it is from; none when it was imported.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub directory: Option<String>,
    /// The challenge that worked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub challenge: Option<String>,
    /// When we got it, in unix seconds.
    pub issued: i64,
    /// Where in the CA's window it is renewed: 0 at the start, 1 at the end.
    pub chance: f64,
    /// Another program obtained it.
    pub imported: bool,
}

/// A certificate, its key, and where it is from.
#[derive(Debug, Clone)]
pub struct Bundle {
    /// The chain, leaf first, in PEM.
    pub chain: String,
    /// The private key in PEM.
    pub key: Secret,
    /// Where it is from.
    pub meta: Meta,
}

/// A certificate that was obtained or imported, as it is shown.
#[derive(Debug, Clone)]
pub(super) struct Issued {
    pub(super) certificate: Arc<Certificate>,
    pub(super) meta: Meta,
}

/// Text that is never printed (E35).
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(pub String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

/// The folder of the certificates in a state folder.
pub(super) fn folder(state_dir: &Path) -> PathBuf {
    state_dir.join("certificates")
}

/// `*.example.com` is `_wildcard.example.com` on disk: a star in a path is an accident to come.
pub(super) fn place(folder: &Path, host: &str) -> PathBuf {
    match host.strip_prefix("*.") {
        Some(parent) => folder.join(format!("_wildcard.{parent}")),
        None => folder.join(host),
    }
}

/// What is there for a host; `None` when nothing is.
///
/// # Errors
/// Why what is there is of no use.
pub(super) fn read(
    folder: &Path,
    host: &str,
    provider: &CryptoProvider,
) -> Result<Option<(Certificate, Meta)>, String> {
    let place = place(folder, host);
    if !place.exists() {
        return Ok(None);
    }
    let loaded = files::load(&place.join("cert.pem"), &place.join("key.pem"), provider);
    let (certificate, _) = loaded.map_err(|error| error.to_string())?;
    if !certificate.covers(host) {
        return Err(format!("{}: the certificate does not cover `{host}`", place.display()));
    }
    // Without it nothing is lost but a name in the report.
    let meta = fs::read(place.join("meta.json")).ok();
    let meta = meta.and_then(|text| serde_json::from_slice(&text).ok());
    Ok(Some((certificate, meta.unwrap_or_default())))
}

/// What was obtained for a host by an earlier process. What is broken is obtained anew, and told about.
pub(super) fn obtained(
    folder: &Path,
    provider: &CryptoProvider,
    host: &str,
    warnings: &mut Vec<String>,
) -> Option<Issued> {
    match read(folder, host, provider) {
        Ok(found) => found.map(|(certificate, meta)| Issued {
            certificate: Arc::new(certificate),
            meta,
        }),
        Err(reason) => {
            warnings.push(format!("{reason}; a new certificate for `{host}` is obtained"));
            None
        }
    }
}

/// Puts a certificate in the place of the host's last one.
///
/// # Errors
/// When the last one is still the one that counts.
pub(super) fn write(folder: &Path, host: &str, bundle: &Bundle) -> io::Result<()> {
    durable::private_folder(folder)?;
    let place = place(folder, host);
    let name = place.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let fresh = folder.join(format!(".{name}.new"));
    let _ = fs::remove_dir_all(&fresh);
    let write = || {
        DirBuilder::new().mode(0o700).create(&fresh)?;
        let meta = serde_json::to_vec_pretty(&bundle.meta).map_err(io::Error::other)?;
        durable::write_new(&fresh.join("key.pem"), bundle.key.0.as_bytes(), 0o600)?;
        durable::write_new(&fresh.join("cert.pem"), bundle.chain.as_bytes(), 0o600)?;
        durable::write_new(&fresh.join("meta.json"), &meta, 0o600)?;
        durable::sync_folder(&fresh)?;
        match fs::rename(&fresh, &place) {
            // What stands there is not empty: it takes the new one's place, to be removed with it.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::AlreadyExists
                ) =>
            {
                exchange(&fresh, &place)
            }
            done => done,
        }
    };
    let written = write();
    let _ = fs::remove_dir_all(&fresh);
    written?;
    durable::sync_folder(folder)
}

fn exchange(fresh: &Path, place: &Path) -> io::Result<()> {
    if renameat_with(CWD, fresh, CWD, place, RenameFlags::EXCHANGE).is_ok() {
        return Ok(());
    }
    // A file system that cannot: what a crash leaves between these two lines is a host without files, which is obtained anew.
    fs::remove_dir_all(place)?;
    fs::rename(fresh, place)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use rustls::crypto::aws_lc_rs;

    use super::*;

    fn bundle(host: &str, chance: f64) -> Bundle {
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = rcgen::CertificateParams::new([host.to_owned()])
            .unwrap()
            .self_signed(&key)
            .unwrap();
        Bundle {
            chain: certificate.pem(),
            key: Secret(key.serialize_pem()),
            meta: Meta {
                chance,
                issued: 7,
                ..Meta::default()
            },
        }
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_certificate_is_read_back_and_replaced_whole() {
        let state = tempfile::tempdir().unwrap();
        let folder = folder(state.path());
        let provider = aws_lc_rs::default_provider();
        for host in ["a.example.com", "*.example.com", "2001:db8::1"] {
            assert!(read(&folder, host, &provider).unwrap().is_none());
            for chance in [0.25, 0.5] {
                write(&folder, host, &bundle(host, chance)).unwrap();
                let (certificate, meta) = read(&folder, host, &provider).unwrap().unwrap();
                assert!(certificate.covers(host));
                assert_eq!((meta.chance, meta.issued), (chance, 7));
            }
        }
        let mut names: Vec<_> = fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        names.sort();
        assert_eq!(names, ["2001:db8::1", "_wildcard.example.com", "a.example.com"]);
    }

    #[test]
    fn e35_keys_are_0600_in_folders_0700_and_never_printed() {
        let state = tempfile::tempdir().unwrap();
        let folder = folder(state.path());
        let bundle = bundle("a.com", 0.0);
        write(&folder, "a.com", &bundle).unwrap();
        assert_eq!((mode(&folder), mode(&folder.join("a.com"))), (0o700, 0o700));
        assert_eq!(mode(&folder.join("a.com/key.pem")), 0o600);
        assert!(!format!("{bundle:?}").contains("PRIVATE"));
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "what a test writes need not survive a crash")]
    fn what_is_broken_says_why_and_what_a_crash_left_is_no_obstacle() {
        let state = tempfile::tempdir().unwrap();
        let folder = folder(state.path());
        let provider = aws_lc_rs::default_provider();
        write(&folder, "a.com", &bundle("a.com", 0.0)).unwrap();
        fs::write(folder.join("a.com/meta.json"), "{").unwrap();
        assert_eq!(read(&folder, "a.com", &provider).unwrap().unwrap().1, Meta::default());
        fs::write(folder.join("a.com/key.pem"), "torn").unwrap();
        assert!(
            read(&folder, "a.com", &provider)
                .unwrap_err()
                .ends_with("key.pem: no private key in it")
        );
        fs::create_dir(folder.join(".a.com.new")).unwrap();
        fs::write(folder.join(".a.com.new/key.pem"), "torn").unwrap();
        write(&folder, "a.com", &bundle("a.com", 0.0)).unwrap();
        assert!(read(&folder, "a.com", &provider).unwrap().is_some());
        write(&folder, "b.com", &bundle("a.com", 0.0)).unwrap();
        assert!(
            read(&folder, "b.com", &provider)
                .unwrap_err()
                .contains("does not cover `b.com`")
        );
        fs::remove_dir_all(&folder).unwrap();
        fs::write(&folder, "a file").unwrap();
        assert!(write(&folder, "a.com", &bundle("a.com", 0.0)).is_err());
    }
}
