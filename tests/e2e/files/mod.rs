//! A folder in place of an app: what is found in it and what never is, what a client gets of a file, and whom a slow disk holds up.

mod answers;
mod conditions;
mod containment;
mod encoded;
mod fuse;
mod public;
mod ranges;
mod slow_disks;
mod stale;
mod whole;

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustix::time::{ClockId, clock_gettime};
use tempfile::TempDir;

use crate::common::client::Response;
use crate::common::door::{Door, QUICK};
use crate::common::fixture::HOST;
use crate::common::spoken::Rest;

/// A door in front of two folders; blue is live.
struct Site {
    door: Door,
    blue: TempDir,
    green: TempDir,
}

impl Site {
    /// With a page in each; `more` are lines of the environment.
    async fn start(more: &str) -> Self {
        let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let [blue, green] = folders;
        for (folder, name) in [(&blue, "blue"), (&green, "green")] {
            std::fs::write(folder.path().join("index.html"), format!("<h1>{name}</h1>")).unwrap();
        }
        let config = format!(
            "{QUICK}\n[env.prod]\nhost = \"{HOST}\"\nblue = \"files:{}\"\ngreen = \"files:{}\"\n{more}\n",
            blue.path().display(),
            green.path().display(),
        );
        let door = Door::start(&config).await;
        Self { door, blue, green }
    }

    /// Puts a file into blue, and says where it is. It looks as if it had been there for an hour.
    fn put(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.blue.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        age(&path, Duration::from_secs(3600));
        path
    }

    /// Asks over HTTP/1.1 and over HTTP/2, and is told the same.
    async fn ask(&self, method: &str, target: &str, fields: &[(&str, &str)]) -> Response {
        let first = self.over_h1(method, target, fields).await;
        let second = self.over_h2(method, target, fields).await;
        let told = |answer: &Response| {
            let names = [
                "content-type",
                "content-length",
                "content-encoding",
                "content-range",
                "etag",
                "last-modified",
                "accept-ranges",
                "vary",
                "cache-control",
                "location",
                "allow",
            ];
            // Between two questions a tag becomes a strong one.
            let value = |name| {
                answer
                    .field(name)
                    .map(|value| value.trim_start_matches("W/").to_owned())
            };
            (answer.status, names.map(value))
        };
        // Pages of ours name their request, and so do the parts of several ranges.
        if first.field("x-request-id").is_none() && !is_multipart(&first) {
            assert_eq!(told(&first), told(&second), "{method} {target} {fields:?}");
            assert_eq!(first.body, second.body, "{method} {target} {fields:?}");
        }
        assert_eq!(first.status, second.status, "{method} {target} {fields:?}");
        first
    }

    async fn get(&self, target: &str) -> Response {
        self.ask("GET", target, &[]).await
    }

    async fn over_h1(&self, method: &str, target: &str, fields: &[(&str, &str)]) -> Response {
        self.door
            .over_h1(HOST, method, target, Rest { fields, body: b"" })
            .await
    }

    async fn over_h2(&self, method: &str, target: &str, fields: &[(&str, &str)]) -> Response {
        self.door
            .over_h2(HOST, method, target, Rest { fields, body: b"" })
            .await
    }
}

fn is_multipart(answer: &Response) -> bool {
    answer
        .field("content-type")
        .is_some_and(|kind| kind.starts_with("multipart/"))
}

/// Lets a file look older. Its times tell it from what comes later once the kernel's clock has moved on.
fn age(path: &Path, by: Duration) {
    let file = std::fs::File::open(path).unwrap();
    file.set_modified(SystemTime::now() - by).unwrap();
    let changed = std::fs::metadata(path).unwrap();
    let changed = (changed.ctime(), changed.ctime_nsec());
    let now = || {
        let now = clock_gettime(ClockId::RealtimeCoarse);
        (now.tv_sec, now.tv_nsec)
    };
    while now() <= changed {
        std::thread::yield_now();
    }
}
