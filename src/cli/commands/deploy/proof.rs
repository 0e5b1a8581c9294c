//! Whether a version that another environment runs has proven itself there. What it has to have behind it, `model::promotion` says; the
//! evidence is the daemon's.
//!
//! It is asked for three times: before anything else, under the lock before the first command, and by the daemon behind the gate, with what
//! the candidate answers.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::{Instant, sleep};

use super::hold::Hold;
use super::show::Show;
use crate::cli::client::Client;
use crate::cli::commands::environment::unknown;
use crate::cli::commands::parity::compare;
use crate::cli::exit::Stop;
use crate::cli::output::text::{escape, period};
use crate::model::api::{
    About, CommonStep, DeployOutcome, EnvironmentStatus, ReleaseRequest, Status, SwapStep, exit, millis,
};
use crate::model::promotion::{Finding, Refusal, Wanted, judge, runs};

/// Between two looks at an environment that is waited for.
const AGAIN: Duration = Duration::from_millis(500);

/// Whose version is promoted, and what it has to have behind it.
pub(super) struct Promotion<'a> {
    /// The environment whose version it is.
    pub(super) from: &'a str,
    /// The one that it is deployed to.
    pub(super) to: &'a str,
    /// How long it has to have been healthy.
    pub(super) healthy_for: Duration,
}

/// What the questions before a promotion lead to.
pub(super) enum Proof {
    /// This version may be promoted.
    Version(String),
    /// It ends here; why, was said.
    Ended(u8),
}

impl Promotion<'_> {
    /// Asks which version it is and whether it has proven itself, and waits for that as long as `wait` says and `timeout` allows.
    ///
    /// # Errors
    /// When the daemon cannot be asked, or has no such environment.
    pub(super) async fn proven(
        &self,
        client: &Client,
        show: &Show,
        wait: Option<Duration>,
        timeout: Option<Duration>,
    ) -> Result<Proof, Stop> {
        let began = Instant::now();
        let (mut seen, mut is_told) = (None::<String>, false);
        let (version, healthy) = loop {
            let source = self.environment(client, self.from).await?;
            let (version, healthy) = match self.judge(&source, seen.as_deref()) {
                Ok(Finding::Proven { version, healthy }) => break (version, healthy),
                Ok(Finding::Early { version, healthy }) => (version, healthy),
                Err(refusal) => return Ok(Proof::Ended(say(refusal, show))),
            };
            let missing = self.healthy_for.saturating_sub(healthy);
            let left = wait.unwrap_or_default().saturating_sub(began.elapsed());
            // Of one that was not looked at nobody knows yet how long it has been well.
            if left.is_zero() || version.is_some() && left < missing {
                let early = self.early(version.as_deref(), healthy, wait);
                return Ok(Proof::Ended(say(early, show)));
            }
            if timeout.is_some_and(|timeout| began.elapsed() >= timeout) {
                return Err(Stop::failed("`--timeout` is over; nothing was begun"));
            }
            if let Some(version) = &version {
                let told = self.how_long(version, healthy);
                if !std::mem::replace(&mut is_told, true) {
                    show.look("promote", &format!("{told}; waiting for {}", written(self.healthy_for)));
                }
                show.progressing(format!("… promote {told} of {}", written(self.healthy_for)));
            }
            seen = version.or(seen);
            sleep(AGAIN.min(left)).await;
        };
        if runs(&self.environment(client, self.to).await?, &version) {
            let (to, version) = (escape(self.to), escape(&version));
            show.event(CommonStep::Warning {
                message: format!("`{to}` runs {version} already; nothing is done"),
            });
            return Ok(Proof::Ended(exit::DONE));
        }
        show.good("promote", &self.how_long(&version, healthy));
        Ok(match self.compared(client, show).await? {
            Some(refusal) => Proof::Ended(say(refusal, show)),
            None => Proof::Version(version),
        })
    }

    /// Whether it is as it was, now that the other environment is ours: somebody may have answered a question for long, or the lock was
    /// waited for. Where it is not, the lock is freed, and this is the exit code.
    ///
    /// # Errors
    /// When the daemon cannot be asked.
    pub(super) async fn is_still(
        &self,
        version: &str,
        client: &Client,
        show: &Show,
        hold: &Hold,
    ) -> Result<Option<u8>, Stop> {
        let source = self.environment(client, self.from).await?;
        let refusal = match self.judge(&source, Some(version)) {
            Ok(Finding::Early { version, healthy }) => self.early(version.as_deref(), healthy, None),
            Ok(Finding::Proven { .. }) => return Ok(None),
            Err(refusal) => refusal,
        };
        let request = ReleaseRequest {
            operation: hold.operation,
            outcome: DeployOutcome::Refused,
            reason: Some(refusal.reason.clone()),
        };
        // Where the daemon does not hear it, the lock goes with our connection.
        let _ = client.post::<serde_json::Value>("/v1/deploy/release", &request).await;
        Ok(Some(say(refusal, show)))
    }

    async fn environment(&self, client: &Client, name: &str) -> Result<EnvironmentStatus, Stop> {
        let status: Status = client.get("/v1/status").await?;
        let names: Vec<String> = status.environments.iter().map(|it| it.name.clone()).collect();
        let found = status.environments.into_iter().find(|it| it.name == name);
        found.ok_or_else(|| unknown(name, names.iter().map(String::as_str)))
    }

    fn judge(&self, source: &EnvironmentStatus, version: Option<&str>) -> Result<Finding, Refusal> {
        let wanted = Wanted {
            healthy_for: self.healthy_for,
            version,
        };
        judge(source, wanted, Timestamp::now())
    }

    /// What differs by the configuration refuses at once. What the apps answer is for the candidate to answer too: the version that serves
    /// now is what is going to be replaced.
    async fn compared(&self, client: &Client, show: &Show) -> Result<Option<Refusal>, Stop> {
        let parity = compare(client, self.to, self.from).await?;
        let (answers, differences): (Vec<_>, Vec<_>) = parity
            .differences
            .into_iter()
            .partition(|difference| difference.about == About::Answers);
        let (from, to) = (self.from, self.to);
        if differences.is_empty() {
            if !answers.is_empty() {
                let text = "their apps answer differently now; the new side's answers are compared before the switch";
                show.look("parity", text);
            }
            return Ok(None);
        }
        let reason = format!("`{to}` is not of one shape with `{from}`");
        show.event(SwapStep::Differs {
            environment: to.to_owned(),
            other: from.to_owned(),
            differences,
        });
        let hint = format!("make them alike; `proxyctl parity {from} {to}` shows all that differs");
        Ok(Some(Refusal::rule(reason, Some(hint))))
    }

    /// Too little time has passed.
    fn early(&self, version: Option<&str>, healthy: Duration, wait: Option<Duration>) -> Refusal {
        let (from, asked) = (self.from, written(self.healthy_for));
        let reason = match version {
            Some(version) => format!(
                "`{from}` has been healthy as `{version}` for {}, and `--for` asks for {asked}",
                written(healthy)
            ),
            None => format!("`{from}` was not looked at yet, and `--for` asks for {asked}"),
        };
        let hint = match wait {
            None => "`--wait 10m` waits for it".into(),
            Some(wait) => format!("`--wait {}` is too short for that", written(wait).replace(' ', "")),
        };
        Refusal::rule(reason, Some(hint))
    }

    fn how_long(&self, version: &str, healthy: Duration) -> String {
        format!(
            "{} is healthy as {} for {}",
            escape(self.from),
            escape(version),
            written(healthy)
        )
    }
}

/// Says why it ends; the exit code.
fn say(refusal: Refusal, show: &Show) -> u8 {
    let Refusal {
        code,
        reason,
        hint,
        evidence,
    } = refusal;
    show.event(CommonStep::Refused {
        code,
        reason,
        evidence,
        hint,
        live: None,
        health: Vec::new(),
    });
    code
}

fn written(time: Duration) -> String {
    period(millis(time))
}
