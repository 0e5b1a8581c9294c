//! A disk that hangs when it is told to: a file system of this process (FUSE), as the kernel speaks it (`linux/fuse.h`), with one folder
//! and whatever name is asked for in it.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tempfile::TempDir;

/// Names that begin so are never found: nobody answers.
pub(super) const HANGS: &str = "hangs";
/// Files that begin so are opened, and never read.
pub(super) const STALLS: &str = "stalls";
/// How long every file is.
pub(super) const LENGTH: u64 = 3 << 20;

const ROOT: u64 = 1;
/// Numbers of files: names that stall are even.
const FIRST: u64 = 100;

/// A mounted file system; it is gone when this is dropped, and who waits for it is told so.
pub(super) struct Disk {
    folder: TempDir,
    /// Questions that were not answered.
    unanswered: Arc<AtomicUsize>,
}

impl Disk {
    /// Mounts one. That takes root, as the tests run.
    pub(super) fn mount() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let device = OpenOptions::new().read(true).write(true).open("/dev/fuse").unwrap();
        let mounted = Command::new("mount")
            .args([
                "-i",
                "-t",
                "fuse",
                "-o",
                "fd=0,rootmode=40755,user_id=0,group_id=0,allow_other",
                "slow",
            ])
            .arg(folder.path())
            .stdin(Stdio::from(device.try_clone().unwrap()))
            .status()
            .unwrap();
        assert!(mounted.success(), "{mounted}");
        let unanswered = Arc::new(AtomicUsize::new(0));
        std::thread::spawn({
            let unanswered = unanswered.clone();
            move || serve(device, &unanswered)
        });
        Self { folder, unanswered }
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// How many questions wait for an answer that never comes.
    pub(super) fn unanswered(&self) -> usize {
        self.unanswered.load(Ordering::Relaxed)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Forced: what waits gets an error, and the thread that serves ends.
        let _ = Command::new("umount")
            .args(["-f", "-l"])
            .arg(self.folder.path())
            .status();
    }
}

fn serve(mut device: File, unanswered: &AtomicUsize) {
    let mut buffer = vec![0; 1 << 20];
    // The end of the file system is an error here.
    while let Ok(length) = device.read(&mut buffer) {
        let request = &buffer[..length];
        let number = |at: usize| u64::from_ne_bytes(request[at..at + 8].try_into().unwrap());
        let half = |at: usize| u32::from_ne_bytes(request[at..at + 4].try_into().unwrap());
        let (operation, unique, node) = (half(4), number(8), number(16));
        let answer = match operation {
            // FORGET, BATCH_FORGET and INTERRUPT have none.
            2 | 42 | 36 => continue,
            // LOOKUP
            1 => {
                let name = &request[40..length - 1];
                if name.starts_with(HANGS.as_bytes()) {
                    unanswered.fetch_add(1, Ordering::Relaxed);
                    continue;
                }
                // Each name is a file of its own.
                let own = name
                    .iter()
                    .fold(0, |sum, byte| (sum * 31 + u64::from(*byte)) % (1 << 40));
                let inode = FIRST + 2 * own + u64::from(!name.starts_with(STALLS.as_bytes()));
                Ok([&inode.to_ne_bytes()[..], &[0; 32], &attributes(inode)].concat())
            }
            // GETATTR
            3 => Ok([&[0; 16][..], &attributes(node)].concat()),
            // OPEN
            14 => Ok(vec![0; 16]),
            // READ
            15 if node % 2 == 0 => {
                unanswered.fetch_add(1, Ordering::Relaxed);
                continue;
            }
            15 => {
                let (offset, size) = (number(40 + 8), u64::from(half(40 + 16)));
                Ok(vec![
                    b'x';
                    usize::try_from(size.min(LENGTH.saturating_sub(offset))).unwrap()
                ])
            }
            // INIT: version 7.31, and names of one folder are looked up side by side.
            26 => {
                let mut init = vec![0; 64];
                for (at, value) in [(0, 7_u32), (4, 31), (8, 128 << 10), (12, 1 << 18), (20, 64 << 10)] {
                    init[at..at + 4].copy_from_slice(&value.to_ne_bytes());
                }
                Ok(init)
            }
            // STATFS
            17 => Ok(vec![0; 80]),
            // RELEASE, FLUSH
            18 | 25 => Ok(Vec::new()),
            _ => Err(-38_i32),
        };
        let (error, body) = match answer {
            Ok(body) => (0, body),
            Err(error) => (error, Vec::new()),
        };
        let length = u32::try_from(16 + body.len()).unwrap();
        let head = [&length.to_ne_bytes()[..], &error.to_ne_bytes(), &unique.to_ne_bytes()].concat();
        if device.write_all(&[head, body].concat()).is_err() {
            return;
        }
    }
}

/// `struct fuse_attr`.
fn attributes(node: u64) -> Vec<u8> {
    let (mode, size): (u32, u64) = if node == ROOT {
        (0o040_755, 0)
    } else {
        (0o100_644, LENGTH)
    };
    let mut attributes = vec![0; 88];
    attributes[0..8].copy_from_slice(&node.to_ne_bytes());
    attributes[8..16].copy_from_slice(&size.to_ne_bytes());
    // mtime and ctime, some day in 2001.
    for at in [32, 40] {
        attributes[at..at + 8].copy_from_slice(&1_000_000_000_u64.to_ne_bytes());
    }
    attributes[60..64].copy_from_slice(&mode.to_ne_bytes());
    attributes[64..68].copy_from_slice(&1_u32.to_ne_bytes());
    attributes
}
