//! What can be asked for, and how things are.

use tokio::sync::oneshot;

use crate::model::api::{
    Action, DeployRequest, EnvironmentStatus, Kind, MaintenanceRequest, OperationRequest, PauseRequest, PreviewRequest,
    Problem, ReloadRequest, ResumeRequest, SleepRequest, UpgradeRequest, WakeRequest,
};

/// What can be asked for.
#[derive(Debug, Clone)]
pub(in crate::control) enum Request {
    /// A swap or a rollback.
    Operate(OperationRequest),
    /// A new configuration.
    Reload(ReloadRequest),
    /// To hold new requests.
    Pause(PauseRequest),
    /// To let them go again.
    Resume(ResumeRequest),
    /// To answer with 503, or no longer.
    Maintenance(MaintenanceRequest),
    /// To hand over to another process.
    Upgrade(UpgradeRequest),
    /// To show the idle side to who has a link, or to nobody any more.
    Preview(PreviewRequest),
    /// To hold an environment while it is deployed to.
    Deploy(DeployRequest),
    /// To stop the app of an environment until somebody needs it.
    Sleep(SleepRequest),
    /// To start it.
    Wake(WakeRequest),
}

impl Request {
    pub(super) fn action(&self) -> Action {
        match self {
            Self::Operate(request) => request.kind.into(),
            Self::Reload(_) => Action::Reload,
            Self::Pause(PauseRequest { writes: true, .. }) => Action::PauseWrites,
            Self::Pause(_) => Action::Pause,
            Self::Resume(_) => Action::Resume,
            Self::Maintenance(_) => Action::Maintenance,
            Self::Upgrade(_) => Action::Upgrade,
            Self::Preview(_) => Action::Preview,
            Self::Sleep(_) => Action::Sleep,
            Self::Wake(_) => Action::Wake,
            Self::Deploy(DeployRequest { kind: Kind::Swap, .. }) => Action::Deploy,
            Self::Deploy(DeployRequest {
                kind: Kind::Rollback, ..
            }) => Action::Rollback,
        }
    }

    /// Whether it is a question alone: it begins nothing, and history has no need of it.
    pub(super) fn is_dry(&self) -> bool {
        match self {
            Self::Operate(OperationRequest { dry_run, .. })
            | Self::Deploy(DeployRequest { dry_run, .. })
            | Self::Reload(ReloadRequest { dry_run }) => *dry_run,
            Self::Pause(_)
            | Self::Resume(_)
            | Self::Maintenance(_)
            | Self::Upgrade(_)
            | Self::Preview(_)
            | Self::Sleep(_)
            | Self::Wake(_) => false,
        }
    }

    /// The deployment that it is a part of.
    pub(super) fn within(&self) -> Option<u64> {
        match self {
            Self::Operate(request) => request.within,
            Self::Reload(_)
            | Self::Pause(_)
            | Self::Resume(_)
            | Self::Maintenance(_)
            | Self::Upgrade(_)
            | Self::Preview(_)
            | Self::Deploy(_)
            | Self::Sleep(_)
            | Self::Wake(_) => None,
        }
    }

    /// The environment that is named; a reload and an upgrade are of all of them.
    pub(super) fn environment(&self) -> Option<&str> {
        match self {
            Self::Operate(OperationRequest { environment, .. })
            | Self::Pause(PauseRequest { environment, .. })
            | Self::Resume(ResumeRequest { environment, .. })
            | Self::Maintenance(MaintenanceRequest { environment, .. })
            | Self::Preview(PreviewRequest { environment, .. })
            | Self::Deploy(DeployRequest { environment, .. })
            | Self::Sleep(SleepRequest { environment, .. })
            | Self::Wake(WakeRequest { environment }) => Some(environment),
            Self::Reload(_) | Self::Upgrade(_) => None,
        }
    }
}

/// Where the answer to a step or a release of a deployment goes.
pub(super) type Reply = oneshot::Sender<Result<(), Problem>>;

/// How things are.
#[derive(Debug, Default)]
pub(in crate::control) struct Report {
    /// Every environment, in the order of the file, without certificates.
    pub environments: Vec<EnvironmentStatus>,
    /// What an operator should know.
    pub warnings: Vec<String>,
}
