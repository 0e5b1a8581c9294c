//! What a service wants of a request before it lets it in: an address, credentials, the word of an auth service, or nothing.

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

use super::users::{UserFile, UserFiles};
use crate::config::Auth;
use crate::model::access::Refusal;
use crate::model::paths::{Match, PathRules};

/// What a service wants of its clients.
#[derive(Debug)]
pub(crate) struct Guard {
    /// Where they have to come from; `None` is anywhere.
    allow: Option<Vec<IpNet>>,
    /// Whose passwords are asked for.
    users: Option<Arc<UserFile>>,
    /// Whether an auth service is asked.
    asks: bool,
    /// Paths that are for everybody.
    except: PathRules<()>,
}

/// What a request that may come has to show.
#[derive(Debug)]
pub(crate) enum Wanted<'g> {
    /// Nothing more.
    Nothing,
    /// A password of one of these users.
    Password(&'g Arc<UserFile>),
    /// That an auth service lets it pass.
    Verdict,
}

impl Guard {
    /// The guard of a service; `None` when it is for everybody.
    pub(crate) fn of(auth: &Auth, files: &UserFiles) -> Option<Self> {
        if auth.basic.is_none() && auth.allow.is_none() && auth.forward.is_none() {
            return None;
        }
        let mut except = PathRules::default();
        for prefix in &auth.except {
            except.insert(prefix, ());
        }
        Some(Self {
            allow: auth.allow.clone(),
            users: auth.basic.as_deref().map(|path| files.of(path)),
            asks: auth.forward.is_some(),
            except,
        })
    }

    /// Looks at where a request comes from and at what it asks for. What else it has to show.
    ///
    /// # Errors
    /// Why it goes no further, whatever its credentials.
    pub(crate) fn look(&self, client: IpAddr, path: &[u8]) -> Result<Wanted<'_>, Refusal> {
        match self.except.find(path) {
            Match::Found(()) => return Ok(Wanted::Nothing),
            Match::Ambiguous => return Err(Refusal::AmbiguousPath),
            Match::None => {}
        }
        let may_come = |networks: &Vec<IpNet>| networks.iter().any(|network| network.contains(&client));
        if !self.allow.as_ref().is_none_or(may_come) {
            return Err(Refusal::NotAllowed);
        }
        match &self.users {
            Some(file) if file.version() == 0 => Err(Refusal::NoUsers),
            Some(file) => Ok(Wanted::Password(file)),
            None if self.asks => Ok(Wanted::Verdict),
            None => Ok(Wanted::Nothing),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use super::*;
    use crate::config::Forward;
    use crate::model::access::Users;
    use crate::model::slot::Address;

    fn guard(basic: bool, allow: Option<&str>, files: &UserFiles) -> Option<Guard> {
        let auth = Auth {
            basic: basic.then(|| "users".into()),
            allow: allow.map(|network| vec![network.parse().unwrap()]),
            except: vec!["/hooks".into(), "/public".into()],
            forward: None,
        };
        Guard::of(&auth, files)
    }

    #[test]
    fn both_have_to_pass_and_exempt_paths_pass_both() {
        let files = UserFiles::default();
        files.set(Path::new("users"), Users::default());
        let (inside, outside) = ("10.0.0.1".parse().unwrap(), "192.0.2.1".parse().unwrap());
        let look = |guard: &Guard, client, path: &str| {
            let wanted = guard.look(client, path.as_bytes());
            wanted.map(|wanted| matches!(wanted, Wanted::Password(_)))
        };
        assert!(guard(false, None, &files).is_none());
        let both = guard(true, Some("10.0.0.0/8"), &files).unwrap();
        assert_eq!(look(&both, inside, "/"), Ok(true));
        assert_eq!(look(&both, outside, "/"), Err(Refusal::NotAllowed));
        for path in ["/hooks", "/hooks/x", "/public/"] {
            assert_eq!(look(&both, outside, path), Ok(false), "{path}");
        }
        let allow = guard(false, Some("10.0.0.0/8"), &files).unwrap();
        assert_eq!(look(&allow, inside, "/"), Ok(false));
        let basic = guard(true, None, &files).unwrap();
        assert_eq!(look(&basic, outside, "/hooksx"), Ok(true));
        assert_eq!(look(&basic, outside, "*"), Ok(true));
    }

    #[test]
    fn an_auth_service_is_asked_about_those_who_may_come() {
        let auth = Auth {
            allow: Some(vec!["10.0.0.0/8".parse().unwrap()]),
            except: vec!["/hooks".into()],
            forward: Some(Arc::new(Forward {
                address: Address::Port(4180),
                target: "/".into(),
                copy: Vec::new(),
                timeout: Duration::from_secs(5),
            })),
            ..Auth::default()
        };
        let guard = Guard::of(&auth, &UserFiles::default()).unwrap();
        let (inside, outside) = ("10.0.0.1".parse().unwrap(), "192.0.2.1".parse().unwrap());
        assert!(matches!(guard.look(inside, b"/"), Ok(Wanted::Verdict)));
        assert!(matches!(guard.look(outside, b"/"), Err(Refusal::NotAllowed)));
        assert!(matches!(guard.look(outside, b"/hooks/x"), Ok(Wanted::Nothing)));
    }

    #[test]
    fn e20_a_path_that_is_exempt_to_one_reader_alone_is_refused() {
        let files = UserFiles::default();
        files.set(Path::new("users"), Users::default());
        let guard = guard(true, None, &files).unwrap();
        let client = "192.0.2.1".parse().unwrap();
        for path in [
            "/hooks/../admin",
            "/hooks/%2e%2e/admin",
            "/hooks%2f..%2fadmin",
            "//hooks",
            "/hooks/..;/admin",
            "/x/../hooks",
            "/hooks\\..\\admin",
            "/hook%73",
            "/hooks/../public",
        ] {
            let looked = guard.look(client, path.as_bytes());
            assert!(matches!(looked, Err(Refusal::AmbiguousPath)), "{path}: {looked:?}");
        }
        for path in ["/hooks/a%2fb", "/a//b", "/%2e%2e/x"] {
            assert!(guard.look(client, path.as_bytes()).is_ok(), "{path}");
        }
    }

    #[test]
    fn nobody_enters_while_the_file_was_never_read() {
        let files = UserFiles::default();
        let guard = guard(true, None, &files).unwrap();
        let client = "192.0.2.1".parse().unwrap();
        assert!(matches!(guard.look(client, b"/"), Err(Refusal::NoUsers)));
        assert!(matches!(guard.look(client, b"/hooks"), Ok(Wanted::Nothing)));
        files.set(Path::new("users"), Users::default());
        assert!(matches!(guard.look(client, b"/"), Ok(Wanted::Password(_))));
    }
}
