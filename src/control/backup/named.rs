//! The files that a configuration names, and that belong in a backup: without them it would serve other certificates, or let nobody in.

use std::path::{Path, PathBuf};

use crate::config::{Challenge, Config, LoadError, Tls};
use crate::model::api::{Problem, exit};

/// What a configuration says of files.
#[derive(Debug)]
pub(super) struct Named {
    /// As they are written in it: relative ones start at its folder. Each once, in its order.
    pub files: Vec<String>,
    /// The command that changes the DNS: a program of this machine.
    pub command: Option<String>,
}

impl Named {
    /// Reads a configuration's text for the files that it names.
    ///
    /// # Errors
    /// When it is no configuration.
    pub(super) fn by(text: &str) -> Result<Self, LoadError> {
        // With no folder before them, paths stay as they are written.
        let (config, _) = Config::parse(Path::new("proxy.toml"), text)?;
        let mut files: Vec<String> = Vec::new();
        let mut add = |path: &PathBuf| {
            let path = path.to_string_lossy().into_owned();
            if !files.contains(&path) {
                files.push(path);
            }
        };
        for service in config.services() {
            service.user_files().for_each(&mut add);
        }
        for (_, tls) in config.hosts() {
            match tls {
                Tls::Files { cert, key } => [cert, key].into_iter().for_each(&mut add),
                Tls::Acme | Tls::Internal | Tls::Off => {}
            }
        }
        config.acme.eab.iter().for_each(|eab| add(&eab.key_file));
        config.acme.root.iter().for_each(&mut add);
        let command = match config.acme.challenge {
            Challenge::Dns(command) => Some(command),
            Challenge::Either | Challenge::Http | Challenge::TlsAlpn => None,
        };
        Ok(Self { files, command })
    }
}

/// The folder of a configuration.
pub(super) fn folder(config: &Path) -> &Path {
    config.parent().unwrap_or(Path::new("/"))
}

/// What to say of a configuration that cannot be used; `which` names it.
pub(super) fn invalid(which: &str, error: &LoadError) -> Problem {
    let first = error.diagnostics.first().map(ToString::to_string).unwrap_or_default();
    Problem {
        code: exit::USAGE,
        reason: format!("{which} is no configuration that can be used: {first}"),
        hint: Some("`proxyctl check FILE` shows every mistake at once".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_that_it_names_is_found_once_and_as_it_is_written() {
        let named = Named::by(
            r#"
            [acme]
            root = "private-ca.pem"
            eab = { kid = "a", key_file = "/etc/keys/../eab" }
            challenge = { dns = "/opt/dns --zone a" }
            [redirect]
            "www.example.com" = "https://example.com"
            [defaults]
            tls = { cert = "certs/all.pem", key = "../all-key.pem" }
            [env.prod]
            host = "example.com"
            upstream = 3000
            auth.basic = "users"
            [env.dev]
            host = "dev.example.com"
            upstream = 3001
            auth.basic = "users"
            tls = { cert = "/etc/letsencrypt/live/dev/fullchain.pem", key = "/etc/letsencrypt/live/dev/privkey.pem" }
            "#,
        )
        .unwrap();
        assert_eq!(
            named.files,
            [
                "users",
                "certs/all.pem",
                "../all-key.pem",
                "/etc/letsencrypt/live/dev/fullchain.pem",
                "/etc/letsencrypt/live/dev/privkey.pem",
                "/etc/keys/../eab",
                "private-ca.pem",
            ]
        );
        assert_eq!(named.command.as_deref(), Some("/opt/dns --zone a"));
        assert!(
            invalid("`x`", &Named::by("[env").unwrap_err())
                .reason
                .starts_with("`x` is no configuration")
        );
    }
}
