//! Where the state folder and the control socket are when the configuration does not say. `proxyctl` looks for the socket in the
//! same places.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::config::Server;
use crate::control::fault::Fault;

/// The configuration, unless `--config` names another.
pub(super) const CONFIG: &str = "/etc/greengate/proxy.toml";

/// The places of this daemon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Paths {
    /// State, journal, certificates.
    pub state_dir: PathBuf,
    /// The control socket.
    pub socket: PathBuf,
}

impl Paths {
    /// The configuration's places, else systemd's, else those that are usual for root or for a user.
    ///
    /// # Errors
    /// When there is no usual place: a user without the folders that the XDG Base Directory Specification names.
    pub(super) fn resolve(server: &Server) -> Result<Self, Fault> {
        let variable = |name: &str| std::env::var_os(name);
        Self::resolve_in(server, &variable, rustix::process::geteuid().is_root())
    }

    fn resolve_in(server: &Server, variable: &dyn Fn(&str) -> Option<OsString>, root: bool) -> Result<Self, Fault> {
        let folder = |name: &str| folder(variable, name);
        let socket = || {
            let systemd = || Some(first_of(folder("RUNTIME_DIRECTORY"))?.join("control.sock"));
            let system = || root.then(|| PathBuf::from("/run/greengate/control.sock"));
            let user = || Some(folder("XDG_RUNTIME_DIR")?.join("greengate/control.sock"));
            systemd().or_else(system).or_else(user)
        };
        Ok(Self {
            state_dir: state_dir_in(server, variable, root)?,
            socket: (server.socket.clone())
                .or_else(socket)
                .ok_or_else(|| missing("the control socket", "socket"))?,
        })
    }
}

/// The state folder alone, as [`Paths::resolve`] finds it.
///
/// # Errors
/// When there is no usual place.
pub(in crate::control) fn state_dir(server: &Server) -> Result<PathBuf, Fault> {
    let variable = |name: &str| std::env::var_os(name);
    state_dir_in(server, &variable, rustix::process::geteuid().is_root())
}

fn state_dir_in(server: &Server, variable: &dyn Fn(&str) -> Option<OsString>, root: bool) -> Result<PathBuf, Fault> {
    let folder = |name: &str| folder(variable, name);
    let usual = || {
        let systemd = first_of(folder("STATE_DIRECTORY"));
        let system = || root.then(|| PathBuf::from("/var/lib/greengate"));
        let user = || folder("XDG_STATE_HOME").or_else(|| Some(folder("HOME")?.join(".local/state")));
        systemd.or_else(system).or_else(|| Some(user()?.join("greengate")))
    };
    (server.state_dir.clone().or_else(usual)).ok_or_else(|| missing("the state folder", "state_dir"))
}

/// Relative paths in these variables are to be ignored (XDG Base Directory Specification).
fn folder(variable: &dyn Fn(&str) -> Option<OsString>, name: &str) -> Option<PathBuf> {
    Some(PathBuf::from(variable(name)?)).filter(|path| path.is_absolute())
}

fn missing(what: &str, key: &str) -> Fault {
    Fault::new(format!("there is no place for {what}"))
        .hint(format!("set `{key}` in `[server]`, or run as root or under systemd"))
}

/// systemd separates several folders by colons (systemd.exec(5), `StateDirectory=`).
fn first_of(folders: Option<PathBuf>) -> Option<PathBuf> {
    let folders = folders?;
    match folders.to_str().and_then(|text| text.split_once(':')) {
        Some((first, _)) => Some(Path::new(first).into()),
        None => Some(folders),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{AccessLogFormat, AccessLogTarget, Listen};

    fn server() -> Server {
        Server {
            http: Listen::Everywhere(80),
            https: Listen::Everywhere(443),
            socket: None,
            group: None,
            state_dir: None,
            workers: None,
            trusted_proxies: Vec::new(),
            trusts_cloudflare: false,
            proxy_protocol: false,
            max_connections: None,
            max_connections_per_client: 512,
            access_log: AccessLogTarget::Stdout,
            access_log_format: AccessLogFormat::Json,
            public_https: None,
            metrics: None,
            dashboard: None,
            dashboard_users: None,
        }
    }

    fn resolve(server: &Server, world: &[(&str, &str)], root: bool) -> Result<(String, String), Fault> {
        let variable = |name: &str| {
            world
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| value.into())
        };
        let paths = Paths::resolve_in(server, &variable, root)?;
        Ok((
            paths.state_dir.display().to_string(),
            paths.socket.display().to_string(),
        ))
    }

    #[test]
    fn every_way_to_start_has_its_places() {
        let user = [("HOME", "/home/ann"), ("XDG_RUNTIME_DIR", "/run/user/1000")];
        let xdg = [
            ("XDG_STATE_HOME", "/s"),
            ("HOME", "/home/ann"),
            ("XDG_RUNTIME_DIR", "/r"),
        ];
        let systemd = [
            ("STATE_DIRECTORY", "/var/lib/greengate:/var/lib/other"),
            ("RUNTIME_DIRECTORY", "/run/gg"),
            ("XDG_STATE_HOME", "/s"),
        ];
        let root_user = ("/var/lib/greengate", "/run/greengate/control.sock");
        let ann = (
            "/home/ann/.local/state/greengate",
            "/run/user/1000/greengate/control.sock",
        );
        let unit = ("/var/lib/greengate", "/run/gg/control.sock");
        let table = [
            (&user[..], true, root_user),
            (&user[..], false, ann),
            (&xdg[..], false, ("/s/greengate", "/r/greengate/control.sock")),
            (&systemd[..], false, unit),
            (&systemd[..], true, unit),
        ];
        for (world, root, (state_dir, socket)) in table {
            assert_eq!(
                resolve(&server(), world, root).unwrap(),
                (state_dir.into(), socket.into()),
                "{world:?}"
            );
        }
    }

    #[test]
    fn the_file_has_the_last_word() {
        let server = Server {
            state_dir: Some("/srv/state".into()),
            socket: Some("/srv/control".into()),
            ..server()
        };
        let systemd = [
            ("STATE_DIRECTORY", "/var/lib/greengate"),
            ("RUNTIME_DIRECTORY", "/run/gg"),
        ];
        let expected = ("/srv/state".to_owned(), "/srv/control".to_owned());
        assert_eq!(resolve(&server, &systemd, true).unwrap(), expected);
    }

    #[test]
    fn who_has_no_place_is_told_what_to_set() {
        let fault = resolve(
            &server(),
            &[("HOME", "/home/ann"), ("XDG_RUNTIME_DIR", "relative")],
            false,
        )
        .unwrap_err();
        assert!(
            fault.to_string().contains("hint: set `socket` in `[server]`"),
            "{fault}"
        );
        let fault = resolve(&server(), &[], false).unwrap_err();
        assert!(fault.to_string().contains("`state_dir`"), "{fault}");
    }
}
