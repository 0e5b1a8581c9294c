//! What one core counts of the connections of clients: how many there were, their handshakes, their bytes.

use std::sync::atomic::{AtomicU64, Ordering};

use super::counter::add;

/// Versions of TLS, as the log says them.
pub const TLS_VERSIONS: [&str; 2] = ["TLSv1.2", "TLSv1.3"];

/// Those of one core; only that core writes them.
#[derive(Debug, Default)]
pub struct CoreConnections {
    accepted: AtomicU64,
    /// By version, and whether a session was resumed.
    handshakes: [[AtomicU64; 2]; TLS_VERSIONS.len()],
    received: AtomicU64,
    sent: AtomicU64,
}

impl CoreConnections {
    /// A connection was accepted.
    pub fn accepted(&self) {
        add(&self.accepted, 1);
    }

    /// A handshake is done.
    pub fn shook_hands(&self, version: &str, resumed: bool) {
        if let Some(place) = TLS_VERSIONS.iter().position(|known| *known == version) {
            add(&self.handshakes[place][usize::from(resumed)], 1);
        }
    }

    /// So many bytes were read of clients, without what TLS adds.
    pub fn received(&self, bytes: usize) {
        add(&self.received, bytes as u64);
    }

    /// So many bytes were written to clients, without what TLS adds.
    pub fn sent(&self, bytes: usize) {
        add(&self.sent, bytes as u64);
    }
}

/// A sum over cores at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Connections {
    /// Connections that were accepted.
    pub accepted: u64,
    /// By version, and whether a session was resumed.
    pub handshakes: [[u64; 2]; TLS_VERSIONS.len()],
    /// Bytes of clients.
    pub received: u64,
    /// Bytes to clients.
    pub sent: u64,
}

impl Connections {
    /// The sum of some cores' counters.
    pub fn sum<'c>(cores: impl IntoIterator<Item = &'c CoreConnections>) -> Self {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let mut sum = Self::default();
        for core in cores {
            sum.accepted += read(&core.accepted);
            for (sum, counted) in sum
                .handshakes
                .iter_mut()
                .flatten()
                .zip(core.handshakes.iter().flatten())
            {
                *sum += read(counted);
            }
            sum.received += read(&core.received);
            sum.sent += read(&core.sent);
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cores_are_counted_together() {
        let cores = [CoreConnections::default(), CoreConnections::default()];
        cores[0].accepted();
        cores[1].accepted();
        cores[0].shook_hands("TLSv1.3", true);
        cores[1].shook_hands("TLSv1.3", true);
        cores[1].shook_hands("TLSv1.2", false);
        cores[1].shook_hands("", false);
        cores[0].received(10);
        cores[1].sent(20);
        let expected = Connections {
            accepted: 2,
            handshakes: [[1, 0], [0, 2]],
            received: 10,
            sent: 20,
        };
        assert_eq!(Connections::sum(&cores), expected);
    }
}
