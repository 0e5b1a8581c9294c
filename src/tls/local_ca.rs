//! The local CA: a root in the state folder, made once, and short-lived leaves in memory for hosts that have no other
//! certificate. Who trusts `ca/root.pem` sees no warning; nobody has to.

use std::fmt;
use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::net::IpAddr;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PublicKeyData, SanType, SerialNumber,
};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

use super::certificate::Certificate;
use super::clock::unix_seconds;
use super::files::{self, io_reason};
use crate::durable;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const ROOT_LIFE: Duration = Duration::from_secs(3653 * 24 * 60 * 60);
const LEAF_LIFE: Duration = Duration::from_secs(90 * 24 * 60 * 60);
/// For clients whose clocks are behind.
const BACKDATE: Duration = Duration::from_secs(60 * 60);

const MOVE_AWAY: &str = "move the folder away and start again: a new CA is made, and clients that trust the old root have to trust the new one";

/// Why there is no local CA.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaError {
    /// The file or folder at fault.
    pub path: PathBuf,
    /// What is wrong with it.
    pub reason: String,
    /// What to do about it.
    pub hint: String,
}

impl fmt::Display for CaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "local CA: `{}`: {}; hint: {}",
            self.path.display(),
            self.reason,
            self.hint
        )
    }
}

impl std::error::Error for CaError {}

impl CaError {
    fn new(path: &Path, reason: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            reason: reason.into(),
            hint: hint.into(),
        }
    }
}

/// The folder of the CA in a state folder.
pub(super) fn folder(state_dir: &Path) -> PathBuf {
    state_dir.join("ca")
}

/// The root certificate in the CA's folder; public.
pub(super) fn root_path(folder: &Path) -> PathBuf {
    folder.join("root.pem")
}

fn root_key_path(folder: &Path) -> PathBuf {
    folder.join("root-key.pem")
}

/// Signs leaves.
pub(super) struct LocalCa {
    issuer: Issuer<'static, KeyPair>,
    provider: Arc<CryptoProvider>,
}

impl fmt::Debug for LocalCa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalCa").finish_non_exhaustive()
    }
}

impl LocalCa {
    /// Loads the root, or makes it if there is none. Also returns what the log should say.
    ///
    /// # Errors
    /// When the folder cannot be made or read, or holds no root with its key.
    pub(super) fn open(
        folder: &Path,
        provider: &Arc<CryptoProvider>,
        now: SystemTime,
    ) -> Result<(Self, Vec<String>), CaError> {
        if !exists(&root_path(folder))? && !exists(&root_key_path(folder))? {
            create(folder, now)?;
        }
        let mut messages = tighten(folder);
        let ca = load(folder, provider, now, &mut messages)?;
        Ok((ca, messages))
    }

    /// A leaf for one host: a name, a wildcard or an address.
    ///
    /// # Errors
    /// What is wrong, when the host is nothing that a certificate can name.
    pub(super) fn leaf(&self, host: &str, now: SystemTime) -> Result<Certificate, String> {
        let mut params = CertificateParams::default();
        params.subject_alt_names = vec![match host.parse::<IpAddr>() {
            Ok(ip) => SanType::IpAddress(ip),
            Err(_) => SanType::DnsName(host.try_into().map_err(|error: rcgen::Error| error.to_string())?),
        }];
        // Names are in the subjectAltName, where there is no limit of 64 characters (RFC 5280 §4.2.1.6).
        params.distinguished_name = common_name("Greengate");
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.is_ca = IsCa::ExplicitNoCa;
        params.use_authority_key_identifier_extension = true;
        set_life(&mut params, now, LEAF_LIFE)?;

        let key = KeyPair::generate().map_err(|error| error.to_string())?;
        let leaf = params
            .signed_by(&key, &self.issuer)
            .map_err(|error| error.to_string())?;
        let secret = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let secret = self
            .provider
            .key_provider
            .load_private_key(secret)
            .map_err(|error| error.to_string())?;
        Certificate::new(Arc::new(CertifiedKey::new(vec![leaf.into()], secret)))
    }
}

/// Makes root and key in a folder beside it and renames that: there is either no CA or a whole one, whatever happens.
fn create(folder: &Path, now: SystemTime) -> Result<(), CaError> {
    let hint = "the daemon's user has to be able to write there";
    let parent = folder.parent().unwrap_or(Path::new("."));
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |error: io::Error| CaError::new(&path, io_reason(&error), hint)
    };
    let (root, key) = new_root(now).map_err(|reason| CaError::new(folder, reason, "check the system's clock"))?;

    durable::private_folder(parent).map_err(failed(parent))?;
    let fresh = parent.join(format!(".ca-{}-{:08x}", std::process::id(), fastrand::u32(..)));
    DirBuilder::new().mode(0o700).create(&fresh).map_err(failed(&fresh))?;
    let made = durable::write_new(&root_key_path(&fresh), key.as_bytes(), 0o600)
        .and_then(|()| durable::write_new(&root_path(&fresh), root.as_bytes(), 0o644))
        .and_then(|()| durable::sync_folder(&fresh))
        .and_then(|()| fs::rename(&fresh, folder));
    let Err(error) = made else {
        return durable::sync_folder(parent).map_err(failed(parent));
    };
    // Best effort: what is left behind is a root that nobody has seen.
    let _ = fs::remove_dir_all(&fresh);
    match error.kind() {
        // Another process made it in the meantime, or the folder holds other things; loading will tell which.
        io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::AlreadyExists => Ok(()),
        io::ErrorKind::NotADirectory => Err(CaError::new(folder, "not a folder", MOVE_AWAY)),
        _ => Err(failed(folder)(error)),
    }
}

/// Root certificate and key, as PEM.
fn new_root(now: SystemTime) -> Result<(String, String), String> {
    let mut params = CertificateParams::default();
    params.distinguished_name = common_name(&format!("Greengate local CA ({})", hostname()));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    set_life(&mut params, now, ROOT_LIFE)?;
    let key = KeyPair::generate().map_err(|error| error.to_string())?;
    let root = params.self_signed(&key).map_err(|error| error.to_string())?;
    Ok((root.pem(), key.serialize_pem()))
}

/// Takes away what others may do with the key and its folder. Returns what it found and did.
fn tighten(folder: &Path) -> Vec<String> {
    let mut messages = Vec::new();
    for (path, mode) in [(folder.to_owned(), 0o700), (root_key_path(folder), 0o600)] {
        let Ok(metadata) = fs::metadata(&path) else { continue };
        let found = metadata.mode() & 0o777;
        if found & 0o077 == 0 {
            continue;
        }
        let done = fs::set_permissions(&path, Permissions::from_mode(mode));
        let path = path.display();
        messages.push(match done {
            Ok(()) => format!("local CA: `{path}` was open to others (mode {found:04o}); it is {mode:04o} now"),
            Err(error) => format!(
                "local CA: `{path}` is open to others (mode {found:04o}): {}; hint: `chmod {mode:o} {path}`",
                io_reason(&error)
            ),
        });
    }
    messages
}

fn load(
    folder: &Path,
    provider: &Arc<CryptoProvider>,
    now: SystemTime,
    messages: &mut Vec<String>,
) -> Result<LocalCa, CaError> {
    let (root_path, key_path) = (root_path(folder), root_key_path(folder));
    let broken =
        |path: &Path, reason: &str| CaError::new(path, reason, format!("restore it from a backup, or {MOVE_AWAY}"));

    let root = files::certificates(&root_path).map_err(|error| broken(&root_path, error.reason()))?;
    let root = root.first().ok_or_else(|| broken(&root_path, "no certificate in it"))?;
    let (_, root) = X509Certificate::from_der(root).map_err(|_| broken(&root_path, "not an X.509 certificate"))?;
    if !root.is_ca() {
        return Err(broken(&root_path, "not the certificate of a CA"));
    }
    let (key, _) = files::private_key(&key_path).map_err(|error| broken(&key_path, error.reason()))?;
    let key = KeyPair::try_from(&key).map_err(|_| broken(&key_path, "not a usable key"))?;
    if key.subject_public_key_info() != root.public_key().raw {
        return Err(broken(&key_path, "not the key of `root.pem`"));
    }

    let name = root
        .subject()
        .iter_common_name()
        .next()
        .and_then(|name| name.as_str().ok())
        .unwrap_or_default();
    let mut params = CertificateParams::default();
    params.distinguished_name = common_name(name);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let ca = LocalCa {
        issuer: Issuer::new(params, key),
        provider: Arc::clone(provider),
    };
    // A root that was made elsewhere may be named in a way that leaves of ours do not point at: clients would refuse them.
    let probe = ca
        .leaf("localhost", now)
        .map_err(|reason| broken(&root_path, &reason))?;
    let probe = probe
        .chain()
        .first()
        .and_then(|leaf: &CertificateDer<'_>| X509Certificate::from_der(leaf).ok());
    if probe.is_none_or(|(_, leaf)| leaf.issuer().as_raw() != root.subject().as_raw()) {
        return Err(broken(&root_path, "a CA that Greengate did not make"));
    }

    let left = root.validity().not_after.timestamp().saturating_sub(unix_seconds(now));
    let path = root_path.display();
    if left <= 0 {
        messages.push(format!("local CA: `{path}` has expired; hint: {MOVE_AWAY}"));
    } else if left.unsigned_abs() < LEAF_LIFE.as_secs() {
        let days = left.unsigned_abs() / DAY.as_secs();
        messages.push(format!("local CA: `{path}` ends in {days} days; hint: {MOVE_AWAY}"));
    }
    Ok(ca)
}

/// From an hour ago until `life` from now, with a random serial number.
fn set_life(params: &mut CertificateParams, now: SystemTime, life: Duration) -> Result<(), String> {
    let now = now
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_err(|_| "the clock shows a time before 1970")?;
    // Certificates can name no year beyond 9999 (RFC 5280 §4.1.2.5).
    if now > Duration::from_secs(250_000_000_000) {
        return Err("the clock shows a time after the year 9800".to_owned());
    }
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    params.not_before = epoch + now.saturating_sub(BACKDATE);
    params.not_after = epoch + now + life;
    let mut serial = [0; 16];
    aws_lc_rs::rand::fill(&mut serial).map_err(|_| "no randomness")?;
    // Positive and of full length (RFC 5280 §4.1.2.2).
    serial[0] = serial[0] & 0x7f | 0x40;
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    Ok(())
}

fn common_name(name: &str) -> DistinguishedName {
    let mut names = DistinguishedName::new();
    names.push(DnType::CommonName, name);
    names
}

/// The machine's name, for people who look at a list of trusted roots; cut so that the common name keeps its 64 characters.
fn hostname() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name: String = name.trim().chars().filter(char::is_ascii_graphic).take(40).collect();
    if name.is_empty() {
        "this machine".to_owned()
    } else {
        name
    }
}

fn exists(path: &Path) -> Result<bool, CaError> {
    match fs::metadata(path) {
        Ok(_) => Ok(true),
        Err(error) => match error.kind() {
            io::ErrorKind::NotFound => Ok(false),
            io::ErrorKind::NotADirectory => Err(CaError::new(path.parent().unwrap_or(path), "not a folder", MOVE_AWAY)),
            _ => Err(CaError::new(
                path,
                io_reason(&error),
                "the daemon's user has to be able to read it",
            )),
        },
    }
}
