//! What systemd is told (sd_notify(3)). Without systemd there is nobody to tell, which is no error.

use std::net::TcpListener;
use std::os::fd::AsFd as _;
use std::time::Duration;

use sd_notify::NotifyState;

/// A socket unit starts a daemon that has ended again at once, for the client that waits already, and is stopped itself by systemd
/// after 20 such starts in 2 s (`TriggerLimitBurst=`). An invalid file does not become valid so fast.
const BREATH: Duration = Duration::from_secs(1);

/// Waits a moment before a daemon ends that its socket unit would start again.
pub(super) fn breathe() {
    let for_this_process = std::env::var("LISTEN_PID").is_ok_and(|pid| pid == std::process::id().to_string());
    if for_this_process {
        std::thread::sleep(BREATH);
    }
}

/// The front door serves; `status` is what `systemctl status` shows. After an upgrade it is this process that systemd looks after.
pub(super) fn ready(status: &str) {
    let own = NotifyState::MainPid(std::process::id());
    notify(&[own, NotifyState::Ready, NotifyState::Status(status)]);
}

/// The daemon was asked to stop, and ends what was begun.
pub(super) fn stopping() {
    notify(&[NotifyState::Stopping]);
}

/// Leaves a listening socket with systemd, which hands it to the next process: after a restart, a crash, `kill -9`. One that it has
/// already is left there once.
pub(super) fn keep(listener: &TcpListener) {
    let name = name(listener);
    let state = [NotifyState::FdStore, NotifyState::FdName(&name)];
    if let Err(error) = sd_notify::notify_with_fds(&state, &[listener.as_fd()]) {
        tracing::warn!(%error, "systemd cannot be given a listening socket");
    }
}

/// What systemd keeps under these names is of no use any more.
pub(super) fn forget(names: &[String]) {
    for name in names {
        notify(&[NotifyState::FdStoreRemove, NotifyState::FdName(name)]);
    }
}

/// How often systemd wants to hear that all is well, if it does.
pub(super) fn watchdog() -> Option<Duration> {
    sd_notify::watchdog_enabled()
}

/// All is well.
pub(super) fn alive() {
    notify(&[NotifyState::Watchdog]);
}

/// What a listening socket is called there. A colon would part names.
pub(super) fn name(listener: &TcpListener) -> String {
    let address = listener.local_addr();
    address.map_or_else(|_| "listener".into(), |address| address.to_string().replace(':', "."))
}

fn notify(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!(%error, "systemd cannot be told");
    }
}
