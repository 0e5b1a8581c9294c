//! Whether the version that one environment runs may be promoted to another, by what the daemon's probes of it have seen. Pure: a status
//! and a time in, a finding out.

use std::time::Duration;

use jiff::Timestamp;

use super::api::{EnvironmentStatus, GateReport, HealthStatus, SleepState, exit};
use super::deploy::check_version;

/// What a version has to have behind it.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// How long every instance has to have been healthy under it, without a break.
    pub healthy_for: Duration,
    /// What it was when somebody looked first.
    pub version: Option<&'a str>,
}

/// What was found of an environment whose version is to be promoted.
#[derive(Debug, Clone, PartialEq)]
pub enum Finding {
    /// It was healthy under this version for long enough.
    Proven {
        /// The version.
        version: String,
        /// For how long it has been healthy under it.
        healthy: Duration,
    },
    /// Nothing speaks against it but that too little time has passed.
    Early {
        /// The version; `None` while not every instance was looked at.
        version: Option<String>,
        /// For how long it has been healthy under it.
        healthy: Duration,
    },
}

/// What speaks against it, and time alone does not mend.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    /// The exit code.
    pub code: u8,
    /// Why, in one sentence.
    pub reason: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// What unhealthy instances have answered.
    pub evidence: Vec<GateReport>,
}

impl Refusal {
    /// A rule speaks against it.
    #[must_use]
    pub fn rule(reason: impl Into<String>, hint: Option<String>) -> Self {
        Self {
            code: exit::REFUSED,
            reason: reason.into(),
            hint,
            evidence: Vec::new(),
        }
    }
}

/// Judges an environment as it is told at `now`.
///
/// # Errors
/// What speaks against it, and time alone does not mend.
pub fn judge(source: &EnvironmentStatus, wanted: Wanted<'_>, now: Timestamp) -> Result<Finding, Refusal> {
    let name = &source.name;
    let look = || Some(format!("`proxyctl status {name}` shows why"));
    if source
        .sleep
        .as_ref()
        .is_some_and(|sleep| sleep.state != SleepState::Awake)
    {
        let hint = format!("`proxyctl wake {name}` starts it");
        return Err(Refusal::rule(
            format!("`{name}` sleeps, and its app does not run"),
            Some(hint),
        ));
    }
    let instances = || source.services.iter().flat_map(|service| &service.health);
    let evidence: Vec<_> = instances().filter_map(objection).collect();
    if !evidence.is_empty() {
        return Err(Refusal {
            evidence,
            ..Refusal::rule(format!("`{name}` is not healthy"), look())
        });
    }
    if !source.services.iter().any(|service| service.names_version) {
        let hint = format!("set `health.version` of `{name}` to `header:NAME` or `json:FIELD`");
        let reason = format!("the file does not say how `{name}` tells which version it runs");
        return Err(Refusal {
            code: exit::USAGE,
            ..Refusal::rule(reason, Some(hint))
        });
    }
    let unseen = Finding::Early {
        version: None,
        healthy: Duration::ZERO,
    };
    if instances().any(|instance| instance.healthy.is_none()) {
        return Ok(unseen);
    }
    let version = version(source).map_err(|reason| Refusal::rule(reason, look()))?;
    if let Err(flaw) = check_version(&version) {
        let reason = format!("what `{name}` calls itself cannot be deployed: {flaw}");
        return Err(Refusal::rule(reason, None));
    }
    if let Some(before) = wanted.version.filter(|before| *before != version) {
        let reason = format!("`{name}` runs `{version}` by now, and no longer `{before}`");
        return Err(Refusal::rule(reason, None));
    }
    let since = source.healthy_since.as_ref();
    let Some(since) = since.and_then(|since| since.parse::<Timestamp>().ok()) else {
        return Ok(unseen);
    };
    // A clock that went back shows as no time at all.
    let healthy = Duration::try_from(now.duration_since(since)).unwrap_or_default();
    if healthy < wanted.healthy_for {
        let version = Some(version);
        return Ok(Finding::Early { version, healthy });
    }
    Ok(Finding::Proven { version, healthy })
}

/// Whether every instance that says its version says this one, and is well; and there is one that does.
#[must_use]
pub fn runs(environment: &EnvironmentStatus, version: &str) -> bool {
    let naming = environment.services.iter().filter(|service| service.names_version);
    let mut instances = naming.flat_map(|service| &service.health).peekable();
    let says = |instance: &HealthStatus| {
        let last = instance.last.as_ref();
        last.is_some_and(|last| last.passed && last.version.as_deref() == Some(version))
    };
    instances.peek().is_some() && instances.all(says)
}

/// What an instance has answered that was no pass.
fn objection(instance: &HealthStatus) -> Option<GateReport> {
    let last = instance.last.clone().filter(|last| !last.passed)?;
    Some(GateReport {
        last,
        passes: 0,
        needed: 1,
        probes: 1,
    })
}

/// The one version that all services say that say one; else why there is none.
fn version(source: &EnvironmentStatus) -> Result<String, String> {
    let name = &source.name;
    let mut versions: Vec<(&str, &str)> = Vec::new();
    for service in source.services.iter().filter(|service| service.names_version) {
        for instance in &service.health {
            let said = instance.last.as_ref().and_then(|last| last.version.as_deref());
            let said = said.ok_or_else(|| {
                format!(
                    "`{}` of `{name}` does not say which version it runs: its health answer has no `health.version`",
                    service.name
                )
            })?;
            if versions.iter().all(|(_, known)| *known != said) {
                versions.push((&service.name, said));
            }
        }
    }
    match versions.as_slice() {
        [(_, version)] => Ok((*version).to_owned()),
        versions => {
            let told: Vec<_> = versions
                .iter()
                .map(|(service, version)| format!("`{service}` runs `{version}`"))
                .collect();
            Err(format!("`{name}` does not run one version: {}", told.join(", ")))
        }
    }
}

#[cfg(test)]
mod tests;
