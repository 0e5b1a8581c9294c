//! `proxyctl sleep` and `wake`, and what the file may say.

use greengate::model::api::{SleepState, exit};

use super::sleeper::Sleeper;
use crate::common::app::App;
use crate::common::door::{Door, QUICK_PLAIN};
use crate::common::{holds, secs};

#[tokio::test(flavor = "multi_thread")]
async fn n36_sleep_and_wake_say_what_they_do_and_are_done_when_it_is() {
    let dev = Sleeper::plain().await;
    let said = dev.door.proxyctl(&["wake", "dev"]).await;
    said.assert_code(0).assert_says(&["dev was awake before"]);
    let said = dev.door.proxyctl(&["sleep", "dev"]).await;
    said.assert_code(0).assert_says(&["dev is stopped after"]);
    let said = dev.door.proxyctl(&["sleep", "dev"]).await;
    said.assert_code(0).assert_says(&["dev was asleep before"]);
    let said = dev.door.proxyctl(&["wake", "dev"]).await;
    said.assert_code(0).assert_says(&["dev answers after"]);
    assert_eq!(dev.ran(), ["stop", "start"]);
    let said = dev.door.proxyctl(&["sleep", "dve"]).await;
    said.assert_code(exit::USAGE);
    // Several wait for one start, each to the end.
    dev.put_to_sleep().await;
    dev.set("hold-start");
    let (first, second) = (dev.door.watch(&["wake", "dev"]), dev.door.watch(&["wake", "dev"]));
    let request = dev.ask("/");
    dev.door.held("dev", 1).await;
    let refused = dev.door.proxyctl(&["sleep", "dev"]).await;
    refused.assert_code(exit::BUSY).assert_says(&["wake"]);
    dev.clear("hold-start");
    first.finish().await.assert_code(0);
    second.finish().await.assert_code(0);
    assert_eq!(request.await.unwrap().status, 200);
    assert_eq!(dev.ran(), ["stop", "start", "stop", "start"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn n36_an_environment_without_sleep_neither_sleeps_nor_wakes() {
    let app = App::start("app", "v1").await;
    let config = format!(
        "{QUICK_PLAIN}\n[env.dev]\nhost = \"dev.test\"\nupstream = \"{}\"\n",
        app.address()
    );
    let door = Door::start(&config).await;
    for command in ["sleep", "wake"] {
        let refused = door.proxyctl(&[command, "dev"]).await;
        refused.assert_code(exit::USAGE).assert_says(&["`dev` has no `sleep`"]);
    }
    assert_eq!(door.environment("dev").await.sleep, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn n36_the_commands_run_as_the_daemon_runs_without_a_shell_and_their_output_is_in_the_log() {
    let app = App::start("app", "v1").await;
    let config = format!(
        "{QUICK_PLAIN}\n[env.dev]\nhost = \"dev.test\"\nupstream = \"{}\"\n\
         [env.dev.sleep]\nafter = \"1h\"\n\
         start = \"sh -c 'echo \\\"it is $GREENGATE_ENVIRONMENT\\\"'\"\nstop = \"echo $HOME '&&' *\"\n",
        app.address()
    )
    .replace("'&&'", "a");
    let door = Door::start(&config).await;
    // The app goes on, whatever `stop` says.
    door.proxyctl(&["sleep", "dev"]).await.assert_code(0);
    door.proxyctl(&["wake", "dev"]).await.assert_code(0);
    crate::common::eventually(secs(10), || async {
        let log = door.process().log().text();
        let said = log.contains("$HOME a *") && log.contains("it is dev");
        holds(said, || log)
    })
    .await;
    assert_eq!(door.environment("dev").await.sleep.unwrap().state, SleepState::Awake);
}
