//! Live services that cannot be reached: each absence is told once it has lasted, and once it is over, and not again after a restart.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::message::{Draft, Severity, Topic};
use super::standing::complaint;
use crate::model::api::{Action, EnvironmentStatus, ServiceStatus};
use crate::model::clock::Moment;

/// What a look at a service has shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// It answers.
    There,
    /// No instance of it can be reached, and why.
    Away(String),
    /// It may be away by its operator's will, or was not looked at yet.
    Unknown,
}

/// A look at a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// The environment.
    pub environment: String,
    /// The service.
    pub service: String,
    /// What was seen.
    pub seen: Seen,
}

/// A destination that wants to hear of absences.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// What names it.
    pub destination: String,
    /// Of those that last for so long.
    pub after: Duration,
    /// Of these environments; `None` is all.
    pub environments: Option<Vec<String>>,
}

/// The services that are away now. Kept on disk in this form.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Absences {
    /// By environment and service.
    #[serde(default)]
    away: BTreeMap<String, Absence>,
    #[serde(skip)]
    looked: Option<Moment>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Absence {
    /// RFC 3339.
    since: String,
    /// For how long it was seen, by a clock that does not jump.
    #[serde(skip)]
    lasted: Option<Duration>,
    why: String,
    /// Who was told.
    #[serde(default)]
    told: Vec<String>,
}

impl Absence {
    fn begin(now: Moment) -> Self {
        Self {
            since: now.written(),
            lasted: Some(Duration::ZERO),
            why: String::new(),
            told: Vec::new(),
        }
    }
}

/// What a status says of every service of an environment.
pub fn reading(environment: &EnvironmentStatus) -> impl Iterator<Item = Reading> {
    let pauses = |kind: Action| matches!(kind, Action::Pause | Action::PauseWrites);
    let is_paused = environment.operation.as_ref().is_some_and(|holder| pauses(holder.kind));
    let is_planned = environment.maintenance.is_some() || environment.sleeps() || is_paused;
    environment.services.iter().map(move |service| Reading {
        environment: environment.name.clone(),
        service: service.name.clone(),
        seen: if is_planned { Seen::Unknown } else { seen(service) },
    })
}

fn seen(service: &ServiceStatus) -> Seen {
    let answers = |last: &crate::model::api::ProbeReport| last.passed || last.status.is_some();
    let looked: Vec<_> = service
        .health
        .iter()
        .filter_map(|health| health.last.as_ref())
        .collect();
    if service.away_since.is_none() && looked.iter().any(|last| answers(last)) {
        return Seen::There;
    }
    let all_silent = !looked.is_empty() && looked.len() == service.health.len() && !looked.iter().any(|it| answers(it));
    if service.away_since.is_none() && !all_silent {
        return Seen::Unknown;
    }
    let causes: Vec<String> = service.health.iter().filter_map(complaint).collect();
    Seen::Away(match causes.as_slice() {
        [] => "no connection can be made".to_owned(),
        causes => causes.join(", "),
    })
}

impl Absences {
    /// Whether nothing has to be written down again.
    #[must_use]
    pub fn is_like(&self, before: &Self) -> bool {
        let same = |(one, other): ((&String, &Absence), (&String, &Absence))| {
            one.0 == other.0 && one.1.since == other.1.since && one.1.told == other.1.told
        };
        self.away.len() == before.away.len() && self.away.iter().zip(&before.away).all(same)
    }

    /// Takes a look at all services. Returns who is to be told what; what is told is decided by `lines`, which says how things stand
    /// in an environment.
    pub fn look(
        &mut self,
        readings: &[Reading],
        wishes: &[Wish],
        now: Moment,
        lines: impl Fn(&str) -> Option<String>,
    ) -> Vec<(Draft, Vec<String>)> {
        let passed = self
            .looked
            .map_or(Duration::ZERO, |before| now.at.saturating_sub(before.at));
        self.looked = Some(now);
        let key = |of: &Reading| format!("{}/{}", of.environment, of.service);
        // Who is not in the file any more is not missed.
        self.away.retain(|known, _| readings.iter().any(|it| key(it) == *known));
        let mut told = Vec::new();
        for reading in readings {
            let key = key(reading);
            match &reading.seen {
                Seen::Unknown => {}
                Seen::There => {
                    if let Some(absence) = self.away.remove(&key).filter(|absence| !absence.told.is_empty()) {
                        told.push((back(reading, &absence), absence.told));
                    }
                }
                Seen::Away(why) => {
                    let begins = !self.away.contains_key(&key);
                    let absence = self.away.entry(key).or_insert_with(|| Absence::begin(now));
                    why.clone_into(&mut absence.why);
                    let lasted = match absence.lasted {
                        Some(lasted) if begins => lasted,
                        Some(lasted) => lasted + passed,
                        // It began before this process did.
                        None => since(&absence.since, now),
                    };
                    absence.lasted = Some(lasted);
                    let wants = |wish: &&Wish| {
                        let names = wish.environments.as_ref();
                        lasted >= wish.after
                            && !absence.told.contains(&wish.destination)
                            && names.is_none_or(|names| names.contains(&reading.environment))
                    };
                    let new: Vec<String> = wishes.iter().filter(wants).map(|it| it.destination.clone()).collect();
                    if !new.is_empty() {
                        absence.told.extend(new.iter().cloned());
                        told.push((away(reading, absence, lines(&reading.environment)), new));
                    }
                }
            }
        }
        told
    }
}

fn since(text: &str, now: Moment) -> Duration {
    let then = text.parse::<jiff::Timestamp>().unwrap_or(now.wall);
    Duration::try_from(now.wall.duration_since(then)).unwrap_or_default()
}

fn draft(reading: &Reading, severity: Severity, title: String) -> Draft {
    let Reading {
        environment, service, ..
    } = reading;
    Draft {
        environments: vec![environment.clone()],
        service: Some(service.clone()),
        ..Draft::new(Topic::Away, severity, format!("away/{environment}/{service}"), title)
    }
}

fn name(reading: &Reading) -> String {
    if reading.environment == reading.service {
        reading.environment.clone()
    } else {
        format!("{}: {}", reading.environment, reading.service)
    }
}

fn away(reading: &Reading, absence: &Absence, standing: Option<String>) -> Draft {
    let title = format!(
        "{} cannot be reached for {}",
        name(reading),
        span(absence.lasted.unwrap_or_default())
    );
    let mut draft = draft(reading, Severity::Critical, title);
    draft.lines.push(format!(
        "Since {} no instance of it answers; visitors wait as `hold.for` says, and then get 503. At fault is the app, not the proxy.",
        absence.since
    ));
    draft.lines.extend(standing.map(|text| format!("Now: {text}.")));
    draft.evidence = Some(absence.why.clone());
    draft.help = Some(format!(
        "proxyctl status {env}; start the app again, or go back: proxyctl rollback {env}",
        env = reading.environment
    ));
    draft
}

fn back(reading: &Reading, absence: &Absence) -> Draft {
    let lasted = absence
        .lasted
        .map_or_else(String::new, |lasted| format!(", after {}", span(lasted)));
    let mut draft = draft(reading, Severity::Info, format!("{} is back{lasted}", name(reading)));
    draft.resolved = true;
    draft.lines.push(format!(
        "It could not be reached since {}: {}",
        absence.since, absence.why
    ));
    draft.help = Some(format!("proxyctl status {}", reading.environment));
    draft
}

/// `2 min`, `90 s`, `3 h 5 min`.
fn span(of: Duration) -> String {
    let seconds = of.as_secs();
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        _ => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::super::standing::tests::{environment, service};
    use super::*;
    use crate::model::api::MaintenanceStatus;

    fn at(seconds: u64) -> Moment {
        Moment {
            at: Duration::from_secs(seconds),
            wall: jiff::Timestamp::from_second(1_800_000_000 + i64::try_from(seconds).unwrap()).unwrap(),
        }
    }

    fn away() -> Vec<Reading> {
        reading(&environment(vec![service("web", Err("connection refused"))])).collect()
    }

    fn there() -> Vec<Reading> {
        reading(&environment(vec![service("web", Ok(500))])).collect()
    }

    fn wish(destination: &str, minutes: u64) -> Wish {
        Wish {
            destination: destination.into(),
            after: Duration::from_secs(60 * minutes),
            environments: None,
        }
    }

    fn none(_: &str) -> Option<String> {
        None
    }

    #[test]
    fn an_absence_that_lasts_is_told_once_and_so_is_its_end() {
        let (mut absences, wishes) = (Absences::default(), [wish("a", 2)]);
        let mut told = Vec::new();
        for second in (0..600).step_by(5) {
            told.extend(absences.look(&away(), &wishes, at(second), |_| Some("blue is ill".into())));
        }
        let [(draft, to)] = told.as_slice() else {
            panic!("{told:?}")
        };
        assert_eq!(draft.title, "prod: web cannot be reached for 2 min");
        assert!(
            draft.evidence.as_ref().unwrap().contains("connection refused"),
            "{draft:?}"
        );
        assert_eq!(draft.lines[1], "Now: blue is ill.");
        assert_eq!(
            (to.as_slice(), draft.severity),
            (&["a".to_owned()][..], Severity::Critical)
        );
        let told = absences.look(&there(), &wishes, at(605), none);
        let [(draft, to)] = told.as_slice() else {
            panic!("{told:?}")
        };
        assert_eq!(
            (draft.title.as_str(), draft.resolved),
            ("prod: web is back, after 9 min", true)
        );
        assert_eq!(to.as_slice(), ["a"]);
        assert!(absences.look(&there(), &wishes, at(610), none).is_empty());
    }

    #[test]
    fn a_short_absence_and_one_that_is_planned_are_not_told() {
        let (mut absences, wishes) = (Absences::default(), [wish("a", 2)]);
        for second in (0..600).step_by(5) {
            let readings = if second % 100 == 0 { there() } else { away() };
            assert!(
                absences.look(&readings, &wishes, at(second), none).is_empty(),
                "{second}"
            );
        }
        let mut closed = environment(vec![service("web", Err("connection refused"))]);
        closed.maintenance = Some(MaintenanceStatus {
            since: "t".into(),
            user: "root".into(),
            message: None,
            page: false,
            allow: Vec::new(),
        });
        let readings: Vec<_> = reading(&closed).collect();
        for second in (600..1200).step_by(5) {
            assert!(absences.look(&readings, &wishes, at(second), none).is_empty());
        }
    }

    #[test]
    fn after_a_restart_nothing_is_told_twice_and_what_began_before_counts() {
        let (mut absences, wishes) = (Absences::default(), [wish("a", 2), wish("b", 10)]);
        absences.look(&away(), &wishes, at(0), none);
        assert_eq!(absences.look(&away(), &wishes, at(120), none)[0].1, ["a"]);
        let written = serde_json::to_string(&absences).unwrap();
        let mut absences: Absences = serde_json::from_str(&written).unwrap();
        assert!(absences.look(&away(), &wishes, at(300), none).is_empty());
        let told = absences.look(&away(), &wishes, at(601), none);
        assert_eq!((told.len(), told[0].1.as_slice()), (1, &["b".to_owned()][..]));
        let told = absences.look(&there(), &wishes, at(700), none);
        assert_eq!(told[0].1, ["a", "b"]);
    }

    #[test]
    fn a_destination_hears_of_its_own_environments_and_what_is_gone_is_forgotten() {
        let mut absences = Absences::default();
        let wishes = [Wish {
            environments: Some(vec!["dev".into()]),
            ..wish("a", 0)
        }];
        assert!(absences.look(&away(), &wishes, at(0), none).is_empty());
        assert_eq!(absences.away.len(), 1);
        assert!(absences.look(&[], &wishes, at(5), none).is_empty());
        assert!(absences.away.is_empty());
    }

    #[test]
    fn one_instance_that_answers_is_enough_and_one_that_was_not_asked_proves_nothing() {
        let mut two = service("web", Err("connection refused"));
        two.health.extend(service("web", Ok(200)).health);
        assert_eq!(seen(&two), Seen::There);
        let mut unasked = service("web", Err("connection refused"));
        unasked.health[0].last = None;
        assert_eq!(seen(&unasked), Seen::Unknown);
        unasked.away_since = Some("t".into());
        assert_eq!(seen(&unasked), Seen::Away("no connection can be made".into()));
    }
}
