//! What reaches the log's target and what is kept of it.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::IpAddr;
use std::path::Path;
use std::time::SystemTime;

use super::*;
use crate::model::log_query::LogQuery;
use crate::telemetry::origin::Origin;

fn line(status: u16) -> Line<'static> {
    Line {
        time: SystemTime::UNIX_EPOCH,
        origin: &Origin::NONE,
        client: IpAddr::from([192, 0, 2, 1]),
        user: "",
        host: b"example.com",
        method: b"GET",
        path: b"/",
        query: &LogQuery::Keep,
        referer: b"",
        user_agent: b"",
        status,
        bytes_in: 0,
        bytes_out: 0,
        duration_us: 0,
        first_byte_us: None,
        upstream: "",
        retries: 0,
        held_ms: 0,
        termination: "done",
        reason: "",
        request_id: "",
        protocol: "HTTP/1.1",
        tls: "",
    }
}

fn open(path: &Path) -> AccessLog {
    AccessLog::open(&AccessLogTarget::File(path.into()), AccessLogFormat::Json).unwrap()
}

/// Of the whole lines: of a write that is under way, a reader may see a part.
fn statuses(path: &Path) -> Vec<u64> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let status = |line| {
        serde_json::from_str::<serde_json::Value>(line).unwrap()["status"]
            .as_u64()
            .unwrap()
    };
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole.lines().map(status).collect()
}

fn eventually(mut what: impl FnMut() -> bool) {
    for _ in 0..10_000 {
        if what() {
            return;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    panic!("it did not happen within 10 s");
}

#[test]
fn lines_reach_the_file_in_order_and_close_waits_for_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("access.log");
    let log = open(&path);
    let mut lines = log.lines();
    for status in 0..1000 {
        lines.write(&line(status));
    }
    drop(lines);
    assert!(log.close(Duration::from_secs(10)));
    assert_eq!(statuses(&path), (0..1000).collect::<Vec<_>>());
    assert_eq!(log.dropped(), 0);
}

#[test]
fn a_reader_that_does_not_read_costs_lines_which_are_counted_and_never_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipe");
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    // Opened for both, so that neither side's open waits for the other, and the end of file comes when we say so.
    let pipe = File::options().read(true).write(true).open(&path).unwrap();
    let log = open(&path);
    let mut lines = log.lines();
    let (written, kept) = (40_000, || log.memory().recent().bounds());
    for status in 0..written {
        lines.write(&line(u16::try_from(status % 1000).unwrap()));
        if status % 1000 == 999 {
            lines.flush();
            eventually(|| kept().1 == status + 1);
        }
    }
    drop(lines);
    assert_eq!(
        kept(),
        (written - 10_000, written),
        "what is kept does not wait for the reader"
    );
    eventually(|| log.dropped() > 0);
    assert!(
        !log.close(Duration::ZERO),
        "the writer is stuck, and close does not wait for ever"
    );
    let read = Arc::new(std::sync::atomic::AtomicU64::new(0));
    let (counted, mut end) = (read.clone(), pipe.try_clone().unwrap());
    let reader = std::thread::spawn(move || {
        for text in BufReader::new(pipe)
            .lines()
            .map_while(Result::ok)
            .take_while(|text| text != "end")
        {
            serde_json::from_str::<serde_json::Value>(&text).unwrap();
            counted.fetch_add(1, Ordering::Relaxed);
        }
    });
    eventually(|| read.load(Ordering::Relaxed) + log.dropped() == written);
    assert!(log.close(Duration::from_secs(10)));
    io::Write::write_all(&mut end, b"end\n").unwrap();
    reader.join().unwrap();
}

#[test]
fn a_full_disk_loses_lines_and_nothing_else() {
    let log = open(Path::new("/dev/full"));
    let mut lines = log.lines();
    lines.write(&line(200));
    lines.write(&line(200));
    lines.flush();
    eventually(|| log.dropped() == 2);
    lines.write(&line(200));
    lines.flush();
    eventually(|| log.dropped() == 3);
}

#[test]
fn the_file_is_opened_again_when_asked() {
    let folder = tempfile::tempdir().unwrap();
    let (path, old) = (folder.path().join("access.log"), folder.path().join("access.log.1"));
    let log = open(&path);
    let mut lines = log.lines();
    lines.write(&line(1));
    lines.flush();
    eventually(|| statuses(&path) == [1]);
    std::fs::rename(&path, &old).unwrap();
    log.reopen();
    lines.write(&line(2));
    drop(lines);
    assert!(log.close(Duration::from_secs(10)));
    assert_eq!((statuses(&old), statuses(&path)), (vec![1], vec![2]));
}

#[test]
fn a_file_that_was_moved_away_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let (path, old) = (folder.path().join("access.log"), folder.path().join("access.log.1"));
    let log = open(&path);
    std::fs::rename(&path, &old).unwrap();
    let mut lines = log.lines();
    // One at a time: a writer that is behind drops lines, and this is about those that it writes.
    for written in 1.. {
        lines.write(&line(200));
        lines.flush();
        eventually(|| statuses(&old).len() + statuses(&path).len() == written);
        if !statuses(&path).is_empty() {
            break;
        }
    }
    assert_eq!(log.dropped(), 0);
}

#[test]
fn what_is_kept_has_every_field_whatever_is_written() {
    let target = AccessLogTarget::File("/dev/null".into());
    let log = AccessLog::open(&target, AccessLogFormat::Combined).unwrap();
    let mut lines = log.lines();
    lines.write(&line(200));
    lines.flush();
    let next = log.memory().recent().next(0, Duration::from_secs(10));
    let crate::telemetry::Next::Piece { piece, .. } = next else {
        panic!("{next:?}")
    };
    let kept: serde_json::Value = serde_json::from_slice(piece.since(0)).unwrap();
    assert_eq!(kept.as_object().unwrap().len(), 23);
}

#[test]
fn requests_that_fail_are_noted_and_of_a_flood_the_rest_is_counted() {
    let log = open(Path::new("/dev/null"));
    let mut lines = log.lines();
    let failed = Line {
        termination: "app: unreachable",
        path: b"/a?token=1",
        ..line(502)
    };
    lines.write(&line(404));
    for _ in 0..100 {
        lines.write(&failed);
    }
    lines.flush();
    eventually(|| !log.memory().requests(None, 10).failed.is_empty());
    let requests = log.memory().requests(None, usize::MAX);
    assert_eq!(requests.failed.len() as u64 + requests.left_out, 100);
    assert_eq!(requests.failed[0].path, "/a");
}

#[test]
fn the_slowest_of_a_minute_are_noted_and_cost_the_others_a_comparison() {
    let log = open(Path::new("/dev/null"));
    let mut lines = log.lines();
    for duration_us in (1..=50).chain(1..=10) {
        lines.write(&Line {
            duration_us,
            ..line(200)
        });
    }
    assert_eq!((lines.bar.micros, lines.marks.places.len()), (41, 50));
    lines.flush();
    let waits = || -> Vec<_> {
        let slowest = log.memory().requests(None, usize::MAX).slowest;
        slowest.iter().map(|request| request.waited_us()).collect()
    };
    eventually(|| waits() == (41..=50).rev().collect::<Vec<_>>());
}

#[test]
fn written_blocks_come_back_to_be_filled_again() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(&folder.path().join("access.log"));
    let mut lines = log.lines();
    let first = lines.block.as_ptr();
    lines.write(&line(200));
    lines.flush();
    drop(log);
    let back = lines.empty.recv_timeout(Duration::from_secs(10)).unwrap();
    assert_eq!((back.as_ptr(), back.len(), back.capacity()), (first, 0, CAPACITY));
}

#[test]
fn a_file_that_cannot_be_opened_is_named() {
    let target = AccessLogTarget::File("/nowhere/access.log".into());
    let error = AccessLog::open(&target, AccessLogFormat::Json).unwrap_err().to_string();
    assert!(error.contains("`/nowhere/access.log`"), "{error}");
}
