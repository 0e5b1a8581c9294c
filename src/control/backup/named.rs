//! The files that a configuration names, and that belong in a backup: without them it would serve other certificates, or let nobody in.

use std::path::{Path, PathBuf};

use crate::config::{Challenge, Config, LoadError, Tls, Way};
use crate::model::api::{Problem, exit};
use crate::model::error_pages::PageName;

/// What a configuration says of files.
#[derive(Debug)]
pub(super) struct Named {
    /// As they are written in it: relative ones start at its folder. Each once, in its order.
    pub files: Vec<String>,
    /// Folders of error pages, likewise.
    pub pages: Vec<String>,
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
        for destination in &config.notify {
            if let Way::UrlFile(path) = &destination.way {
                add(path);
            }
            destination.secret_file.iter().for_each(&mut add);
        }
        let command = match config.acme.challenge {
            Challenge::Dns(ref command) => Some(command.clone()),
            Challenge::Either | Challenge::Http | Challenge::TlsAlpn => None,
        };
        let mut pages: Vec<String> = Vec::new();
        for folder in config
            .error_pages()
            .map(|pages| pages.folder.to_string_lossy().into_owned())
        {
            if !pages.contains(&folder) {
                pages.push(folder);
            }
        }
        Ok(Self { files, pages, command })
    }

    /// Every file, with the pages that are in the folders now; `base` is the configuration's folder. One that cannot be read has none.
    pub(super) fn present(&self, base: &Path) -> Vec<String> {
        let mut present = self.files.clone();
        for folder in &self.pages {
            let entries = std::fs::read_dir(base.join(folder)).into_iter().flatten().flatten();
            let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
            let mut pages: Vec<String> = names.filter(|name| PageName::parse(name).is_some()).collect();
            pages.sort_unstable();
            present.extend(pages.iter().map(|name| page(folder, name)));
        }
        present
    }

    /// Whether it names this file, itself or as a page of a folder.
    pub(super) fn has(&self, path: &str) -> bool {
        let is_page = |folder: &String| {
            let name = Path::new(path)
                .file_name()
                .and_then(|name| name.to_str())
                .unwrap_or_default();
            PageName::parse(name).is_some() && page(folder, name) == path
        };
        self.files.iter().any(|file| file == path) || self.pages.iter().any(is_page)
    }
}

/// The path of a page in a folder.
fn page(folder: &str, name: &str) -> String {
    Path::new(folder).join(name).to_string_lossy().into_owned()
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
            [[notify]]
            url_file = "hook.url"
            secret_file = "/etc/keys/hook"
            [redirect]
            "www.example.com" = "https://example.com"
            [defaults]
            tls = { cert = "certs/all.pem", key = "../all-key.pem" }
            [env.prod]
            host = "example.com"
            upstream = 3000
            auth.basic = "users"
            error_pages = "pages"
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
                "hook.url",
                "/etc/keys/hook",
            ]
        );
        assert_eq!(named.pages, ["pages"]);
        assert!(named.has("users") && named.has("pages/404.html"));
        assert!(!named.has("pages/x.html") && !named.has("other/404.html") && !named.has("pages/../404.html"));
        assert_eq!(named.command.as_deref(), Some("/opt/dns --zone a"));
        assert!(
            invalid("`x`", &Named::by("[env").unwrap_err())
                .reason
                .starts_with("`x` is no configuration")
        );
    }
}
