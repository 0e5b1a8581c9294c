//! What is told of swaps, rollbacks, deployments, reloads and whatever else is asked for: one message when it is over, out of the
//! lines of the journal.
//!
//! A swap that is a part of a deployment speaks for it: the deployment has a message of its own only where its swap had none.

use std::collections::{BTreeMap, VecDeque};

use super::message::{Draft, Severity, Topic};
use crate::model::api::{
    Action, CommandEnded, CommonStep, DeployOutcome, DeployStep, Event, GateReport, ReloadStep, SafeToStop, SwapStep,
    exit,
};
use crate::model::argv::typed;
use crate::model::history::{Entry, Record};
use crate::model::slot::Slot;

/// Operations under way that are known at once; of more, the oldest are forgotten, and told without who asked for them. So many apps, too,
/// are known that do not fall asleep or wake; the oldest that are forgotten are told once more.
const KNOWN: usize = 256;
/// Lines of what a command wrote that are told: its last ones.
const LAST_LINES: usize = 12;

/// The operations that are under way.
#[derive(Debug, Default)]
pub struct Operations {
    open: BTreeMap<u64, Open>,
    /// What was told of apps that cannot be stopped or started, oldest first: every visitor tries again.
    stuck: VecDeque<Stuck>,
}

/// That an environment's app does not fall asleep, or does not wake.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stuck {
    environment: String,
    kind: Action,
    /// Whether that was tried: who is turned away has heard nothing of an app that fails.
    tried: bool,
}

#[derive(Debug, Default, Clone)]
struct Open {
    kind: Option<Action>,
    user: Option<String>,
    within: Option<u64>,
    version: Option<String>,
    /// Whether a part of it was told.
    told: bool,
    /// Whether it has switched.
    switched: bool,
    /// What the last command that failed wrote.
    failed: Option<String>,
}

impl Operations {
    /// Takes a line of the journal. Returns what is to be told, and whether the side that serves, and whether it is well, belongs to it.
    pub fn hear(&mut self, entry: &Entry) -> Option<Draft> {
        let number = entry.operation?;
        let environment = entry.environment.as_deref();
        match &entry.record {
            Record::Asked { kind, caller, within } => {
                if self.open.len() >= KNOWN {
                    self.open.pop_first();
                }
                let open = self.open.entry(number).or_default();
                open.kind = Some(*kind);
                open.user = Some(caller.user.clone());
                open.within = *within;
                None
            }
            Record::Torn { kind, live } => Some(torn(*kind, live, number, environment)),
            Record::Started { .. } | Record::Stopped { .. } => None,
            Record::Step { event } => self.step(number, environment, event),
        }
    }

    fn step(&mut self, number: u64, environment: Option<&str>, event: &Event) -> Option<Draft> {
        // Of an operation that was forgotten, or that another process began.
        let open = self.open.entry(number).or_default();
        match event {
            Event::Swap(SwapStep::Plan { kind, .. }) => open.kind = Some((*kind).into()),
            Event::Swap(SwapStep::Switched { .. }) => open.switched = true,
            Event::Common(CommonStep::Gated {
                version: Some(version), ..
            })
            | Event::Deploy(DeployStep::Deploying {
                version: Some(version), ..
            }) => open.version = Some(version.clone()),
            Event::Deploy(DeployStep::CommandEnded(ended)) => open.failed = failed(ended).or(open.failed.take()),
            _ => {}
        }
        event.exit_code()?;
        let open = self.open.remove(&number)?;
        let draft = told(&open, environment, event);
        if !self.is_news(&open, environment, event, draft.is_some()) {
            return None;
        }
        let mut draft = draft?;
        draft.operation = Some(number);
        draft.environments = environment.map(str::to_owned).into_iter().collect();
        draft.user.clone_from(&open.user);
        if let Some(whole) = open.within.and_then(|whole| self.open.get_mut(&whole)) {
            whole.told = true;
        }
        draft.lines.extend(asked(&open, number, environment));
        Some(draft)
    }

    /// Whether nobody was told yet: that an app does not wake is told once until it does, however many visitors call. What is not told anyway
    /// keeps nothing else from being told.
    fn is_news(&mut self, open: &Open, environment: Option<&str>, event: &Event, is_told: bool) -> bool {
        let (Some(kind @ (Action::Sleep | Action::Wake)), Some(name)) = (open.kind, environment) else {
            return true;
        };
        match event {
            Event::Common(step) if is_told => {
                let stuck = Stuck {
                    environment: name.to_owned(),
                    kind,
                    tried: !matches!(step, CommonStep::Refused { .. }),
                };
                if self.stuck.contains(&stuck) {
                    return false;
                }
                if self.stuck.len() >= KNOWN {
                    self.stuck.pop_front();
                }
                self.stuck.push_back(stuck);
            }
            Event::Common(_) => {}
            _ => self.stuck.retain(|stuck| stuck.environment != name),
        }
        true
    }
}

/// `swap 12 by root`, with the deployment that it was a part of.
fn asked(open: &Open, number: u64, environment: Option<&str>) -> Option<String> {
    let (kind, user) = (open.kind?, open.user.as_ref()?);
    let part = open
        .within
        .map_or_else(String::new, |whole| format!(", a part of deploy {whole}"));
    let of = environment.map_or_else(String::new, |name| format!(" of {name}"));
    Some(format!("It was {kind} {number}{of}, asked for by {user}{part}."))
}

fn told(open: &Open, environment: Option<&str>, event: &Event) -> Option<Draft> {
    let place = environment.map_or_else(String::new, |name| format!("{name}: "));
    let key = format!("operation/{}", environment.unwrap_or("daemon"));
    let what = open
        .kind
        .map_or_else(|| "an operation".to_owned(), |kind| kind.to_string());
    let history = match environment {
        Some(name) => format!("proxyctl status {name}; proxyctl history {name}"),
        None => "proxyctl history".to_owned(),
    };
    let draft = |topic, severity, title: String| Draft::new(topic, severity, key.clone(), format!("{place}{title}"));
    match event {
        Event::Swap(SwapStep::Done {
            live,
            generation,
            safe_to_stop,
            traffic,
            ..
        }) => {
            let version = open.version.as_ref();
            let version = version.map_or_else(String::new, |version| format!(", version {version}"));
            let (topic, word) = match open.kind {
                Some(Action::Rollback) => (Topic::Rollback, "rolled back: "),
                _ => (Topic::Swap, ""),
            };
            let mut draft = draft(topic, Severity::Info, format!("{word}{live} is live{version}"));
            draft.lines.push(format!(
                "Generation {}. Since the switch: {} requests, {} errors by the proxy, {} by the app.",
                generation.0, traffic.requests, traffic.proxy_errors, traffic.app_errors
            ));
            draft.lines.extend(stoppable(safe_to_stop));
            draft.help = environment.map(|name| format!("proxyctl rollback {name}"));
            Some(draft)
        }
        Event::Swap(SwapStep::RolledBack { reason, by, live, .. }) => {
            // Somebody who wants the old side back knows of it.
            let severity = by.as_ref().map_or(Severity::Critical, |_| Severity::Info);
            let doer = by.as_deref().unwrap_or("itself");
            let title = format!("switched, and rolled back by {doer}; {live} serves again");
            let mut draft = draft(Topic::Rollback, severity, title);
            draft.lines.push(format!("Why: {reason}."));
            draft.help = Some(history);
            Some(draft)
        }
        Event::Common(CommonStep::Refused {
            code,
            reason,
            evidence,
            hint,
            live,
            ..
        }) => {
            // Who was turned away at once sits before it.
            if *code != exit::REFUSED {
                return None;
            }
            let mut draft = draft(Topic::Refused, Severity::Warning, format!("{what} refused"));
            draft.lines.push(format!("Why: {reason}."));
            draft.lines.push(unchanged(*live));
            draft.evidence = words(evidence);
            draft.help = Some(
                hint.clone()
                    .map_or(history, |hint| format!("{hint}; then {what} again")),
            );
            Some(draft)
        }
        Event::Common(CommonStep::Failed { reason, live }) => {
            let mut draft = draft(Topic::Refused, Severity::Critical, format!("{what} FAILED"));
            draft.lines.push(format!("Why: {reason}."));
            draft.lines.extend(live.map(|live| format!("{live} is live.")));
            draft.help = Some(history);
            Some(draft)
        }
        Event::Reload(ReloadStep::Invalid { report, errors }) => {
            let mistakes = if *errors == 1 {
                "a mistake".into()
            } else {
                format!("{errors} mistakes")
            };
            let mut draft = draft(
                Topic::Refused,
                Severity::Warning,
                format!("reload refused: {mistakes} in the file"),
            );
            draft
                .lines
                .push("Nothing changed; what was served is served on.".into());
            draft.evidence = Some(report.clone());
            draft.help = Some("proxyctl check".into());
            Some(draft)
        }
        Event::Deploy(DeployStep::Released { outcome, reason }) if !open.told => {
            let (severity, title) = match outcome {
                // Its swap has told of it, and its caller knows that he has broken it off.
                DeployOutcome::Done | DeployOutcome::Interrupted => return None,
                DeployOutcome::Refused => (Severity::Warning, "deploy refused; nothing was switched"),
                DeployOutcome::RolledBack => (Severity::Critical, "deploy rolled back; the old side serves again"),
                DeployOutcome::Failed => (Severity::Critical, "deploy FAILED"),
            };
            let mut draft = draft(Topic::Refused, severity, title.to_owned());
            draft
                .lines
                .extend(reason.iter().map(|reason| format!("Why: {reason}.")));
            draft.evidence.clone_from(&open.failed);
            draft.help = Some(history);
            Some(draft)
        }
        Event::Deploy(DeployStep::Abandoned { step, live }) => {
            let title = format!("deploy broke off at {step}: its caller is gone");
            let mut draft = draft(Topic::Refused, Severity::Warning, title);
            draft.lines.extend(live.map(|live| format!("{live} is live.")));
            draft.evidence.clone_from(&open.failed);
            draft.help = Some(history);
            Some(draft)
        }
        _ => None,
    }
}

fn unchanged(live: Option<Slot>) -> String {
    match live {
        Some(live) => format!("Nothing was switched; {live} still serves."),
        None => "Nothing was changed.".to_owned(),
    }
}

fn torn(kind: Action, live: &str, number: u64, environment: Option<&str>) -> Draft {
    let place = environment.map_or_else(String::new, |name| format!("{name}: "));
    let title = format!("{place}{kind} cut off: the daemon ended before it did; {live} is live");
    let key = format!("operation/{}", environment.unwrap_or("daemon"));
    let mut draft = Draft::new(Topic::Refused, Severity::Critical, key, title);
    draft.operation = Some(number);
    draft.environments = environment.map(str::to_owned).into_iter().collect();
    draft.help = Some(match environment {
        Some(name) => format!("proxyctl status {name}; then {kind} again"),
        None => "proxyctl status".to_owned(),
    });
    draft
}

fn stoppable(safe: &[SafeToStop]) -> Option<String> {
    let one = |it: &SafeToStop| {
        let addresses: Vec<String> = it.addresses.iter().map(ToString::to_string).collect();
        format!("{} {}", it.service, addresses.join(" "))
    };
    let all: Vec<String> = safe.iter().map(one).collect();
    (!all.is_empty()).then(|| format!("Safe to stop: {}.", all.join(", ")))
}

/// What the apps said that did not pass.
fn words(evidence: &[GateReport]) -> Option<String> {
    let one = |report: &GateReport| {
        let last = &report.last;
        let answer = match (last.status, &last.reason) {
            (Some(status), Some(reason)) if *reason != format!("answered {status}") => format!("{status}, {reason}"),
            (Some(status), _) => status.to_string(),
            (None, Some(reason)) => reason.clone(),
            (None, None) => "no answer".to_owned(),
        };
        let body = if last.body.is_empty() {
            String::new()
        } else {
            format!("\n{}", last.body)
        };
        format!(
            "{} {} → {answer} ({} probes){body}",
            last.service, last.address, report.probes
        )
    };
    let failed = evidence.iter().filter(|report| report.passes < report.needed);
    let all: Vec<String> = failed.map(one).collect();
    (!all.is_empty()).then(|| all.join("\n"))
}

/// How a command failed, and its last lines; `None` for one that did not.
fn failed(ended: &CommandEnded) -> Option<String> {
    let how = match (ended.exit, ended.signal, &ended.error) {
        (Some(0), ..) => return None,
        (Some(code), ..) => format!("exit {code}"),
        (None, Some(signal), _) => format!("killed by signal {signal}"),
        (None, None, error) => error.clone()?,
    };
    let lines: Vec<&str> = ended.output.trim_end().lines().collect();
    let last = lines[lines.len().saturating_sub(LAST_LINES)..].join("\n");
    Some(
        format!("$ {}\n{how}\n{last}", typed(&ended.command))
            .trim_end()
            .to_owned(),
    )
}

#[cfg(test)]
mod tests;
