//! The control socket: a Unix socket that root, the daemon's user and the members of one group may use (E32). The file's mode
//! keeps other users out, and so does a look at the peer's credentials.

use std::cell::Cell;
use std::convert::Infallible;
use std::fs::{self, DirBuilder, Permissions};
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustix::fs::Gid;
use tokio::net::{UnixListener, UnixStream};

use super::access::{Access, caller};
use super::api::{self, Desk};
use crate::control::fault::Fault;
use crate::model::history::Caller;
use crate::tasks::Group;

/// Time for a request's head, and between two requests.
const HEAD_TIME: Duration = Duration::from_secs(10);
/// Connections at once; more are closed as they come.
const CONNECTIONS: usize = 64;

/// The socket, bound. Dropping it removes its file.
#[derive(Debug)]
pub(in crate::control) struct ControlSocket {
    listener: UnixListener,
    path: PathBuf,
    file: (u64, u64),
    access: Access,
    /// Another process has it too, and its file with it.
    left: Cell<bool>,
}

impl ControlSocket {
    /// Binds the socket at a path; makes the folder where it is missing, and replaces a socket that no process listens on.
    ///
    /// # Errors
    /// When another daemon answers there, the place is taken by something else, or the system refuses.
    pub(in crate::control) fn bind(path: &Path, access: Access) -> Result<Self, Fault> {
        make_way(path, access.group().is_some())?;
        let failed = |error: io::Error| {
            Fault::new(format!(
                "the control socket `{}` cannot be made: {error}",
                path.display()
            ))
        };
        // Bound beside its place and moved there when mode and group are right, so that it is never open to more people.
        let temporary = path.with_extension("new");
        let bind = || {
            match fs::remove_file(&temporary) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                Ok(()) | Err(_) => {}
            }
            let listener = UnixListener::bind(&temporary)?;
            fs::set_permissions(&temporary, Permissions::from_mode(0o600))?;
            Ok(listener)
        };
        let listener = bind().map_err(failed)?;
        if let Some((name, gid)) = access.group() {
            let open = rustix::fs::chown(&temporary, None, Some(Gid::from_raw(gid)))
                .map_err(io::Error::from)
                .and_then(|()| fs::set_permissions(&temporary, Permissions::from_mode(0o660)));
            open.map_err(|error| {
                let _ = fs::remove_file(&temporary);
                failed(error).hint(format!(
                    "the daemon's user has to be in `{name}` (systemd: `SupplementaryGroups={name}`)"
                ))
            })?;
        }
        let file = fs::rename(&temporary, path)
            .and_then(|()| identity(path))
            .map_err(failed)?;
        let path = path.into();
        Ok(Self {
            listener,
            path,
            file,
            access,
            left: Cell::new(false),
        })
    }

    /// Goes on with the socket of the process before this one: clients that connect meanwhile wait in the kernel.
    ///
    /// # Errors
    /// When the system refuses.
    pub(in crate::control) fn inherit(listener: OwnedFd, path: &Path, access: Access) -> Result<Self, Fault> {
        let failed = |error: io::Error| {
            Fault::new(format!(
                "the control socket `{}` cannot be taken over: {error}",
                path.display()
            ))
        };
        let listener = std::os::unix::net::UnixListener::from(listener);
        listener.set_nonblocking(true).map_err(failed)?;
        Ok(Self {
            listener: UnixListener::from_std(listener).map_err(failed)?,
            file: identity(path).map_err(failed)?,
            path: path.into(),
            access,
            // Until it is served on, the file is the other process'.
            left: Cell::new(true),
        })
    }

    /// The socket, for the process that comes after this one.
    pub(in crate::control) fn descriptor(&self) -> io::Result<OwnedFd> {
        self.listener.as_fd().try_clone_to_owned()
    }

    /// Serves until it is cancelled. A connection that is cancelled with it ends; an operation does not. From `leave` on it is
    /// another process that accepts; who is connected is served on.
    pub(in crate::control) async fn serve<D: Desk + 'static>(
        &self,
        desk: Rc<D>,
        leave: impl Future<Output = ()>,
    ) -> Infallible {
        self.left.set(false);
        let connections = Group::new("control socket");
        let mut leave = std::pin::pin!(leave);
        loop {
            let accepted = tokio::select! {
                biased;
                () = &mut leave => {
                    self.left.set(true);
                    return std::future::pending().await;
                }
                accepted = self.listener.accept() => accepted,
            };
            let stream = match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    // Out of descriptors, most likely: it passes, and must not end the only way to speak to the daemon (N30).
                    tracing::warn!(%error, "the control socket cannot accept");
                    tokio::time::sleep(Duration::from_millis(200)).await;
                    continue;
                }
            };
            if connections.len() >= CONNECTIONS {
                tracing::warn!("the control socket has {CONNECTIONS} connections, and closes a further one");
                continue;
            }
            match stream.peer_cred() {
                Ok(peer) => {
                    let (admitted, caller) = (self.access.admits(peer.uid(), peer.gid()), caller(peer.uid()));
                    let group = self.access.group().map(|(name, _)| name.to_owned());
                    let desk = desk.clone();
                    connections.spawn_local("connection", connection(stream, admitted, caller, group, desk));
                }
                Err(error) => tracing::warn!(%error, "the kernel does not say who is at the control socket"),
            }
        }
    }
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        // Not another daemon's, which may have taken the place by now.
        if !self.left.get() && identity(&self.path).is_ok_and(|file| file == self.file) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

async fn connection<D: Desk>(stream: UnixStream, admitted: bool, caller: Caller, group: Option<String>, desk: Rc<D>) {
    if !admitted {
        tracing::warn!(
            uid = caller.uid,
            user = caller.user,
            "a user who may not was refused at the control socket"
        );
    }
    let service = service_fn(|request| {
        let (desk, caller, group) = (&desk, &caller, &group);
        async move {
            Ok::<_, Infallible>(if admitted {
                api::answer(&**desk, caller.clone(), request).await
            } else {
                api::refuse(caller, group.as_deref())
            })
        }
    });
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(HEAD_TIME);
    if let Err(error) = server.serve_connection(TokioIo::new(stream), service).await {
        tracing::debug!(%error, "a connection of the control socket ended early");
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    fs::symlink_metadata(path).map(|file| (file.dev(), file.ino()))
}

/// Makes the folder, and looks at what stands in the socket's place.
fn make_way(path: &Path, for_group: bool) -> Result<(), Fault> {
    let shown = path.display();
    if let Some(folder) = path.parent() {
        // The group has to pass the folder to reach the socket.
        let mode = if for_group { 0o755 } else { 0o700 };
        DirBuilder::new()
            .recursive(true)
            .mode(mode)
            .create(folder)
            .map_err(|error| {
                Fault::new(format!(
                    "the folder of the control socket `{shown}` cannot be made: {error}"
                ))
                .hint("`socket` in `[server]` names another place")
            })?;
    }
    let there = match fs::symlink_metadata(path) {
        Ok(there) => there,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => {
            return Err(Fault::new(format!(
                "the control socket `{shown}` cannot be looked at: {error}"
            )));
        }
    };
    if !there.file_type().is_socket() {
        return Err(Fault::new(format!(
            "`{shown}` is in the way of the control socket, and is no socket"
        ))
        .hint("move it away, or name another place with `socket` in `[server]`"));
    }
    match std::os::unix::net::UnixStream::connect(path) {
        Ok(_) => Err(
            Fault::new(format!("another daemon answers at the control socket `{shown}`"))
                .hint("stop it first, or give this one a `socket` of its own in `[server]`"),
        ),
        // No process listens: it was left by a daemon that was killed. The rename takes its place.
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => Ok(()),
        Err(error) => Err(Fault::new(format!(
            "who answers at the control socket `{shown}` is unclear: {error}"
        ))
        .hint("remove the file when no daemon uses it")),
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "what a test writes need not survive a crash")]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::super::api::tests::FakeDesk;
    use super::*;
    use crate::model::api::{CommonStep, Event};

    fn serving<F: Future<Output = ()>>(access: Access, test: impl FnOnce(PathBuf, Rc<Rc<FakeDesk>>) -> F) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run/control.sock");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        tokio::task::LocalSet::new().block_on(&runtime, async {
            let desk = Rc::new(Rc::new(FakeDesk::default()));
            let socket = ControlSocket::bind(&path, access).unwrap();
            let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
            tokio::select! {
                never = socket.serve(desk.clone(), std::future::pending()) => match never {},
                () = test(path.clone(), desk) => {}
            }
        });
        assert!(!path.exists(), "its file goes with the socket");
    }

    async fn exchange(path: &Path, request: &str) -> String {
        let mut stream = UnixStream::connect(path).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    const STATUS: &str = "GET /v1/status HTTP/1.1\r\nHost: greengate\r\nConnection: close\r\n\r\n";

    #[test]
    fn who_may_is_answered() {
        serving(Access::of(rustix::process::geteuid().as_raw()), async |path, _| {
            let answer = exchange(&path, STATUS).await;
            assert!(
                answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.contains("\"1.2.3\""),
                "{answer}"
            );
        });
    }

    #[test]
    fn who_may_not_is_refused_and_the_connection_ends() {
        // The test may run as root, who always may: so the door is asked about a user who is not.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        tokio::task::LocalSet::new().block_on(&runtime, async {
            let (mut client, server) = UnixStream::pair().unwrap();
            let desk = Rc::new(Rc::new(FakeDesk::default()));
            let mallory = Caller {
                uid: 4242,
                user: "mallory".into(),
            };
            let served = connection(server, false, mallory, None, desk.clone());
            let asked = async {
                let body = r#"{"environment":"prod","kind":"swap"}"#;
                let request = format!(
                    "POST /v1/operations HTTP/1.1\r\nHost: g\r\nContent-Length: {}\r\n\r\n{body}",
                    body.len()
                );
                client.write_all(request.as_bytes()).await.unwrap();
                let mut answer = String::new();
                client.read_to_string(&mut answer).await.unwrap();
                answer
            };
            let ((), answer) = tokio::join!(served, asked);
            assert!(
                answer.starts_with("HTTP/1.1 403 Forbidden\r\n") && answer.contains("mallory"),
                "{answer}"
            );
            assert!(desk.operations.borrow().is_empty());
        });
    }

    #[test]
    fn a_client_that_hangs_up_stops_watching_and_not_the_operation() {
        serving(Access::of(rustix::process::geteuid().as_raw()), async |path, desk| {
            let body = r#"{"environment":"prod","kind":"swap"}"#;
            let request = format!(
                "POST /v1/operations HTTP/1.1\r\nHost: g\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            );
            let mut stream = UnixStream::connect(&path).await.unwrap();
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut head = [0; 15];
            stream.read_exact(&mut head).await.unwrap();
            assert_eq!(&head, b"HTTP/1.1 200 OK");
            drop(stream);
            let (_, caller, events) = desk.operations.borrow_mut().pop().unwrap();
            assert_eq!(caller.uid, rustix::process::geteuid().as_raw());
            // The stream of events is dropped, and its sender goes on without it.
            events.closed().await;
            assert!(events.send(Event::Common(CommonStep::Planned)).is_err());
        });
    }

    #[test]
    fn a_socket_that_nobody_answers_on_is_replaced_and_anything_else_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("control.sock");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let _inside = runtime.enter();
        let bind = || ControlSocket::bind(&path, Access::of(0));
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        let socket = bind().unwrap();
        assert!(bind().unwrap_err().reason.contains("another daemon answers"));
        drop(socket);
        fs::write(&path, "mine").unwrap();
        assert!(bind().unwrap_err().reason.contains("is no socket"));
        assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
    }
}
