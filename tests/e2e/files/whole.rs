//! A file from its first byte to its last: large ones in constant memory, and ones that change while they are sent.

use std::fs::OpenOptions;
use std::io::Write as _;

use super::Site;
use crate::common::client::Client;
use crate::common::fixture::HOST;
use crate::common::incoming::Broken;
use crate::common::{count, eventually, holds, secs};

/// What has come of a body; `None` at the end of the connection.
async fn next(client: &mut Client) -> Result<Option<Vec<u8>>, Broken> {
    if client.incoming.buffer.is_empty() && client.incoming.fill().await? == 0 {
        return Ok(None);
    }
    Ok(Some(client.incoming.buffer.split().to_vec()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_file_is_sent_in_constant_memory() {
    let site = Site::start("").await;
    let length = u64::try_from(count(192 << 20, 1 << 30)).unwrap();
    let path = site.put("large.bin", "begin");
    let mut file = OpenOptions::new().write(true).open(&path).unwrap();
    file.set_len(length - 3).unwrap();
    std::io::Seek::seek(&mut file, std::io::SeekFrom::End(0)).unwrap();
    file.write_all(b"end").unwrap();
    site.get("/").await;
    let before = site.door.process().own_kib();
    let mut readers = Vec::new();
    for _ in 0..2 {
        let mut client = site.door.tls(HOST).await.unwrap();
        client
            .send(format!(
                "GET /large.bin HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n"
            ))
            .await
            .unwrap();
        readers.push(tokio::spawn(async move {
            let (status, head) = client.head().await.unwrap();
            assert_eq!(
                (status, head.fields.get("content-length").map(str::to_owned)),
                (200, Some(length.to_string()))
            );
            let (mut read, mut last) = (0, Vec::new());
            while let Some(piece) = next(&mut client).await.unwrap() {
                read += piece.len() as u64;
                last = piece;
            }
            (read, last.ends_with(b"end"))
        }));
    }
    for reader in readers {
        assert_eq!(reader.await.unwrap(), (length, true));
    }
    let grown = site.door.process().own_kib().saturating_sub(before);
    assert!(grown < 24 << 10, "{grown} KiB more than before");
    let lines = site.door.logged("\"/large.bin\"", 2).await;
    assert!(lines.iter().all(|line| line["bytes_out"] == length), "{lines:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_cut_while_it_is_sent_cuts_the_answer_and_one_that_grows_does_not() {
    let site = Site::start("").await;
    for (name, shorter) in [("cut.bin", true), ("grown.bin", false)] {
        let length = 64 << 20;
        let path = site.put(name, vec![b'x'; length]);
        let mut client = site.door.tls(HOST).await.unwrap();
        client
            .send(format!(
                "GET /{name} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n"
            ))
            .await
            .unwrap();
        // The client reads nothing more for now, so most of it is still to be read from the disk.
        let (status, _) = client.head().await.unwrap();
        assert_eq!(status, 200);
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        if shorter {
            file.set_len(1 << 20).unwrap();
        } else {
            file.write_all(&[b'y'; 1 << 20]).unwrap();
        }
        let mut read = 0;
        let clean = loop {
            match next(&mut client).await {
                Ok(Some(piece)) => {
                    assert!(!piece.contains(&b'y'));
                    read += piece.len();
                }
                Ok(None) => break true,
                Err(_) => break false,
            }
        };
        if shorter {
            assert!(read < length, "{read}");
            let line = &site.door.logged("\"/cut.bin\"", 1).await[0];
            assert_eq!(line["termination"], "app: cut the body");
            assert_eq!(line["reason"], "the file became shorter while it was sent");
        } else {
            assert_eq!((read, clean), (length, true));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_nobody_reads_to_its_end_is_closed() {
    let site = Site::start("").await;
    site.put("large.bin", vec![b'x'; 8 << 20]);
    site.get("/").await;
    let open = || async {
        let folder = format!("/proc/{}/fd", site.door.process().pid());
        let links = std::fs::read_dir(folder).unwrap().flatten();
        let open = links.filter_map(|link| std::fs::read_link(link.path()).ok());
        open.filter(|path| path.ends_with("large.bin")).count()
    };
    let mut clients = Vec::new();
    for _ in 0..10 {
        let mut client = site.door.tls(HOST).await.unwrap();
        client
            .send(format!("GET /large.bin HTTP/1.1\r\nHost: {HOST}\r\n\r\n"))
            .await
            .unwrap();
        client.head().await.unwrap();
        clients.push(client);
    }
    assert_eq!(open().await, 10);
    drop(clients);
    eventually(secs(10), || async {
        let open = open().await;
        holds(open == 0, || format!("{open} are open"))
    })
    .await;
}
