//! Our accounts at CAs, and what is asked of them: certificates, and when they should be renewed (RFC 8555, RFC 9773).
//!
//! Says nothing about when; that is `model::renewal`'s and the daemon's.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_lc_rs::digest;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use instant_acme::{Account, AccountCredentials, ExternalAccountKey, NewAccount};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use super::challenges::Challenges;
use super::error::{AcmeError, Blame, is_bad_nonce};
use super::http::{AcmeHttp, Times};
use super::order::{Begun, Desk, Watch, Wish};
use crate::config::Acme;
use crate::durable;
use crate::model::renewal::Window;
use crate::model::state::Durability;
use crate::tls::clock::unix_now;
use crate::tls::files;
use crate::tls::shelf::{Bundle, Meta};

const ACCOUNTS: &str = "account.json";

/// The CAs of `[acme]`, and our accounts there.
#[derive(Debug)]
pub struct Authority {
    settings: Acme,
    /// `acme` in the state folder.
    folder: PathBuf,
    challenges: Arc<Challenges>,
    /// Held while an account is looked for or made, so that hosts that come at once make one and not many. Holds what the disk
    /// would not take.
    accounts: Arc<Mutex<Option<Accounts>>>,
}

/// `account.json`: one entry a directory.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Accounts {
    #[serde(default)]
    accounts: Vec<Entry>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Entry {
    directory: String,
    contacts: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kid: Option<String>,
    /// instant-acme's; holds the key.
    credentials: Opaque,
}

/// A value with a key in it; never printed.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
struct Opaque(serde_json::Value);

impl std::fmt::Debug for Opaque {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Opaque")
    }
}

/// What a CA suggests for a certificate, and when to ask again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suggestion {
    /// When it is to be renewed; `None` where the CA suggests nothing.
    pub window: Option<Window>,
    /// Seconds until it is worth asking again.
    pub ask_again: Option<i64>,
    /// A page that says why it is as it is; for operators (RFC 9773 §4.2).
    pub explanation: Option<String>,
}

impl Authority {
    /// Nothing is read or asked before the first certificate is due.
    #[must_use]
    pub fn new(settings: Acme, state_dir: &Path, challenges: Arc<Challenges>) -> Self {
        Self {
            settings,
            folder: state_dir.join("acme"),
            challenges,
            accounts: Arc::default(),
        }
    }

    /// An authority with other settings. It shares the accounts with this one, so that orders under way here and there make one.
    #[must_use]
    pub fn with_settings(&self, settings: Acme) -> Self {
        Self {
            settings,
            folder: self.folder.clone(),
            challenges: Arc::clone(&self.challenges),
            accounts: Arc::clone(&self.accounts),
        }
    }

    /// The settings of `[acme]`.
    #[must_use]
    pub fn settings(&self) -> &Acme {
        &self.settings
    }

    /// Gets a certificate from a directory.
    ///
    /// # Errors
    /// Why there is none, and what to do about it.
    pub async fn obtain(&self, directory: &str, wish: &Wish, watch: &dyn Watch) -> Result<Bundle, AcmeError> {
        let http = self.http()?;
        let mut renewed = false;
        loop {
            let account = self.account(directory, &http, renewed).await?;
            let desk = Desk {
                account: &account,
                http: &http,
                directory,
                challenges: &self.challenges,
                watch,
            };
            let obtained = match desk.obtain(wish).await {
                // The CA has forgotten us, as test CAs do: once, a new account is made.
                Err(error) if error.blame == Blame::Account && !renewed => {
                    renewed = true;
                    continue;
                }
                other => other?,
            };
            return Ok(Bundle {
                chain: obtained.chain,
                key: obtained.key,
                meta: Meta {
                    directory: Some(directory.to_owned()),
                    challenge: Some(obtained.challenge),
                    issued: unix_now(),
                    chance: fastrand::f64(),
                    imported: false,
                },
            });
        }
    }

    /// Asks a CA when a certificate should be renewed; `id` is the certificate's.
    ///
    /// # Errors
    /// When it cannot be asked. A CA that suggests nothing is no error.
    pub async fn suggestion(&self, directory: &str, id: &str) -> Result<Suggestion, AcmeError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Directory {
            renewal_info: Option<String>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Info {
            suggested_window: Suggested,
            #[serde(rename = "explanationURL")]
            explanation: Option<String>,
        }
        #[derive(Deserialize)]
        struct Suggested {
            start: String,
            end: String,
        }
        let http = self.http()?;
        let failed = |failure| AcmeError::failure(&failure, directory);
        let no_acme = |error: serde_json::Error| {
            AcmeError::ca(format!("the CA at `{directory}` answers what is no ACME: {error}"))
        };
        let (body, _) = http.get(directory).await.map_err(failed)?;
        let Some(place) = serde_json::from_slice::<Directory>(&body)
            .map_err(no_acme)?
            .renewal_info
        else {
            return Ok(Suggestion {
                window: None,
                ask_again: None,
                explanation: None,
            });
        };
        let (body, ask_again) = http.get(&format!("{place}/{id}")).await.map_err(failed)?;
        let info = serde_json::from_slice::<Info>(&body).map_err(no_acme)?;
        let time = |text: &str| text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_second);
        let window = time(&info.suggested_window.start)
            .zip(time(&info.suggested_window.end))
            .map(|(start, end)| Window { start, end });
        Ok(Suggestion {
            window,
            ask_again,
            explanation: info.explanation,
        })
    }

    fn http(&self) -> Result<AcmeHttp, AcmeError> {
        AcmeHttp::new(self.settings.root.as_deref(), Times::USUAL).map_err(AcmeError::here)
    }

    fn contacts(&self) -> Vec<String> {
        self.settings
            .email
            .iter()
            .map(|email| format!("mailto:{email}"))
            .collect()
    }

    /// Our account at a directory; made where there is none, or where there should be a `new` one.
    async fn account(&self, directory: &str, http: &AcmeHttp, new: bool) -> Result<Account, AcmeError> {
        let mut unwritten = self.accounts.lock().await;
        let failed = |error: &instant_acme::Error| AcmeError::of(error, directory, http);
        if let Some(accounts) = unwritten.take() {
            *unwritten = self.write(accounts);
        }
        let mut accounts = match &*unwritten {
            Some(accounts) => accounts.clone(),
            None => self.read()?,
        };
        let contacts = self.contacts();
        let kid = self.settings.eab.as_ref().map(|eab| eab.kid.clone());
        let known = accounts
            .accounts
            .iter_mut()
            .find(|one| one.directory == directory && one.kid == kid);
        if let Some(entry) = known.filter(|_| !new) {
            let credentials: AccountCredentials = serde_json::from_value(entry.credentials.0.clone())
                .map_err(|error| AcmeError::here(format!("{}: {error}", self.folder.join(ACCOUNTS).display())))?;
            let builder = Account::builder_with_http(Box::new(http.clone()));
            let account = builder
                .from_credentials(credentials)
                .await
                .map_err(|error| failed(&error))?;
            if entry.contacts != contacts {
                let list: Vec<&str> = contacts.iter().map(String::as_str).collect();
                match account.update_contacts(&list).await {
                    Ok(()) => {
                        entry.contacts = contacts;
                        *unwritten = self.write(accounts);
                    }
                    // Not worth a certificate; tried again with the next one.
                    Err(error) => tracing::warn!(%error, "the CA does not take the new `email`"),
                }
            }
            return Ok(account);
        }
        let external = match &self.settings.eab {
            Some(eab) => Some(ExternalAccountKey::new(eab.kid.clone(), &external_key(&eab.key_file)?)),
            None => None,
        };
        let list: Vec<&str> = contacts.iter().map(String::as_str).collect();
        let wanted = NewAccount {
            contact: &list,
            terms_of_service_agreed: true,
            only_return_existing: false,
        };
        // A nonce may be refused; the account that was not made does no harm.
        let mut tries = 1;
        let (account, credentials) = loop {
            let builder = Account::builder_with_http(Box::new(http.clone()));
            match builder.create(&wanted, directory.to_owned(), external.as_ref()).await {
                Err(error) if is_bad_nonce(&error) && tries < 6 => tries += 1,
                other => break other.map_err(|error| failed(&error))?,
            }
        };
        let credentials = serde_json::to_value(credentials).map_err(|error| AcmeError::here(error.to_string()))?;
        accounts.accounts.retain(|one| one.directory != directory);
        accounts.accounts.push(Entry {
            directory: directory.to_owned(),
            contacts,
            kid,
            credentials: Opaque(credentials),
        });
        *unwritten = self.write(accounts);
        tracing::info!(directory, account = account.id(), "made an account");
        Ok(account)
    }

    fn read(&self) -> Result<Accounts, AcmeError> {
        let path = self.folder.join(ACCOUNTS);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Accounts::default()),
            Err(error) => {
                let reason = files::io_reason(&error);
                return Err(AcmeError::here(format!(
                    "the account's file `{}` cannot be read: {reason}",
                    path.display()
                ))
                .hint("give it to the user that `proxyd` runs as, or move it away: a new account is made"));
            }
        };
        serde_json::from_slice(&bytes).or_else(|error| {
            tracing::warn!(file = %path.display(), %error, "broken, and kept as `account.broken.json`; a new account is made");
            let _ = fs::rename(&path, self.folder.join("account.broken.json"));
            Ok(Accounts::default())
        })
    }

    /// Returns the accounts when the disk would not take them.
    fn write(&self, accounts: Accounts) -> Option<Accounts> {
        let written = serde_json::to_vec_pretty(&accounts)
            .map_err(io::Error::other)
            .and_then(|text| replace(&self.folder, ACCOUNTS, &text));
        let error = written.err()?;
        let path = self.folder.join(ACCOUNTS);
        let reason = files::io_reason(&error);
        tracing::warn!(
            "`{}` cannot be written, so that the next start makes another account: {reason}",
            path.display()
        );
        Some(accounts)
    }

    /// Keeps an order that is about to be finalized, for a later process.
    ///
    /// # Errors
    /// From the disk.
    pub fn keep_begun(&self, host: &str, begun: &Begun) -> io::Result<()> {
        let text = serde_json::to_vec(begun).map_err(io::Error::other)?;
        replace(&self.orders(), &order_file(host), &text)
    }

    /// The order that an earlier process was about to finalize.
    #[must_use]
    pub fn begun(&self, host: &str) -> Option<Begun> {
        serde_json::from_slice(&fs::read(self.orders().join(order_file(host))).ok()?).ok()
    }

    /// Forgets the order that was kept for a host.
    pub fn forget_begun(&self, host: &str) {
        let _ = fs::remove_file(self.orders().join(order_file(host)));
    }

    fn orders(&self) -> PathBuf {
        self.folder.join("orders")
    }
}

/// Puts a file into a private folder. A file of which it is not certain that it survives a crash counts as not written.
fn replace(folder: &Path, name: &str, text: &[u8]) -> io::Result<()> {
    durable::private_folder(folder)?;
    match durable::replace(folder, name, text)? {
        Durability::Durable => Ok(()),
        Durability::Uncertain(why) => Err(io::Error::other(why)),
    }
}

/// A host name may be longer than a file's name with an extension.
fn order_file(host: &str) -> String {
    let hash = digest::digest(&digest::SHA256, host.as_bytes());
    format!("{}.json", BASE64_URL_SAFE_NO_PAD.encode(&hash.as_ref()[..15]))
}

/// The key of an external account: base64url, as CAs hand it out.
fn external_key(path: &Path) -> Result<Vec<u8>, AcmeError> {
    let shown = path.display();
    let text = fs::read_to_string(path).map_err(|error| {
        AcmeError::here(format!(
            "the file `{shown}` of `eab` cannot be read: {}",
            files::io_reason(&error)
        ))
        .hint("`key_file` in `[acme]` names a file that `proxyd` can read, with the key that the CA gave")
    })?;
    // Some CAs show it with padding.
    let text = text.trim().trim_end_matches('=');
    BASE64_URL_SAFE_NO_PAD
        .decode(text)
        .map_err(|_| AcmeError::here(format!("the file `{shown}` of `eab` holds no key in base64url")))
}
