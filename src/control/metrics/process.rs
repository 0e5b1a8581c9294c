//! What the process uses, under the names that Prometheus' own libraries have for it.

use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};

use crate::control::limits;

/// At one moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Process {
    pub(super) cpu_seconds: f64,
    pub(super) resident_bytes: u64,
    pub(super) virtual_bytes: u64,
    pub(super) open_files: u64,
    pub(super) most_open_files: u64,
}

impl Process {
    /// This one, now; what `/proc` does not say is 0.
    pub(super) fn look() -> Self {
        let cpu = clock_gettime(ClockId::ProcessCPUTime);
        let cpu = std::time::Duration::try_from(cpu).unwrap_or_default();
        // One of them is the folder that is being read.
        let open = std::fs::read_dir("/proc/self/fd").map_or(0, |all| all.count().saturating_sub(1));
        Self {
            cpu_seconds: cpu.as_secs_f64(),
            resident_bytes: limits::resident_bytes(),
            virtual_bytes: limits::virtual_bytes(),
            open_files: open as u64,
            most_open_files: getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_uses_something() {
        let process = Process::look();
        assert!(process.open_files > 2 && process.open_files <= process.most_open_files);
        assert!(process.cpu_seconds > 0.0 && process.resident_bytes < process.virtual_bytes);
    }
}
