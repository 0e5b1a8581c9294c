//! Which instance is asked when, and what their answers amount to: the gate, the old side before an automatic rollback, and
//! the new side's health in the bake window.

use std::time::Duration;

use super::messages::Look;
use super::plan::Rules;
use crate::model::api::{GateReport, Move, ProbeReport, Side};
use crate::model::health::{Tally, Verdict};
use crate::model::slot::Address;

/// All instances of one side of an environment.
#[derive(Debug)]
pub(super) struct Probing {
    pub(super) began: Duration,
    pub(super) deadline: Duration,
    pub(super) look: Look,
    expected: Option<String>,
    instances: Vec<Instance>,
}

#[derive(Debug)]
struct Instance {
    /// Place in [`Rules::services`].
    service: usize,
    address: Address,
    health_path: String,
    interval: Duration,
    names_version: bool,
    tally: Tally,
    last: Option<ProbeReport>,
    due: Duration,
    /// Whether an answer is awaited.
    asked: bool,
}

/// What changes when a verdict does.
pub(super) type Signature = Vec<(bool, bool)>;

impl Probing {
    /// Every instance is due at once. `needed` overrides how many passes in a row a service asks for.
    pub(super) fn new(
        rules: &Rules,
        moves: &[Move],
        side: impl Fn(&Move) -> &Side,
        look: Look,
        needed: Option<u32>,
        now: Duration,
        patience: Duration,
    ) -> Self {
        let mut instances = Vec::new();
        for (index, (service, step)) in rules.services.iter().zip(moves).enumerate() {
            for address in &side(step).addresses {
                instances.push(Instance {
                    service: index,
                    address: address.clone(),
                    health_path: service.health_path.clone(),
                    interval: service.interval,
                    names_version: service.names_version,
                    tally: Tally::new(needed.unwrap_or(service.passes)),
                    last: None,
                    due: now,
                    asked: false,
                });
            }
        }
        Self {
            began: now,
            deadline: now.saturating_add(patience),
            look,
            expected: None,
            instances,
        }
    }

    /// Lets an instance pass only when it calls itself so.
    pub(super) fn expect_version(mut self, expected: Option<String>) -> Self {
        self.expected = expected;
        self
    }

    /// Who has to be asked now; they count as asked.
    pub(super) fn due(&mut self, now: Duration) -> Vec<(usize, Address)> {
        let mut due = Vec::new();
        for instance in &mut self.instances {
            if !instance.asked && instance.due <= now {
                instance.asked = true;
                instance.due = now.saturating_add(instance.interval);
                due.push((instance.service, instance.address.clone()));
            }
        }
        due
    }

    /// When somebody has to be asked next.
    pub(super) fn wake(&self) -> Option<Duration> {
        let idle = self.instances.iter().filter(|instance| !instance.asked);
        idle.map(|instance| instance.due).min()
    }

    /// Answers that are awaited will not come.
    pub(super) fn forget_asked(&mut self) {
        for instance in &mut self.instances {
            instance.asked = false;
        }
    }

    /// Counts an answer.
    pub(super) fn record(&mut self, service: usize, address: &Address, mut report: ProbeReport) {
        let same = |it: &&mut Instance| it.asked && it.service == service && it.address == *address;
        let Some(instance) = self.instances.iter_mut().find(same) else {
            return;
        };
        if let (true, true, Some(expected)) = (report.passed, instance.names_version, &self.expected)
            && report.version.as_ref() != Some(expected)
        {
            report.passed = false;
            report.reason = Some(match &report.version {
                Some(version) => format!("is version `{version}`, expected `{expected}`"),
                None => format!("names no version, expected `{expected}`"),
            });
        }
        instance.asked = false;
        instance.tally.record(report.passed);
        instance.last = Some(report);
    }

    /// Whether every instance has passed often enough, at the same time.
    pub(super) fn all_healthy(&self) -> bool {
        let mut verdicts = self.instances.iter().map(|instance| instance.tally.verdict());
        verdicts.all(|verdict| verdict == Verdict::Healthy)
    }

    /// An instance that failed often enough in a row, in words.
    pub(super) fn failing(&self, rules: &Rules) -> Option<String> {
        let failing = |it: &&Instance| it.tally.verdict() == Verdict::Failing;
        let instance = self.instances.iter().find(failing)?;
        let times = instance.tally.needed();
        Some(format!(
            "{}, {times} {} in a row",
            instance.complaint(rules, self.look),
            if times == 1 { "time" } else { "times" }
        ))
    }

    /// Who has not passed, in words; `elapsed` is how long they were given.
    pub(super) fn verdict(&self, rules: &Rules, elapsed: Duration) -> String {
        let unfit = |it: &&Instance| it.tally.verdict() != Verdict::Healthy;
        let mut failed: Vec<_> = self.instances.iter().filter(unfit).collect();
        // One whose last answer was good only lacks time, and tells less than one whose last answer was bad.
        failed.sort_by_key(|it| it.last.as_ref().is_some_and(|last| last.passed));
        let Some(first) = failed.first() else {
            return "every instance passed".into();
        };
        let probes = first.tally.probes();
        let more = match failed.len() {
            0 | 1 => String::new(),
            2 => ", and neither did one more instance".into(),
            n => format!(", and neither did {} more instances", n - 1),
        };
        format!(
            "{} ({probes} {} in {}){more}",
            first.complaint(rules, self.look),
            if probes == 1 { "probe" } else { "probes" },
            seconds(elapsed)
        )
    }

    /// Where every instance stands.
    pub(super) fn reports(&self, rules: &Rules) -> Vec<GateReport> {
        let report = |instance: &Instance| {
            let none_yet = || ProbeReport::none_yet(instance.name(rules), &instance.address);
            GateReport::new(&instance.tally, instance.last.clone().unwrap_or_else(none_yet))
        };
        self.instances.iter().map(report).collect()
    }

    /// What all instances that name a version agree on.
    pub(super) fn version(&self) -> Option<String> {
        let versions = self
            .instances
            .iter()
            .filter_map(|it| it.last.as_ref()?.version.as_ref());
        let mut versions: Vec<_> = versions.collect();
        versions.dedup();
        match versions[..] {
            [only] => Some(only.clone()),
            _ => None,
        }
    }

    /// Differs whenever a verdict does.
    pub(super) fn signature(&self) -> Signature {
        let of = |it: &Instance| {
            let passed = it.last.as_ref().is_some_and(|last| last.passed);
            (passed, it.tally.verdict() == Verdict::Healthy)
        };
        self.instances.iter().map(of).collect()
    }
}

impl Instance {
    fn name<'r>(&self, rules: &'r Rules) -> &'r str {
        rules
            .services
            .get(self.service)
            .map_or("", |service| service.name.as_str())
    }

    /// `api 127.0.0.1:8011 did not pass /healthz: answered 503`.
    fn complaint(&self, rules: &Rules, look: Look) -> String {
        let (name, address) = (self.name(rules), &self.address);
        let why = match &self.last {
            None => "no answer yet",
            Some(last) if last.passed => "it passed, but not often enough in a row",
            Some(last) => last.reason.as_deref().unwrap_or("it did not say why"),
        };
        match look {
            Look::Health => format!("{name} {address} did not pass {}: {why}", self.health_path),
            Look::Connect => format!("{name} {address} does not accept a connection: {why}"),
        }
    }
}

/// `60 s`, `1.5 s`.
fn seconds(time: Duration) -> String {
    let tenths = time.as_millis() / 100;
    if tenths.is_multiple_of(10) {
        format!("{} s", tenths / 10)
    } else {
        format!("{}.{} s", tenths / 10, tenths % 10)
    }
}
