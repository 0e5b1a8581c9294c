//! What the operating system allows this process, and what the process uses.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors that are not for clients and apps: listeners, probes, the control socket, logs, certificates being read, and the
/// connections of the dashboard and of metrics.
const RESERVED: u64 = 100 + 160 + 16;
/// So many connections are admitted however low RLIMIT_NOFILE is.
const FEWEST: u64 = 64;

/// Raises the soft limit of open files to the hard one. Returns the limit that holds from now on.
#[must_use]
pub(super) fn raise_open_files() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    match setrlimit(Resource::Nofile, raised) {
        // `None` is no limit at all.
        Ok(()) => limit.maximum.unwrap_or(u64::MAX),
        Err(error) => {
            tracing::warn!(%error, "the limit of open files cannot be raised");
            limit.current.unwrap_or(u64::MAX)
        }
    }
}

/// `max_connections`, where the configuration does not say: each client may need a connection to an app besides its own.
#[must_use]
pub(super) fn max_connections(open_files: u64) -> usize {
    let connections = (open_files.saturating_sub(RESERVED) / 2).max(FEWEST);
    usize::try_from(connections).unwrap_or(usize::MAX)
}

/// Resident memory in bytes; 0 where `/proc` does not say.
#[must_use]
pub(super) fn resident_bytes() -> u64 {
    own("VmRSS:")
}

/// Virtual memory in bytes; 0 where `/proc` does not say.
#[must_use]
pub(super) fn virtual_bytes() -> u64 {
    own("VmSize:")
}

fn own(field: &str) -> u64 {
    std::fs::read_to_string("/proc/self/status").map_or(0, |status| bytes_in(&status, field))
}

/// Of a field of `status` rather than the pages of `statm`, whose size differs between machines.
fn bytes_in(status: &str, field: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
    kibibytes.unwrap_or(0) * 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_client_may_have_a_connection_to_an_app() {
        assert_eq!(max_connections(1024), 374);
        assert_eq!(max_connections(1_048_576), 524_150);
        assert_eq!(max_connections(64), 64);
        assert!(max_connections(u64::MAX) > 1 << 40);
    }

    #[test]
    fn memory_is_read_in_bytes() {
        let status = "VmPeak:\t  100 kB\nVmRSS:\t   5312 kB\nThreads:\t3\n";
        assert_eq!(bytes_in(status, "VmRSS:"), 5312 * 1024);
        assert_eq!(bytes_in(status, "VmSize:"), 0);
        assert!(resident_bytes() > 1024 * 1024);
    }
}
