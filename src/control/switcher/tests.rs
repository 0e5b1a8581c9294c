//! The switcher with real probes and a real clock, a data plane that only answers, and a disk in memory. Whole processes are
//! in `tests/`.

mod fakes;
mod leave;

use std::fs::File;
use std::io::Write as _;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::LocalSet;

use self::fakes::{Book, Disk, Door, NoCertificates, NoProcess};
use super::*;
use crate::control::happenings::Happenings;
use crate::control::served::{Current, Loaded};
use crate::model::api::{CommonStep, Event, Kind, MaintenanceRequest, Notice, OperationRequest, SwapStep, exit};
use crate::model::history::{Caller, Record};
use crate::model::slot::{Generation, Slot};
use crate::model::state::State;
use crate::proxy::Routing;
use crate::tasks::Group;
use crate::telemetry::Totals;

struct Scene {
    switcher: Switcher,
    routing: Arc<Routing>,
    door: Arc<Door>,
    disk: Disk,
    book: Book,
    current: Current,
    _folder: tempfile::TempDir,
    _apps: Group,
}

impl Scene {
    /// Two sides that answer their probes, unless green is `dead`.
    async fn new(room: usize, status: u16, dead: bool) -> Self {
        Self::begun(room, status, dead, State::new(), true).await
    }

    /// With what was remembered, and with leave to act or without.
    async fn begun(room: usize, status: u16, dead: bool, remembered: State, has_leave: bool) -> Self {
        let apps = Group::new("apps");
        let mut ports = Vec::new();
        for _ in 0..2 {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            ports.push(listener.local_addr().unwrap().port());
            if ports.len() == 1 || !dead {
                apps.spawn_local("app", app(listener));
            }
        }
        let text = format!(
            "[env.prod]\nhost = \"app.example.com\"\nblue = {}\ngreen = {}\ntls = \"internal\"\n\
             health = {{ interval = \"10ms\", deadline = \"300ms\" }}\n",
            ports[0], ports[1]
        );
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("proxy.toml");
        write!(File::create(&file).unwrap(), "{text}").unwrap();
        let served = Loaded::read(&file).unwrap().serve(Vec::new());
        let config = served.config.clone();
        let current: Current = Arc::new(ArcSwap::from_pointee(served));
        let totals = Totals::new(2);
        let first = initial(&config, &remembered, &totals);
        let routing = Routing::new(first.snapshot);
        let door = Arc::new(Door {
            status,
            ..Door::default()
        });
        let disk = Disk {
            room,
            ..Disk::default()
        };
        let book = Book::default();
        let (switcher, task) = Switcher::start(Parts {
            current: current.clone(),
            routing: routing.clone(),
            plane: door.clone(),
            state: first.state,
            store: Box::new(disk.clone()),
            journal: Box::new(book.clone()),
            hosts: Box::new(NoCertificates),
            totals,
            warnings: Box::new(|environment| vec![format!("{environment}: a certificate ends soon")]),
            users: Box::new(|_| {}),
            sites: Box::new(NoCertificates),
            succession: Rc::new(NoProcess),
            happenings: Happenings::new(),
            elders: Rc::new(NoProcess),
            keeping: Rc::new(NoProcess),
            https_port: None,
            sleep_times: crate::model::sleep::Times::USUAL,
            has_leave,
        });
        apps.spawn_local("switcher", task);
        Self {
            switcher,
            routing,
            door,
            disk,
            book,
            current,
            _folder: folder,
            _apps: apps,
        }
    }

    async fn operate(&self, environment: &str, kind: Kind) -> Vec<Event> {
        let request = OperationRequest::new(environment, kind);
        let caller = Caller {
            uid: 1000,
            user: "ci".into(),
        };
        let mut events = self.switcher.ask(Request::Operate(request), caller);
        let mut all = Vec::new();
        while let Some(event) = events.recv().await {
            all.push(event);
        }
        all
    }

    fn live(&self) -> Slot {
        self.routing.load().services()[0].activation.slot
    }
}

async fn app(listener: TcpListener) {
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            match stream.read_u8().await {
                Ok(byte) => head.push(byte),
                Err(_) => break,
            }
        }
        // A probe that was cancelled is gone.
        let _ = stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
            .await;
    }
}

fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    LocalSet::new().block_on(&runtime, test);
}

#[test]
fn a_swap_is_saved_published_verified_and_written_down() {
    run(async {
        let scene = Scene::new(usize::MAX, 200, false).await;
        let old = scene.routing.load().services()[0].activation.clone();
        let events = scene.operate("prod", Kind::Swap).await;
        let Some(Event::Swap(SwapStep::Done { live, safe_to_stop, .. })) = events.last() else {
            panic!("{events:?}");
        };
        assert_eq!((*live, scene.live()), (Slot::Green, Slot::Green));
        assert_eq!(safe_to_stop[0].addresses, old.addresses);
        assert!(old.is_drained());
        assert_eq!(*scene.door.asked.lock().unwrap(), ["app.example.com/health"]);
        assert!(
            matches!(&events[1], Event::Common(CommonStep::Warning { message }) if message.contains("certificate"))
        );

        let saved = scene.disk.saved.lock().unwrap();
        let numbers: Vec<_> = saved.iter().map(|state| state.next_operation).collect();
        assert_eq!(numbers, [2, 2]);
        assert_eq!(saved[1].environments["prod"].live, Slot::Green);
        let book = scene.book.0.lock().unwrap();
        assert!(matches!(book[0].record, Record::Asked { .. }));
        let last = serde_json::to_string(book.last().unwrap()).unwrap();
        assert!(
            last.contains("\"event\":\"done\"") && last.contains("\"operation\":1"),
            "{last}"
        );
    });
}

#[test]
fn a_rollback_goes_back_to_a_new_activation_of_the_old_slot() {
    run(async {
        let scene = Scene::new(usize::MAX, 200, false).await;
        let first = scene.routing.load().services()[0].activation.clone();
        scene.operate("prod", Kind::Swap).await;
        let events = scene.operate("prod", Kind::Rollback).await;
        assert!(
            matches!(
                events.last(),
                Some(Event::Swap(SwapStep::Done { live: Slot::Blue, .. }))
            ),
            "{events:?}"
        );
        let now = scene.routing.load().services()[0].activation.clone();
        assert_ne!(now.id, first.id);
        assert_eq!(now.addresses, first.addresses);
    });
}

#[test]
fn a_dead_candidate_is_refused_and_nothing_changes() {
    run(async {
        let scene = Scene::new(usize::MAX, 200, true).await;
        let events = scene.operate("prod", Kind::Swap).await;
        let Some(Event::Common(CommonStep::Refused { code, evidence, .. })) = events.last() else {
            panic!("{events:?}");
        };
        assert_eq!((*code, evidence.len(), scene.live()), (exit::REFUSED, 1, Slot::Blue));
    });
}

#[test]
fn what_the_front_door_does_not_answer_well_is_rolled_back() {
    run(async {
        let scene = Scene::new(usize::MAX, 500, false).await;
        let events = scene.operate("prod", Kind::Swap).await;
        assert!(
            matches!(
                events.last(),
                Some(Event::Swap(SwapStep::RolledBack { live: Slot::Blue, .. }))
            ),
            "{events:?}"
        );
        assert_eq!(scene.live(), Slot::Blue);
        assert_eq!(
            scene.disk.saved.lock().unwrap().last().unwrap().environments["prod"].live,
            Slot::Blue
        );
    });
}

#[test]
fn n27_a_full_disk_switches_nothing() {
    run(async {
        let scene = Scene::new(1, 200, false).await;
        let events = scene.operate("prod", Kind::Swap).await;
        assert!(
            matches!(
                events.last(),
                Some(Event::Common(CommonStep::Failed {
                    live: Some(Slot::Blue),
                    ..
                }))
            ),
            "{events:?}"
        );
        assert_eq!(scene.live(), Slot::Blue);
        assert_eq!(scene.switcher.report().await.environments[0].generation, Generation(1));
    });
}

#[test]
fn an_unknown_environment_is_refused_and_the_known_ones_are_named() {
    run(async {
        let scene = Scene::new(0, 200, false).await;
        let events = scene.operate("prd", Kind::Swap).await;
        let [Event::Common(CommonStep::Refused { code, hint, .. })] = &events[..] else {
            panic!("{events:?}");
        };
        assert_eq!(*code, exit::USAGE);
        assert!(hint.as_ref().unwrap().contains("`prod`"));
    });
}

#[test]
fn health_is_known_after_the_first_probes() {
    run(async {
        let scene = Scene::new(0, 200, false).await;
        scene.switcher.first_probes(Duration::from_secs(5)).await;
        let status = scene.switcher.report().await.environments;
        let health = &status[0].services[0].health;
        assert_eq!((health.len(), health[0].healthy), (1, Some(true)));
        assert_eq!(status[0].services[0].routes, ["app.example.com"]);
        assert_eq!((status[0].live, status[0].can_roll_back), (Some(Slot::Blue), false));
    });
}

#[test]
fn a_stop_answers_who_waits_and_lets_the_data_plane_go() {
    run(async {
        let scene = Scene::new(usize::MAX, 200, true).await;
        let (events, ()) = tokio::join!(scene.operate("prod", Kind::Swap), async {
            // The operation begins when its number is saved.
            while scene.switcher.report().await.environments[0].operation.is_none() {
                tokio::task::yield_now().await;
            }
            scene.switcher.stop().await;
        });
        assert!(
            matches!(events.last(), Some(Event::Common(CommonStep::Failed { .. }))),
            "{events:?}"
        );
        assert_eq!(Arc::strong_count(&scene.door), 1);
        assert_eq!(Arc::strong_count(&scene.current), 1);
        let late = scene.operate("prod", Kind::Swap).await;
        assert!(
            matches!(late[..], [Event::Common(CommonStep::Failed { .. })]),
            "{late:?}"
        );
        assert!(scene.switcher.report().await.environments.is_empty());
    });
}

#[test]
fn a_stop_answers_who_asked_for_maintenance_before_it_is_heard_whether_that_is_saved() {
    run(async {
        let scene = Scene::new(usize::MAX, 200, false).await;
        let caller = Caller {
            uid: 0,
            user: "root".into(),
        };
        let request = MaintenanceRequest {
            environment: "prod".into(),
            on: Some(Notice::default()),
        };
        let mut events = scene.switcher.ask(Request::Maintenance(request), caller);
        scene.switcher.stop().await;
        let mut last = None;
        while let Some(event) = events.recv().await {
            assert!(last.is_none(), "only one end");
            last = Some(event);
        }
        assert!(
            matches!(last, Some(Event::Common(CommonStep::Failed { .. }))),
            "{last:?}"
        );
    });
}
