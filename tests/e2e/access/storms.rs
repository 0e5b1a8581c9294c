//! What wrong passwords cost: those who send them, and nobody else.

use super::{ANNA, BASIC, CHEAP, Guarded, assert_asked, basic, users};
use crate::common::door::{QUICK_PLAIN, TIMES};
use crate::common::{eventually, holds, secs};

#[tokio::test(flavor = "multi_thread")]
async fn too_many_wrong_passwords_make_their_client_wait_and_nobody_else() {
    let it = Guarded::start("", QUICK_PLAIN, BASIC, |folder| {
        users(folder, &[ANNA], CHEAP);
        std::fs::write(folder.join(TIMES), "wrong_password=1500").unwrap();
    })
    .await;
    for guess in 0..5 {
        assert_asked(&it.get("/", &basic(&format!("anna:{guess}"))).await, "a free guess");
    }
    for fields in [basic("anna:5"), basic(ANNA)] {
        let answer = it.get("/", &fields).await;
        assert_eq!((answer.status, answer.app()), (429, ""), "even the right one");
        assert_eq!(answer.field("retry-after"), Some("2"));
    }
    assert_asked(&it.get("/", "").await, "without a password nobody waits");
    assert_eq!(it.get_from(2, "/", &basic(ANNA)).await.status, 200, "another client");
    // Known by now, and so not checked again.
    eventually(secs(10), || async {
        let status = it.get("/", &basic(ANNA)).await.status;
        holds(status == 200, || status.to_string())
    })
    .await;
    let line = &it.door.logged("client: too many wrong passwords", 2).await[0];
    assert_eq!((&line["status"], &line["client"]), (&429.into(), &"127.0.0.1".into()));
}
