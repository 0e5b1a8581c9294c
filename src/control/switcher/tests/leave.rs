//! A process that is to take over does nothing by itself until it may: another one is the front door.

use super::*;
use crate::model::api::UpgradeRequest;
use crate::model::preview::{Key, Preview};

#[test]
fn n25_a_process_without_leave_ends_no_preview_and_saves_nothing() {
    run(async {
        let mut remembered = State::new();
        remembered.previews.add(Preview {
            number: 7,
            environment: "prod".into(),
            slot: Slot::Green,
            generation: Generation(1),
            user: "ci".into(),
            since: "2026-01-01T00:00:00.000Z".into(),
            until: 0,
            key: Key::new([0; 32]),
        });
        let scene = Scene::begun(usize::MAX, 200, false, remembered, false).await;
        // It does what is asked of it in its order, so that the start is behind this.
        scene.switcher.report().await;
        assert!(
            scene.book.0.lock().unwrap().is_empty(),
            "the preview is another's to end"
        );
        scene.switcher.take_leave();
        scene.switcher.report().await;
        let ended = scene.book.0.lock().unwrap().first().and_then(|entry| entry.operation);
        assert_eq!(ended, Some(7));
        scene.switcher.stop().await;
        assert!(scene.disk.saved.lock().unwrap()[0].previews.open.is_empty());
    });
}

#[test]
fn what_was_asked_for_at_the_end_fails_and_no_other_process_is_started() {
    run(async {
        let scene = Scene::new(usize::MAX, 200, false).await;
        let caller = Caller {
            uid: 1000,
            user: "ci".into(),
        };
        let swap = Request::Operate(OperationRequest::new("prod", Kind::Swap));
        let asked = [swap, Request::Upgrade(UpgradeRequest {})].map(|request| {
            let action = request.action();
            (action, scene.switcher.ask(request, caller.clone()))
        });
        scene.switcher.stop().await;
        for (action, mut events) in asked {
            let event = events.recv().await;
            let Some(Event::Common(CommonStep::Failed { reason, .. })) = &event else {
                panic!("{action}: {event:?}");
            };
            assert_eq!(reason, "the proxy is stopping", "{action}");
            assert!(events.recv().await.is_none(), "{action}");
        }
    });
}
