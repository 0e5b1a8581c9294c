//! Paths that could be read in two ways, where two services share a host (E20): with `\`, which many apps take for `/`, and with `%00`,
//! where others end the path.

use crate::common::app::App;
use crate::common::door::{Door, QUICK};
use crate::common::fixture::HOST;
use crate::common::frames::{Frames, Heads};

/// One host, two services: `/` and `/api`.
async fn two() -> (Door, App, App) {
    let (web, api) = (App::start("web", "v1").await, App::start("api", "v1").await);
    let service = |name: &str, path: &str, app: &App| {
        let address = app.address();
        format!("[env.prod.service.{name}]\nhost = \"{HOST}\"\npath = \"{path}\"\nupstream = \"{address}\"\n")
    };
    let config = format!("{QUICK}{}{}", service("web", "/", &web), service("api", "/api", &api));
    (Door::start(&config).await, web, api)
}

/// The status of `GET TARGET`, over both protocols.
async fn statuses(door: &Door, target: &str) -> [u16; 2] {
    let mut client = door.tls(HOST).await.unwrap();
    let answer = client.get(HOST, target).await;
    let h1 = answer.unwrap_or_else(|broken| panic!("{target}: {broken}")).status;
    let fields: [(&str, &[u8]); 4] = [
        (":method", b"GET"),
        (":scheme", b"https"),
        (":authority", HOST.as_bytes()),
        (":path", target.as_bytes()),
    ];
    let mut frames = Frames::connect(door, HOST).await;
    frames.request(1, &fields, true).await;
    let answer = frames.until_end(1).await;
    let h2 = Heads::default().read(&answer[0])[0].1.parse().unwrap();
    [h1, h2]
}

#[tokio::test(flavor = "multi_thread")]
async fn e20_a_backslash_or_a_nul_passes_as_it_came_or_is_refused_where_it_could_mean_another_service() {
    let (door, web, api) = two().await;
    for (app, targets) in [
        (
            &web,
            ["/a\\b", "/a%5cb", "/a%00b", "/%00", "/a\\..\\b", "/a?q=\\api%00"],
        ),
        (
            &api,
            [
                "/api/a\\b",
                "/api/a%5Cb",
                "/api/a%00b",
                "/api/%00",
                "/api/a\\..\\b",
                "/api?q=..\\..%00",
            ],
        ),
    ] {
        for target in targets {
            let before = app.requests();
            assert_eq!(statuses(&door, target).await, [200, 200], "{target}");
            assert_eq!(app.requests(), before + 2, "{target}");
            let seen = app.targets();
            let as_it_came = format!("GET {target}");
            assert_eq!(seen[seen.len() - 2..], [as_it_came.clone(), as_it_came]);
        }
    }
    let before = (web.requests(), api.requests());
    for target in [
        "/\\api",
        "/\\api/x",
        "/%5capi/x",
        "/x\\..\\api",
        "/x%5c..%5Capi/y",
        "/api\\x",
        "/api%5cx",
        "/api%00",
        "/api%00x",
        "/api%00/x",
        "/api%00/../x",
        "/api/..\\x",
        "/api\\..\\x",
        "/api/%2e%2e%5cx",
        "/%61pi\\x",
    ] {
        assert_eq!(statuses(&door, target).await, [400, 400], "{target}");
    }
    assert_eq!((web.requests(), api.requests()), before);
}
