//! Connections that have had one answer and wait for their next request.

use std::io::Read as _;

use crate::client::Doorway;
use crate::latency::Answers;

/// Handshakes under way.
const AT_A_TIME: usize = 50;

/// Opens so many, says so, and keeps them until standard input ends.
pub(crate) async fn run(doorway: Doorway, count: usize) {
    let (mut kept, mut answers) = (Vec::with_capacity(count), Answers::default());
    while kept.len() < count {
        let next = (0..AT_A_TIME.min(count - kept.len())).map(|_| async {
            let began = std::time::Instant::now();
            let mut connection = doorway.connect().await;
            (connection.ask().await, began.elapsed(), connection)
        });
        for (answered, took, connection) in futures_util::future::join_all(next).await {
            if answered {
                answers.took.push(took)
            } else {
                answers.failed += 1
            }
            kept.push(connection);
        }
    }
    answers.print();
    // Nothing is to be done until then: an idle client reads nothing.
    let _ = std::io::stdin().read(&mut [0]);
}
