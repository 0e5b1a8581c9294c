//! Whether an app that was started answers (N36). Any answer is one but those by which a server says that it is not there yet: dev
//! servers have no health check.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::instance::Instance;
use super::prober;
use crate::model::api::ProbeReport;

/// From one look to the second; each is twice the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
/// For a look at what may be there or not.
const DOUBT: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(200);

/// Waits until each service has an instance that answers, at most for so long.
///
/// # Errors
/// Who does not, and what was seen of it last.
pub(in crate::control) async fn answers(instances: Vec<Instance>, patience: Duration) -> Result<(), String> {
    let mut services: BTreeMap<String, Vec<Instance>> = BTreeMap::new();
    for instance in instances {
        services
            .entry(instance.service.name.to_string())
            .or_default()
            .push(instance);
    }
    let seen: Rc<RefCell<BTreeMap<String, String>>> = Rc::default();
    let mut all = JoinSet::new();
    for (name, instances) in services {
        seen.borrow_mut().insert(name.clone(), "was not asked".into());
        let seen = seen.clone();
        all.spawn_local(async move {
            first(&instances, |why| {
                seen.borrow_mut().insert(name.clone(), why);
            })
            .await;
            seen.borrow_mut().remove(&name);
        });
    }
    let done = timeout(patience, async { while all.join_next().await.is_some() {} }).await;
    if done.is_ok() {
        return Ok(());
    }
    let seen = seen.borrow();
    let silent: Vec<String> = seen.iter().map(|(name, why)| format!("`{name}` {why}")).collect();
    Err(silent.join("; "))
}

/// Whether each service has an instance that answers now: nobody is waited for.
pub(in crate::control) async fn answers_now(instances: Vec<Instance>) -> bool {
    let asked = async {
        let mut answering: BTreeMap<String, bool> = BTreeMap::new();
        for instance in instances {
            let name = instance.service.name.to_string();
            let answers = is_answer(&prober::probe(&instance).await);
            *answering.entry(name).or_default() |= answers;
        }
        answering.values().all(|answers| *answers)
    };
    timeout(DOUBT, asked).await.unwrap_or(false)
}

/// Resolves when one of them answers.
async fn first(instances: &[Instance], tell: impl Fn(String)) {
    let mut pause = FIRST_PAUSE;
    loop {
        for instance in instances {
            let report = prober::probe(instance).await;
            if is_answer(&report) {
                return;
            }
            let why = match (&report.reason, report.status) {
                (Some(reason), _) => reason.clone(),
                (None, Some(status)) => format!("answered {status}"),
                (None, None) => "does not answer".into(),
            };
            tell(format!("at {}: {why}", instance.address));
        }
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

fn is_answer(report: &ProbeReport) -> bool {
    report.status.is_some_and(|status| !matches!(status, 502..=504))
}
