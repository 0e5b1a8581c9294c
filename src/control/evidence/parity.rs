//! What the apps of an environment say of themselves, for a comparison with another: their answers to the health check, and the head of
//! the page that visitors come to first.

use std::time::Duration;

use tokio::task::JoinSet;

use super::answer::shown;
use super::instance::Instance;
use super::prober::{self, Reply};
use crate::config::{Health, VersionSource};
use crate::model::api::About;
use crate::model::parity::{Answer, Fact, Manner, OwnVersion, Shape, facts};

/// Time for an answer, where a probe may take longer: somebody waits for the comparison.
const PATIENCE: Duration = Duration::from_secs(5);

/// What visitors come to first.
const FRONT_PAGE: &str = "/";

/// A shape with what these instances of its services answer, all of them asked at the same time.
pub(in crate::control) async fn heard(mut shape: Shape, instances: Vec<Instance>) -> Shape {
    let mut asked = JoinSet::new();
    for instance in instances {
        asked.spawn_local(async move {
            let answers = answers(&instance).await;
            (instance, answers)
        });
    }
    let mut all = asked.join_all().await;
    all.sort_by_key(|(instance, _)| instance.address.to_string());
    for service in &mut shape.services {
        let own = all.iter().filter(|(instance, _)| instance.service.name == service.name);
        let (mut heard, mut version) = (Vec::new(), OwnVersion::Unknown);
        for (instance, answers) in own {
            version = named(&instance.service.health);
            match answers {
                Ok(answers) => heard.extend(answers.iter().cloned()),
                Err(reason) => {
                    let trouble = Fact::new(About::Answers, "answer", format!("none: {reason}"));
                    service.facts.push(trouble.told(Manner::Trouble));
                }
            }
        }
        service.facts.extend(facts(&heard, &version));
    }
    shape
}

/// Its health, and the head of its first page where there is one.
async fn answers(instance: &Instance) -> Result<Vec<Answer>, String> {
    let health = &instance.service.health;
    let patience = health.timeout.min(PATIENCE);
    let (checked, page) = tokio::join!(
        prober::ask(instance, health.path.at(&instance.address), patience),
        prober::ask(instance, FRONT_PAGE, patience),
    );
    let checked = checked?;
    let mut answers = vec![Answer {
        status: Some(checked.status),
        body: checked.body.clone(),
        ..head(&checked)
    }];
    // An app that has no such page has said all that it says.
    answers.extend(page.ok().map(|page| head(&page)));
    Ok(answers)
}

fn head(reply: &Reply) -> Answer {
    let fields = reply.headers.iter();
    Answer {
        protocol: reply.protocol.map(|version| format!("{version:?}")),
        fields: fields
            .map(|(name, value)| (name.as_str().to_owned(), shown(value.as_bytes())))
            .collect(),
        ..Answer::default()
    }
}

fn named(health: &Health) -> OwnVersion {
    match &health.version {
        None => OwnVersion::Unknown,
        Some(VersionSource::Header(name)) => OwnVersion::Field(name.clone()),
        Some(VersionSource::Json(field)) => OwnVersion::Json(field.clone()),
    }
}
