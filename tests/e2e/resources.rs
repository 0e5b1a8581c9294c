//! The machine runs out of something, and traffic goes on (N30).

use crate::common::app::{Step, send};
use crate::common::fixture::{HOST, PLAIN, Pair};
use crate::common::network::{Network, in_a_network_of_its_own};
use crate::common::{eventually, holds, ms, secs};
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use tokio::time::Instant;

/// The limit of open files of a running daemon, from now on.
fn limit_open_files(pair: &Pair, limit: Option<u64>) -> Rlimit {
    let pid = Pid::from_raw(i32::try_from(pair.door.process().pid()).unwrap());
    let before = prlimit(
        pid,
        Resource::Nofile,
        Rlimit {
            current: None,
            maximum: None,
        },
    );
    // Without privileges the hard limit cannot be raised again, so only the soft one moves.
    let hard = before.map_or_else(
        |_| rustix::process::getrlimit(Resource::Nofile).maximum,
        |before| before.maximum,
    );
    let limit = Rlimit {
        current: limit.or(hard),
        maximum: hard,
    };
    prlimit(pid, Resource::Nofile, limit).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn n30_without_descriptors_clients_that_are_there_are_served_and_the_accept_loop_survives() {
    let pair = Pair::plain("").await;
    let mut kept = pair.door.plain().await;
    assert_eq!(kept.get(PLAIN, "/").await.unwrap().status, 200);
    let open = pair.door.process().descriptors() as u64;
    limit_open_files(&pair, Some(open + 10));

    // More than there are descriptors for; the kernel takes them all.
    let mut many = Vec::new();
    for _ in 0..40 {
        many.push(pair.door.plain().await);
    }
    eventually(secs(10), || async {
        let log = pair.door.process().log().text();
        holds(log.contains("cannot accept a connection"), || {
            "nobody was told".to_owned()
        })
    })
    .await;

    // GET and POST: a connection that is reused, and ones that are new.
    let until = Instant::now() + secs(2);
    let mut rounds = 0;
    while Instant::now() < until {
        assert_eq!(kept.get(PLAIN, "/").await.unwrap().status, 200);
        assert_eq!(kept.post(PLAIN, "/echo", b"x").await.unwrap().status, 200);
        rounds += 1;
        tokio::time::sleep(ms(20)).await;
    }
    assert!(rounds > 10, "only {rounds} rounds in two seconds");

    // Whoever cannot be served is not left waiting in the kernel's queue.
    let mut last = many.pop().unwrap();
    let ended = tokio::time::timeout(secs(10), last.until_end()).await;
    assert!(
        ended.is_ok(),
        "a client that was not accepted is neither served nor closed"
    );

    // It goes on by itself when there are descriptors again.
    drop(many);
    eventually(secs(10), || async {
        let mut client = pair.door.plain().await;
        let answer = client.get(PLAIN, "/").await.map_err(|broken| broken.to_string())?;
        holds(answer.status == 200, || answer.text())
    })
    .await;
    limit_open_files(&pair, None);
    let log = pair.door.process().log().text();
    let told = log.matches("cannot accept a connection").count();
    assert!(told < 20, "{told} lines for one lack of descriptors");
    let traffic = pair.door.environment("prod").await.services[0].traffic;
    assert_eq!((traffic.app_errors, traffic.proxy_errors), (0, 0));
}

/// With 64 ports for connections that are opened.
#[test]
fn n30_without_ephemeral_ports_requests_are_held() {
    let few = Network {
        ports: Some((61_000, 61_063)),
        ..Network::default()
    };
    let test = "resources::n30_without_ephemeral_ports_requests_are_held";
    in_a_network_of_its_own(test, &few, requests_are_held_until_there_are_ports());
}

async fn requests_are_held_until_there_are_ports() {
    let pair = Pair::tls("keepalive.idle = \"100ms\"\n").await;
    let answer = send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    pair.blue.on("/wait", vec![Step::Until("go"), answer]);
    let h2 = pair.door.h2(HOST).await.unwrap();
    let mut waiting = Vec::new();
    for n in 0..100 {
        let h2 = h2.clone();
        waiting.push(tokio::spawn(async move {
            match n % 2 {
                0 => h2.get(HOST, "/wait").await,
                _ => h2.post(HOST, "/wait", b"").await,
            }
        }));
    }
    let held = eventually(secs(10), || async {
        let service = pair.door.environment("prod").await.services.remove(0);
        let all = service.held + pair.blue.requests() == 100;
        holds(all && service.held > 0, || {
            format!("{} held, {} at the app", service.held, pair.blue.requests())
        })
        .map(|()| service.held)
    })
    .await;
    eprintln!("{held} of 100 requests were held for want of a port");
    pair.blue.release("go");
    for one in waiting {
        let answer = one.await.unwrap().unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
}
