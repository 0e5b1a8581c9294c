//! Who may see the dashboard where the file names users. Passwords are checked off this thread, within bounds, and who sends wrong ones
//! waits (`model::access`).

use std::cell::OnceCell;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use http::header::{AUTHORIZATION, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Response, StatusCode};

use crate::control::web::{Payload, reply};
use crate::model::access::{Credentials, Refusal};
use crate::model::client::network;
use crate::proxy::{Asked, Desk, UserFile, UserFiles};

const CHALLENGE: &str = "Basic realm=\"greengate\", charset=\"UTF-8\"";

/// Asks for passwords.
#[derive(Debug)]
pub(super) struct Entrance {
    files: Arc<UserFiles>,
    first_wait: Duration,
    /// Made when the first password is asked for: it has threads.
    desk: OnceCell<Desk>,
}

/// Who was let in, and for how long; by default for ever, as nobody was asked for a password.
#[derive(Debug, Default)]
pub(super) struct Pass {
    /// The file that was asked, by its name and as it is read, and its version.
    file: Option<(PathBuf, Arc<UserFile>, u64)>,
}

impl Pass {
    /// Whether it still lets in: the file of users, of which the configuration now says that it is asked, is the same, and has the same users.
    pub(super) fn is_valid(&self, users: Option<&Path>) -> bool {
        match &self.file {
            None => users.is_none(),
            Some((path, file, version)) => users == Some(path) && file.version() == *version,
        }
    }
}

impl Entrance {
    pub(super) fn new(files: Arc<UserFiles>, first_wait: Duration) -> Self {
        Self {
            files,
            first_wait,
            desk: OnceCell::new(),
        }
    }

    /// Lets a client in whose password is right; without a file everybody who is on this machine.
    ///
    /// # Errors
    /// What the client is told.
    pub(super) async fn admit(
        &self,
        users: Option<&Path>,
        headers: &HeaderMap,
        client: IpAddr,
    ) -> Result<Pass, Response<Payload>> {
        let Some(users) = users else {
            return Ok(Pass::default());
        };
        let credentials = headers
            .get(AUTHORIZATION)
            .and_then(|value| Credentials::parse(value.as_bytes()));
        let credentials = credentials.ok_or_else(|| refused(Refusal::NoCredentials))?;
        let desk = self.desk().ok_or_else(|| refused(Refusal::TooManyChecks))?;
        let file = self.files.of(users);
        let digest = desk.digest(&file, &credentials);
        let version = match desk
            .ask(digest, &file, &credentials, network(client))
            .map_err(refused)?
        {
            Asked::Right(version) => version,
            Asked::Waits(verdict) => {
                let verdict = verdict.await.ok().flatten();
                verdict.ok_or_else(|| refused(Refusal::WrongCredentials))?
            }
        };
        Ok(Pass {
            file: Some((users.to_owned(), file, version)),
        })
    }

    fn desk(&self) -> Option<&Desk> {
        if self.desk.get().is_none() {
            match Desk::new(self.first_wait) {
                Ok(desk) => drop(self.desk.set(desk)),
                Err(error) => tracing::error!(%error, "passwords for the dashboard cannot be checked"),
            }
        }
        self.desk.get()
    }
}

impl Drop for Entrance {
    fn drop(&mut self) {
        if let Some(desk) = self.desk.get() {
            desk.stop();
        }
    }
}

fn refused(why: Refusal) -> Response<Payload> {
    let say = |status, words: &'static str| reply(status, "text/plain; charset=utf-8", words);
    match why {
        Refusal::NoCredentials | Refusal::WrongCredentials | Refusal::NotAllowed | Refusal::AmbiguousPath => {
            let mut response = say(StatusCode::UNAUTHORIZED, "a user name and a password are asked for\n");
            let challenge = HeaderValue::from_static(CHALLENGE);
            response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
            response
        }
        Refusal::TooManyWrong(wait) => {
            let mut response = say(StatusCode::TOO_MANY_REQUESTS, "too many wrong passwords\n");
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
            response
        }
        Refusal::TooManyChecks => say(
            StatusCode::SERVICE_UNAVAILABLE,
            "too many passwords wait to be checked\n",
        ),
        Refusal::NoUsers => say(
            StatusCode::SERVICE_UNAVAILABLE,
            "who may see this is not known: the file of users cannot be read\n",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::access::Users;

    fn files() -> Arc<UserFiles> {
        let files = Arc::new(UserFiles::default());
        files.set(Path::new("users"), Users::default());
        files
    }

    #[tokio::test]
    async fn who_guesses_from_all_addresses_that_a_customer_has_is_one_client() {
        let entrance = Entrance::new(files(), Duration::from_secs(60));
        let mut headers = HeaderMap::new();
        let mut statuses = Vec::new();
        for guess in 1..=9 {
            // `anna:` and a digit.
            let guessed = format!(
                "Basic YW5uYTo{}",
                ["x", "y", "z", "0", "1", "2", "3", "4", "5"][guess - 1]
            );
            headers.insert(AUTHORIZATION, HeaderValue::from_str(&guessed).unwrap());
            let client = format!("2001:db8::{guess}").parse().unwrap();
            let refused = entrance
                .admit(Some(Path::new("users")), &headers, client)
                .await
                .unwrap_err();
            statuses.push(refused.status().as_u16());
        }
        assert_eq!((statuses[0], statuses[8]), (401, 429), "{statuses:?}");
    }

    #[test]
    fn a_pass_is_worth_what_the_file_that_is_named_now_says() {
        let (files, path) = (files(), Path::new("users"));
        let file = files.of(path);
        let version = file.version();
        let pass = Pass {
            file: Some((path.to_owned(), file, version)),
        };
        assert!(pass.is_valid(Some(path)));
        assert!(!pass.is_valid(Some(Path::new("others"))) && !pass.is_valid(None));
        files.set(path, Users::default());
        assert!(!pass.is_valid(Some(path)), "it has other users");
        assert!(Pass::default().is_valid(None));
        assert!(!Pass::default().is_valid(Some(path)), "nobody had asked for a password");
    }
}
