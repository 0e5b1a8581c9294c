//! Certificates from PEM files: reading them, noticing that they changed, keeping the last good ones.
//!
//! This is the only file that uses `rustls-pemfile`. It is archived (RUSTSEC-2025-0134) but complete: a thin reader of PEM
//! over `rustls-pki-types`, which keeps the parser itself. Replacing it means replacing the two functions `certificates`
//! and `private_key` below.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use super::certificate::{Certificate, is_outdated};
use crate::model::secrecy;

/// Chains have a few kilobytes; what is larger than this is another kind of file.
const MAX_BYTES: u64 = 1 << 20;

/// A file that was changed this shortly before it was read may change again without a new time stamp.
const TICK: Duration = Duration::from_secs(2);

/// What is wrong with a file: the path, then the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FileError {
    path: PathBuf,
    reason: String,
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.reason)
    }
}

impl FileError {
    fn new(path: &Path, reason: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            reason: reason.into(),
        }
    }

    /// What is wrong, without the path.
    pub(super) fn reason(&self) -> &str {
        &self.reason
    }

    fn io(path: &Path, error: &io::Error) -> Self {
        Self::new(path, io_reason(error))
    }
}

/// The reason in the house's style; `io::Error` prints `No such file or directory (os error 2)`.
pub(super) fn io_reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such file".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => {
            let text = error.to_string();
            let text = text.split(" (os error").next().unwrap_or_default();
            let mut letters = text.chars();
            letters
                .next()
                .map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
        }
    }
}

/// A chain and its key on disk, and the last good certificate that they held.
#[derive(Debug, Clone)]
pub(super) struct Pair {
    cert: PathBuf,
    key: PathBuf,
    /// What the files looked like just before they were last read.
    seen: [Option<Fingerprint>; 2],
    /// Whether `seen` is enough to tell that nothing changed.
    settled: bool,
    current: Option<Arc<Certificate>>,
    problem: Option<FileError>,
}

/// Pairs by the paths of chain and key.
pub(super) type Pairs = BTreeMap<(PathBuf, PathBuf), Pair>;

impl Pair {
    /// Reads both files; a failure is a [`Pair::problem`], not an error. Returns what the log should say.
    pub(super) fn open(cert: &Path, key: &Path, provider: &CryptoProvider, now: SystemTime) -> (Self, Vec<String>) {
        let mut pair = Self {
            cert: cert.to_owned(),
            key: key.to_owned(),
            seen: [None, None],
            settled: false,
            current: None,
            problem: None,
        };
        let messages = pair.read(provider, now);
        (pair, messages)
    }

    /// Reads the files again if they changed or were broken. Returns what the log should say, and nothing twice.
    pub(super) fn refresh(&mut self, provider: &CryptoProvider, now: SystemTime) -> Vec<String> {
        if self.settled && self.seen == self.look() {
            Vec::new()
        } else {
            self.read(provider, now)
        }
    }

    /// The last good certificate.
    pub(super) fn current(&self) -> Option<&Arc<Certificate>> {
        self.current.as_ref()
    }

    /// Why what is on disk is not what is shown.
    pub(super) fn problem(&self) -> Option<&FileError> {
        self.problem.as_ref()
    }

    fn look(&self) -> [Option<Fingerprint>; 2] {
        [Fingerprint::of(&self.cert), Fingerprint::of(&self.key)]
    }

    fn read(&mut self, provider: &CryptoProvider, now: SystemTime) -> Vec<String> {
        // Looked at before they are read: a change in between is found the next time.
        self.seen = self.look();
        let loaded = load(&self.cert, &self.key, provider);
        // Renewal replaces two files in turn, so that a pair that does not fit is likely to fit soon: broken ones are
        // read every time.
        self.settled = loaded.is_ok() && self.seen.iter().flatten().all(|file| file.is_older_than(TICK, now));
        match loaded {
            Ok((certificate, warnings)) => {
                let recovered = self.problem.take().is_some();
                let same = self
                    .current
                    .as_ref()
                    .is_some_and(|current| current.chain() == certificate.chain());
                if same && !recovered {
                    return Vec::new();
                }
                let first = self.current.is_none() && !recovered;
                let mut messages = warnings;
                if let Some(untimely) = certificate.untimely(now) {
                    messages.push(format!("{}: the certificate {untimely}", self.cert.display()));
                }
                if !first {
                    messages.push(format!(
                        "{}: read again, the certificate ends {}",
                        self.cert.display(),
                        certificate.not_after()
                    ));
                }
                self.current = Some(Arc::new(certificate));
                messages
            }
            Err(problem) => {
                if self.problem.as_ref() == Some(&problem) {
                    return Vec::new();
                }
                let instead = if self.current.is_some() { LAST_GOOD } else { STAND_IN };
                let message = format!("{problem}; {instead}");
                self.problem = Some(problem);
                vec![message]
            }
        }
    }
}

/// What is shown while the files on disk are broken.
pub(super) const LAST_GOOD: &str = "the last good one is kept";

/// What is shown while there has never been a good pair.
const STAND_IN: &str = "another certificate stands in until it is repaired";

/// What changes when a file is written or replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Fingerprint {
    modified: Option<SystemTime>,
    size: u64,
    inode: u64,
}

impl Fingerprint {
    fn of(path: &Path) -> Option<Self> {
        let metadata = std::fs::metadata(path).ok()?;
        Some(Self {
            modified: metadata.modified().ok(),
            size: metadata.len(),
            inode: metadata.ino(),
        })
    }

    /// Files from the future count as old: their time stamps are as good as any.
    fn is_older_than(&self, age: Duration, now: SystemTime) -> bool {
        self.modified
            .is_some_and(|modified| now.duration_since(modified).map_or(true, |since| since > age))
    }
}

/// Reads a chain and its key, and checks that they fit. Also returns what is not good but works.
pub(super) fn load(
    cert: &Path,
    key: &Path,
    provider: &CryptoProvider,
) -> Result<(Certificate, Vec<String>), FileError> {
    let chain = certificates(cert)?;
    if chain.first().is_some_and(is_outdated) {
        return Err(FileError::new(
            cert,
            "not an X.509 v3 certificate, which clients want, with the host as subjectAltName",
        ));
    }
    let mut warnings = Vec::new();
    let (secret, mode) = private_key(key)?;
    if let Some(open) = secrecy::complaint(mode, "the key", &key.display(), key) {
        warnings.push(format!("{}; hint: {}", open.words, open.hint));
    }
    let certified = CertifiedKey::from_der(chain, secret, provider).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => FileError::new(cert, format!("key does not fit ({})", key.display())),
        rustls::Error::InvalidCertificate(error) => FileError::new(cert, format!("not a usable certificate: {error}")),
        // What is left comes from loading the key.
        error => FileError::new(key, format!("not a usable key: {error}")),
    })?;
    let certificate = Certificate::new(Arc::new(certified)).map_err(|reason| FileError::new(cert, reason))?;
    Ok((certificate, warnings))
}

/// A chain and its key in PEM.
///
/// # Errors
/// What is wrong with them; never what stands in the key.
pub(super) fn parse(chain: &str, key: &str, provider: &CryptoProvider) -> Result<Certificate, String> {
    let chain: Result<Vec<_>, _> = rustls_pemfile::certs(&mut chain.as_bytes()).collect();
    let chain = chain.map_err(|error| format!("the chain is not PEM: {error}"))?;
    let key = rustls_pemfile::private_key(&mut key.as_bytes()).map_err(|_| "the key is not PEM")?;
    let key = key.ok_or("there is no private key in it")?;
    let certified = CertifiedKey::from_der(chain, key, provider).map_err(|error| error.to_string())?;
    Certificate::new(Arc::new(certified))
}

/// Every certificate of a PEM file, in its order; at least one.
pub(super) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, FileError> {
    let (text, _) = contents(path)?;
    let mut found = Vec::new();
    for certificate in rustls_pemfile::certs(&mut &text[..]) {
        found.push(certificate.map_err(|error| FileError::new(path, format!("not PEM: {error}")))?);
    }
    if found.is_empty() {
        return Err(FileError::new(path, "no certificate in it"));
    }
    Ok(found)
}

/// The first private key of a PEM file (PKCS #8, PKCS #1 or SEC 1), and the file's mode.
pub(super) fn private_key(path: &Path) -> Result<(PrivateKeyDer<'static>, u32), FileError> {
    let (text, mode) = contents(path)?;
    // PKCS #8 has a label of its own for it, which the reader skips; older keys a header, which it takes for broken base64.
    if text.windows(9).any(|window| window == b"ENCRYPTED") {
        let hint = format!("`openssl pkey -in {}` takes it off", path.display());
        return Err(FileError::new(
            path,
            format!("the key has a password, which nobody is there to type; hint: {hint}"),
        ));
    }
    match rustls_pemfile::private_key(&mut &text[..]) {
        Ok(Some(key)) => Ok((key, mode)),
        Ok(None) => Err(FileError::new(path, "no private key in it")),
        Err(error) => Err(FileError::new(path, format!("not PEM: {error}"))),
    }
}

/// A whole file and its mode; never waits for a pipe, never reads without end.
fn contents(path: &Path) -> Result<(Vec<u8>, u32), FileError> {
    let io = |error: io::Error| FileError::io(path, &error);
    // Looked at before it is opened: opening a pipe waits for its other end.
    if !std::fs::metadata(path).map_err(io)?.is_file() {
        return Err(FileError::new(path, "not a file"));
    }
    let file = File::open(path).map_err(io)?;
    let mode = file.metadata().map_err(io)?.mode();
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(io)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(FileError::new(path, "larger than 1 MiB, which no chain or key is"));
    }
    Ok((bytes, mode))
}
