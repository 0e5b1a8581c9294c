//! What systemd is told (sd_notify(3)). Without systemd there is nobody to tell, which is no error.

use sd_notify::NotifyState;

/// The front door serves; `status` is what `systemctl status` shows. After an upgrade it is this process that systemd looks after.
pub(super) fn ready(status: &str) {
    let own = NotifyState::MainPid(std::process::id());
    notify(&[own, NotifyState::Ready, NotifyState::Status(status)]);
}

/// The daemon was asked to stop, and ends what was begun.
pub(super) fn stopping() {
    notify(&[NotifyState::Stopping]);
}

fn notify(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!(%error, "systemd cannot be told");
    }
}
