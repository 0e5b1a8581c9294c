//! A gate: which of several instances is asked when, and what their answers amount to (N6, N7). A swap asks its new side before
//! the switch and in the bake window, and its old side before it comes back; a reload and a pause ask the instances that are to
//! serve.

use std::time::Duration;

use super::api::{GateReport, ProbeReport};
use super::health::{Tally, Verdict};
use super::slot::Address;

/// What is asked of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// A whole health probe.
    Health,
    /// Only whether it accepts a connection (N8).
    Connect,
}

/// An instance that has to prove its health.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// Which service it belongs to, by a number that is given back with each question; addresses are unique within a service.
    pub service: usize,
    /// The service's name.
    pub name: String,
    /// Where it runs.
    pub address: Address,
    /// The path that probes ask for.
    pub health_path: String,
    /// Time between two probes.
    pub interval: Duration,
    /// Passes in a row that make it healthy, and failures in a row that make it failing.
    pub needed: u32,
    /// Whether its answers say which version it is.
    pub names_version: bool,
}

/// Several instances under probes.
#[derive(Debug)]
pub struct Probing {
    /// When it began.
    pub began: Duration,
    /// When it has to be over.
    pub deadline: Duration,
    /// What is asked of each instance.
    pub look: Look,
    expected: Option<String>,
    instances: Vec<Instance>,
}

#[derive(Debug)]
struct Instance {
    candidate: Candidate,
    tally: Tally,
    last: Option<ProbeReport>,
    due: Duration,
    /// Whether an answer is awaited.
    asked: bool,
}

/// What changes when a verdict does.
pub type Signature = Vec<(bool, bool)>;

impl Probing {
    /// Every instance is due at once.
    #[must_use]
    pub fn new(candidates: impl IntoIterator<Item = Candidate>, look: Look, now: Duration, patience: Duration) -> Self {
        let instance = |candidate: Candidate| Instance {
            tally: Tally::new(candidate.needed),
            candidate,
            last: None,
            due: now,
            asked: false,
        };
        Self {
            began: now,
            deadline: now.saturating_add(patience),
            look,
            expected: None,
            instances: candidates.into_iter().map(instance).collect(),
        }
    }

    /// Lets an instance pass only when it calls itself so.
    #[must_use]
    pub fn expect_version(mut self, expected: Option<String>) -> Self {
        self.expected = expected;
        self
    }

    /// The instances that have to be asked now, by service and address; they count as asked.
    pub fn due(&mut self, now: Duration) -> Vec<(usize, Address)> {
        let mut due = Vec::new();
        for instance in &mut self.instances {
            if !instance.asked && instance.due <= now {
                instance.asked = true;
                instance.due = now.saturating_add(instance.candidate.interval);
                due.push((instance.candidate.service, instance.candidate.address.clone()));
            }
        }
        due
    }

    /// When an instance has to be asked next.
    #[must_use]
    pub fn wake(&self) -> Option<Duration> {
        let idle = self.instances.iter().filter(|instance| !instance.asked);
        idle.map(|instance| instance.due).min()
    }

    /// The answers that are awaited will not come: their instances are asked again when they are due.
    pub fn forget_asked(&mut self) {
        for instance in &mut self.instances {
            instance.asked = false;
        }
    }

    /// Counts an answer.
    pub fn record(&mut self, service: usize, address: &Address, mut report: ProbeReport) {
        let same = |it: &&mut Instance| it.asked && it.candidate.service == service && it.candidate.address == *address;
        let Some(instance) = self.instances.iter_mut().find(same) else {
            return;
        };
        if let (true, true, Some(expected)) = (report.passed, instance.candidate.names_version, &self.expected)
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
    #[must_use]
    pub fn all_healthy(&self) -> bool {
        let mut verdicts = self.instances.iter().map(|instance| instance.tally.verdict());
        verdicts.all(|verdict| verdict == Verdict::Healthy)
    }

    /// An instance that failed often enough in a row, in words.
    #[must_use]
    pub fn failing(&self) -> Option<String> {
        let failing = |it: &&Instance| it.tally.verdict() == Verdict::Failing;
        let instance = self.instances.iter().find(failing)?;
        let times = instance.tally.needed();
        Some(format!(
            "{}, {times} {} in a row",
            instance.complaint(self.look),
            if times == 1 { "time" } else { "times" }
        ))
    }

    /// Which instances have not passed, in words; `elapsed` is how long they were given.
    #[must_use]
    pub fn verdict(&self, elapsed: Duration) -> String {
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
            first.complaint(self.look),
            if probes == 1 { "probe" } else { "probes" },
            seconds(elapsed)
        )
    }

    /// Where every instance stands.
    #[must_use]
    pub fn reports(&self) -> Vec<GateReport> {
        let report = |instance: &Instance| {
            let none_yet = || ProbeReport::none_yet(&instance.candidate.name, &instance.candidate.address);
            GateReport::new(&instance.tally, instance.last.clone().unwrap_or_else(none_yet))
        };
        self.instances.iter().map(report).collect()
    }

    /// What all instances that name a version agree on.
    #[must_use]
    pub fn version(&self) -> Option<String> {
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
    #[must_use]
    pub fn signature(&self) -> Signature {
        let of = |it: &Instance| {
            let passed = it.last.as_ref().is_some_and(|last| last.passed);
            (passed, it.tally.verdict() == Verdict::Healthy)
        };
        self.instances.iter().map(of).collect()
    }
}

impl Instance {
    /// `api 127.0.0.1:8011 did not pass /healthz: answered 503`.
    fn complaint(&self, look: Look) -> String {
        let Candidate {
            name,
            address,
            health_path,
            ..
        } = &self.candidate;
        let why = match &self.last {
            None => "no answer yet",
            Some(last) if last.passed => "it passed, but not often enough in a row",
            Some(last) => last.reason.as_deref().unwrap_or("it did not say why"),
        };
        match look {
            Look::Health => format!("{name} {address} did not pass {health_path}: {why}"),
            Look::Connect if address.folder().is_some() => format!("{name} {address} cannot be opened: {why}"),
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
