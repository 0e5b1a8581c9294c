//! Speaks HTTP/1.1 over the daemon's control socket. One connection a request; nothing is retried.

use std::ffi::OsString;
use std::fmt;
use std::io::ErrorKind;
use std::ops::ControlFlow;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{Method, Request, Response, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;
use tokio::task::JoinSet;

use super::exit::Stop;
use super::io::HyperIo;
use crate::model::api::{Event, OperationRequest, Problem, exit};

/// Where a system's daemon puts its socket.
const SYSTEM_SOCKET: &str = "/run/greengate/control.sock";

/// How long a question may take that the daemon answers from memory.
const PATIENCE: Duration = Duration::from_secs(10);

/// The control socket, and how to ask it.
#[derive(Debug, Clone)]
pub struct Client {
    socket: PathBuf,
}

/// Why there is no answer.
#[derive(Debug)]
pub enum ClientError {
    /// Nobody listens there, or we may not.
    Unreachable {
        /// The socket.
        socket: PathBuf,
        /// What the kernel said.
        source: std::io::Error,
    },
    /// The daemon does not answer.
    Silent(PathBuf),
    /// The answer broke off, or is no HTTP.
    Broken(hyper::Error),
    /// The answer is not what this version expects.
    Unexpected(String),
    /// The daemon says no.
    Refused(Problem),
    /// The events ended before the operation did.
    Cut,
}

/// One line of an operation's stream.
#[derive(Debug, Clone, PartialEq)]
pub struct EventLine {
    /// As the daemon wrote it, without the line's end.
    pub raw: String,
    /// What it says; `None` when a newer daemon says something we do not know.
    pub event: Option<Event>,
}

impl Client {
    /// A client of the daemon behind this socket.
    #[must_use]
    pub fn new(socket: PathBuf) -> Self {
        Self { socket }
    }

    /// Asks a question that is answered with one JSON value.
    ///
    /// # Errors
    /// All of [`ClientError`] but `Cut`.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        let body = self.text(path).await?;
        serde_json::from_str(&body).map_err(|error| ClientError::Unexpected(error.to_string()))
    }

    /// Asks a question, and returns the answer as it is.
    ///
    /// # Errors
    /// All of [`ClientError`] but `Cut`.
    pub async fn text(&self, path: &str) -> Result<String, ClientError> {
        let asked = async {
            let body = self.send(Method::GET, path, Bytes::new()).await?.whole().await?;
            String::from_utf8(body.into()).map_err(|error| ClientError::Unexpected(error.to_string()))
        };
        match tokio::time::timeout(PATIENCE, asked).await {
            Ok(answer) => answer,
            Err(_) => Err(ClientError::Silent(self.socket.clone())),
        }
    }

    /// Asks for something that may take the daemon minutes. Dropping the future stops the waiting, not what was begun.
    ///
    /// # Errors
    /// All of [`ClientError`] but `Silent` and `Cut`.
    pub async fn post<T: DeserializeOwned>(&self, path: &str, request: &impl Serialize) -> Result<T, ClientError> {
        let unexpected = |error: serde_json::Error| ClientError::Unexpected(error.to_string());
        let body = serde_json::to_vec(request).map_err(unexpected)?;
        let body = self.send(Method::POST, path, body.into()).await?.whole().await?;
        serde_json::from_slice(&body).map_err(unexpected)
    }

    /// Starts an operation and shows `watch` every event, until the final one or until it breaks with an exit code.
    /// Dropping the future stops the watching, not the operation.
    ///
    /// # Errors
    /// All of [`ClientError`] but `Silent`.
    pub async fn operate(
        &self,
        request: &OperationRequest,
        watch: impl FnMut(&EventLine) -> ControlFlow<u8>,
    ) -> Result<u8, ClientError> {
        self.ask("/v1/operations", request, watch).await
    }

    /// Asks for an operation at a path of its own, and shows `watch` its events as [`Client::operate`] does.
    ///
    /// # Errors
    /// All of [`ClientError`] but `Silent`.
    pub async fn ask(
        &self,
        path: &str,
        request: &impl Serialize,
        mut watch: impl FnMut(&EventLine) -> ControlFlow<u8>,
    ) -> Result<u8, ClientError> {
        let body = serde_json::to_vec(request).map_err(|error| ClientError::Unexpected(error.to_string()))?;
        let mut answer = self.send(Method::POST, path, body.into()).await?;
        let mut lines = Lines::default();
        loop {
            while let Some(line) = lines.next() {
                let line = EventLine {
                    event: serde_json::from_str(&line).ok(),
                    raw: line,
                };
                if let ControlFlow::Break(code) = watch(&line) {
                    return Ok(code);
                }
                if let Some(code) = line.event.as_ref().and_then(Event::exit_code) {
                    return Ok(code);
                }
            }
            match answer.response.body_mut().frame().await {
                Some(Ok(frame)) => lines.push(frame.data_ref().map_or(&[], |data| data)),
                // A daemon that was killed shows as a clean end or as an error, by chance.
                Some(Err(_)) | None => return Err(ClientError::Cut),
            }
        }
    }

    /// Asks for lines, and shows `see` every one until there are no more or until it breaks. Whether it broke.
    ///
    /// # Errors
    /// All of [`ClientError`] but `Silent` and `Cut`.
    pub async fn lines(
        &self,
        path: &str,
        mut see: impl FnMut(&str) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, ClientError> {
        let mut answer = self.send(Method::GET, path, Bytes::new()).await?;
        let mut lines = Lines::default();
        loop {
            while let Some(line) = lines.next() {
                if see(&line).is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
            match answer.response.body_mut().frame().await {
                Some(frame) => lines.push(frame.map_err(ClientError::Broken)?.data_ref().map_or(&[], |data| data)),
                None => return Ok(ControlFlow::Continue(())),
            }
        }
    }

    /// Sends one request and waits for the head of its answer.
    async fn send(&self, method: Method, path: &str, body: Bytes) -> Result<Answer, ClientError> {
        let stream = UnixStream::connect(&self.socket)
            .await
            .map_err(|source| ClientError::Unreachable {
                socket: self.socket.clone(),
                source,
            })?;
        let (mut sender, connection) = http1::handshake(HyperIo::new(stream))
            .await
            .map_err(ClientError::Broken)?;
        let mut driver = JoinSet::new();
        driver.spawn(async move {
            // Its errors reach us through the exchange.
            let _ = connection.await;
        });
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "proxyd")
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::USER_AGENT, concat!("proxyctl/", env!("CARGO_PKG_VERSION")))
            .body(Full::new(body))
            .map_err(|error| ClientError::Unexpected(error.to_string()))?;
        let response = sender.send_request(request).await.map_err(ClientError::Broken)?;
        let status = response.status();
        if status.is_success() {
            return Ok(Answer {
                response,
                _driver: driver,
            });
        }
        let body = response.into_body().collect().await.map_err(ClientError::Broken)?;
        Err(match serde_json::from_slice::<Problem>(&body.to_bytes()) {
            Ok(problem) => ClientError::Refused(problem),
            Err(_) => ClientError::Unexpected(format!("status {status}")),
        })
    }
}

/// An answer, and the task that reads it off the socket.
struct Answer {
    response: Response<Incoming>,
    _driver: JoinSet<()>,
}

impl Answer {
    /// Reads the body to its end.
    async fn whole(self) -> Result<Bytes, ClientError> {
        let body = self.response.into_body().collect().await;
        Ok(body.map_err(ClientError::Broken)?.to_bytes())
    }
}

/// Cuts a stream of bytes into lines.
#[derive(Default)]
struct Lines {
    buffer: BytesMut,
}

impl Lines {
    fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole line that is not empty.
    fn next(&mut self) -> Option<String> {
        loop {
            let end = memchr::memchr(b'\n', &self.buffer)?;
            let line = self.buffer.split_to(end + 1);
            let line = line.trim_ascii();
            if !line.is_empty() {
                return Some(String::from_utf8_lossy(line).into_owned());
            }
        }
    }
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable { socket, source } => match source.kind() {
                ErrorKind::NotFound => write!(f, "no daemon: there is no socket `{}`", socket.display()),
                ErrorKind::ConnectionRefused => write!(f, "no daemon listens on `{}`", socket.display()),
                ErrorKind::PermissionDenied => write!(f, "not allowed to use `{}`", socket.display()),
                _ => write!(f, "cannot reach the daemon on `{}`: {source}", socket.display()),
            },
            Self::Silent(socket) => write!(
                f,
                "the daemon on `{}` did not answer within {} s",
                socket.display(),
                PATIENCE.as_secs()
            ),
            Self::Broken(error) => write!(f, "the daemon's answer broke off: {error}"),
            Self::Unexpected(what) => write!(f, "the daemon's answer is not what was expected: {what}"),
            Self::Refused(problem) => f.write_str(&problem.reason),
            Self::Cut => f.write_str("the events ended before the operation did"),
        }
    }
}

impl std::error::Error for ClientError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unreachable { source, .. } => Some(source),
            Self::Broken(error) => Some(error),
            Self::Silent(_) | Self::Unexpected(_) | Self::Refused(_) | Self::Cut => None,
        }
    }
}

impl From<ClientError> for Stop {
    fn from(error: ClientError) -> Self {
        let message = error.to_string();
        match error {
            ClientError::Unreachable { socket, source } => {
                let stop = Self::new(exit::UNREACHABLE, message);
                match source.kind() {
                    ErrorKind::NotFound | ErrorKind::ConnectionRefused => stop
                        .hint("is proxyd running? `systemctl status greengate`; `--socket PATH` names another place"),
                    ErrorKind::PermissionDenied => stop.hint(who_may(&socket)),
                    _ => stop,
                }
            }
            ClientError::Silent(_) => {
                Self::new(exit::UNREACHABLE, message).hint("`journalctl -u greengate` may say what it waits for")
            }
            ClientError::Unexpected(_) => {
                Self::failed(message).hint("are proxyctl and proxyd of the same version? `proxyctl --version`")
            }
            ClientError::Refused(problem) => problem.into(),
            ClientError::Broken(_) | ClientError::Cut => Self::failed(message).hint(
                "the daemon has died, or it goes on without us: `proxyctl status` and `proxyctl history` say which",
            ),
        }
    }
}

/// Names the group that may use the socket, as far as one may look.
fn who_may(socket: &Path) -> String {
    let group = std::fs::metadata(socket)
        .ok()
        .map(|file| file.gid())
        .filter(|&gid| gid != 0)
        .and_then(uzers::get_group_by_gid);
    match group {
        Some(group) => format!(
            "root, the daemon's user and members of group `{}` may: `sudo usermod -aG {0} $USER`, then log in again",
            group.name().to_string_lossy()
        ),
        None => "root, the daemon's user and members of `[server] group` may; try `sudo proxyctl`".into(),
    }
}

/// Where the control socket is: `--socket`, `PROXYCTL_SOCKET`, or the first of the daemon's own places that exists.
///
/// # Errors
/// Exit 3 when there is no place to look.
pub fn socket_path(flag: Option<PathBuf>) -> Result<PathBuf, Stop> {
    let exists = |path: &Path| !matches!(path.symlink_metadata(), Err(error) if error.kind() == ErrorKind::NotFound);
    find_socket(
        flag,
        |name| std::env::var_os(name),
        rustix::process::geteuid().is_root(),
        exists,
    )
}

/// [`socket_path`] over a given world.
///
/// # Errors
/// Exit 3 when there is no place to look.
pub fn find_socket(
    flag: Option<PathBuf>,
    variable: impl Fn(&str) -> Option<OsString>,
    root: bool,
    exists: impl Fn(&Path) -> bool,
) -> Result<PathBuf, Stop> {
    let variable = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(named) = flag.or_else(|| variable("PROXYCTL_SOCKET")) {
        return Ok(named);
    }
    let mut places = Vec::new();
    places.extend(variable("RUNTIME_DIRECTORY").map(|folder| folder.join("control.sock")));
    if root {
        places.push(SYSTEM_SOCKET.into());
    } else {
        // A member of the control group is not root, and still means the system's daemon.
        places.extend(variable("XDG_RUNTIME_DIR").map(|folder| folder.join("greengate/control.sock")));
        if exists(Path::new(SYSTEM_SOCKET)) || places.is_empty() {
            places.push(SYSTEM_SOCKET.into());
        }
    }
    let first = places.first().cloned();
    places.into_iter().find(|place| exists(place)).or(first).ok_or_else(|| {
        Stop::new(exit::UNREACHABLE, "no control socket to look for").hint("name it with `--socket PATH`")
    })
}

/// A name inside a query (RFC 3986 §2.1).
#[must_use]
pub fn percent_encode(name: &str) -> String {
    name.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        })
        .collect()
}
