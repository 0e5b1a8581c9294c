//! Deployments: what is asked for, what the daemon says of the sides, and what is reported of commands. The commands themselves run
//! in `proxyctl`, as its caller; the daemon holds the environment meanwhile, and keeps the record.

use serde::{Deserialize, Serialize};

use super::operation::{Kind, Side};
use crate::model::deploy::Table;
use crate::model::slot::{Generation, Slot};

/// `POST /v1/deploy`: to hold an environment as long as the connection lasts, or until it is released.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeployRequest {
    /// The environment's name.
    pub environment: String,
    /// To the idle side, or back to the previous one.
    pub kind: Kind,
    /// What is deployed: a commit, a tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The name that was typed or given as `--yes=NAME`, for protected environments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmed: Option<String>,
    /// Says what would be held, and holds nothing.
    #[serde(default)]
    pub dry_run: bool,
    /// `--wait`: how long to wait for another operation to end, in milliseconds; without it the answer is at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_ms: Option<u64>,
    /// Only if nobody has switched since this was published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Generation>,
}

/// `POST /v1/deploy/step`: what became of a command of a deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepRequest {
    /// Number of the deployment.
    pub operation: u64,
    /// What became of it.
    pub step: Step,
}

/// What became of a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Step {
    /// It is about to run, if the daemon says yes.
    Begun(CommandBegun),
    /// It has run.
    Ended(CommandEnded),
}

/// What a command of a deployment is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Starts the candidate.
    Start,
    /// Shows what the candidate wrote into its log, where the gate refused it.
    Gate,
    /// Runs once, after the gate and before the switch.
    Before,
    /// Stops a side.
    Stop,
    /// Runs when the old side is safe to stop.
    After,
}

impl Stage {
    /// Whether its commands touch a side, and so have to name its slot.
    #[must_use]
    pub fn touches_a_side(self) -> bool {
        matches!(self, Self::Start | Self::Stop)
    }
}

impl std::fmt::Display for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Start => "start",
            Self::Gate => "gate",
            Self::Before => "before",
            Self::Stop => "stop",
            Self::After => "after",
        })
    }
}

/// A command that is about to run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandBegun {
    /// What it is for.
    pub step: Stage,
    /// The service, where it is of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// The slot that it starts or stops.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot: Option<Slot>,
    /// Program and arguments.
    pub command: Vec<String>,
}

/// A command that has run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandEnded {
    /// What it was for.
    pub step: Stage,
    /// The service, where it is of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// The slot that it started or stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot: Option<Slot>,
    /// Program and arguments.
    pub command: Vec<String>,
    /// Its exit code; `None` when it was killed, or could not be started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit: Option<i32>,
    /// The signal that killed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<i32>,
    /// Why it could not be started, or was ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The end of what it wrote, at most [`CommandEnded::OUTPUT`] bytes of it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub output: String,
    /// How long it ran, in milliseconds.
    pub elapsed_ms: u64,
}

impl CommandEnded {
    /// Bytes of its output that are kept.
    pub const OUTPUT: usize = 64 * 1024;
}

/// `POST /v1/deploy/release`: the deployment is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReleaseRequest {
    /// Number of the deployment.
    pub operation: u64,
    /// How it ended.
    pub outcome: DeployOutcome,
    /// Why, where that needs a word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// How a deployment ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeployOutcome {
    /// As it was meant.
    Done,
    /// Nothing was switched.
    Refused,
    /// It switched, and the old side serves again.
    RolledBack,
    /// A person has to look.
    Failed,
    /// Its caller broke it off, and what it had begun was undone.
    Interrupted,
}

/// What a deployment has to know of its environment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeployPlan {
    /// How the environment is deployed, where its own table says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<Table>,
    /// Its services with two sides, in the order of the file.
    pub services: Vec<DeployService>,
    /// Whether a service says which version it is.
    pub names_version: bool,
    /// Whether swap, rollback and deploy ask for the environment's name.
    pub protected: bool,
    /// The number of what is published.
    pub generation: Generation,
    /// The slot that is live.
    pub live: Slot,
    /// The slot that is going to be live: the idle one, or the previous one for a rollback.
    pub idle: Slot,
    /// What was deployed to the live side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployed_live: Option<Deployed>,
    /// What served on the idle side when that was live last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployed_idle: Option<Deployed>,
    /// Since when the idle side is idle, RFC 3339; `None` where it was never live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle_since: Option<String>,
}

impl DeployPlan {
    /// Whether both sides of each of its services run in a later plan where they did in this one, whichever is live.
    #[must_use]
    pub fn is_where_it_was(&self, later: &Self) -> bool {
        self.services.iter().all(|was| {
            let mut same = later.services.iter().filter(|is| is.name == was.name);
            same.any(|is| {
                [&was.live, &was.idle]
                    .iter()
                    .all(|side| [&is.live, &is.idle].contains(side))
            })
        })
    }
}

/// One service of a deployment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeployService {
    /// Its name.
    pub name: String,
    /// How it is deployed, where a table of its own says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<Table>,
    /// What serves.
    pub live: Side,
    /// What is going to serve.
    pub idle: Side,
    /// Whether every instance of that side takes connections.
    pub idle_answers: bool,
}

/// What was deployed to a side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployed {
    /// The version, as `deploy` was given it or as the app called itself at the gate.
    pub version: String,
    /// When it began to serve, RFC 3339.
    pub since: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `value` is `line` on the wire, and is read back from it.
    fn is_written<T>(value: &T, line: &str)
    where
        T: Serialize + for<'de> Deserialize<'de> + PartialEq + std::fmt::Debug,
    {
        assert_eq!(serde_json::to_string(value).unwrap(), line);
        assert_eq!(serde_json::from_str::<T>(line).unwrap(), *value);
    }

    fn begun() -> CommandBegun {
        CommandBegun {
            step: Stage::Start,
            service: Some("web".into()),
            slot: Some(Slot::Green),
            command: vec!["systemctl".into(), "restart".into(), "web@green".into()],
        }
    }

    #[test]
    fn a_request_says_no_more_than_it_has_to() {
        let request = DeployRequest {
            environment: "prod".into(),
            kind: Kind::Swap,
            version: None,
            confirmed: None,
            dry_run: false,
            wait_ms: None,
            since: None,
        };
        is_written(&request, r#"{"environment":"prod","kind":"swap","dry_run":false}"#);
        let short = r#"{"environment":"prod","kind":"swap"}"#;
        assert_eq!(serde_json::from_str::<DeployRequest>(short).unwrap(), request);
        let full = DeployRequest {
            kind: Kind::Rollback,
            version: Some("8b71ff7".into()),
            confirmed: Some("prod".into()),
            dry_run: true,
            wait_ms: Some(600_000),
            since: Some(Generation(118)),
            ..request
        };
        is_written(
            &full,
            r#"{"environment":"prod","kind":"rollback","version":"8b71ff7","confirmed":"prod","dry_run":true,"wait_ms":600000,"since":118}"#,
        );
        let unknown = r#"{"environment":"prod","kind":"swap","slot":"blue"}"#;
        assert!(serde_json::from_str::<DeployRequest>(unknown).is_err());
    }

    #[test]
    fn a_step_has_begun_or_ended() {
        let request = |step| StepRequest { operation: 12, step };
        is_written(
            &request(Step::Begun(begun())),
            r#"{"operation":12,"step":{"begun":{"step":"start","service":"web","slot":"green","command":["systemctl","restart","web@green"]}}}"#,
        );
        let ended = CommandEnded {
            step: Stage::Before,
            service: None,
            slot: None,
            command: vec!["./migrate".into()],
            exit: Some(1),
            signal: None,
            error: None,
            output: "no such table\n".into(),
            elapsed_ms: 210,
        };
        is_written(
            &request(Step::Ended(ended.clone())),
            r#"{"operation":12,"step":{"ended":{"step":"before","command":["./migrate"],"exit":1,"output":"no such table\n","elapsed_ms":210}}}"#,
        );
        let killed = CommandEnded {
            exit: None,
            signal: Some(9),
            output: String::new(),
            ..ended
        };
        is_written(
            &killed,
            r#"{"step":"before","command":["./migrate"],"signal":9,"elapsed_ms":210}"#,
        );
    }

    #[test]
    fn stages_are_called_in_json_as_in_messages() {
        for stage in [Stage::Start, Stage::Gate, Stage::Before, Stage::Stop, Stage::After] {
            is_written(&stage, &format!("\"{stage}\""));
        }
    }

    #[test]
    fn a_release_says_how_it_ended() {
        let release = ReleaseRequest {
            operation: 12,
            outcome: DeployOutcome::RolledBack,
            reason: Some("the bake window".into()),
        };
        is_written(
            &release,
            r#"{"operation":12,"outcome":"rolled-back","reason":"the bake window"}"#,
        );
    }

    #[test]
    fn sides_may_change_places_and_more_may_come_but_none_may_move() {
        let before = plan();
        let mut after = plan();
        let DeployService { live, idle, .. } = &mut after.services[0];
        std::mem::swap(live, idle);
        after.services.push(DeployService {
            name: "api".into(),
            ..after.services[0].clone()
        });
        assert!(before.is_where_it_was(&after));
        assert!(!after.is_where_it_was(&before), "a service is gone");
        after.services[0].idle.addresses = vec!["127.0.0.1:3020".parse().unwrap()];
        assert!(!before.is_where_it_was(&after));
    }

    #[test]
    fn a_plan_names_both_sides_of_every_service() {
        is_written(
            &plan(),
            r#"{"services":[{"name":"web","live":{"slot":"blue","addresses":["127.0.0.1:3000"]},"idle":{"slot":"green","addresses":["127.0.0.1:3010"]},"idle_answers":true}],"names_version":true,"protected":false,"generation":118,"live":"blue","idle":"green","deployed_live":{"version":"8b71ff7","since":"2026-01-01T00:00:00.000Z"},"idle_since":"2026-01-01T00:00:00.000Z"}"#,
        );
    }

    fn plan() -> DeployPlan {
        DeployPlan {
            table: None,
            services: vec![DeployService {
                name: "web".into(),
                table: None,
                live: Side {
                    slot: Slot::Blue,
                    addresses: vec!["127.0.0.1:3000".parse().unwrap()],
                },
                idle: Side {
                    slot: Slot::Green,
                    addresses: vec!["127.0.0.1:3010".parse().unwrap()],
                },
                idle_answers: true,
            }],
            names_version: true,
            protected: false,
            generation: Generation(118),
            live: Slot::Blue,
            idle: Slot::Green,
            deployed_live: Some(Deployed {
                version: "8b71ff7".into(),
                since: "2026-01-01T00:00:00.000Z".into(),
            }),
            deployed_idle: None,
            idle_since: Some("2026-01-01T00:00:00.000Z".into()),
        }
    }
}
