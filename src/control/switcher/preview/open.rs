//! From the question for a preview to its link: decided, saved, published, told.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::config::{Service, Tls};
use crate::control::ports::Durability;
use crate::control::switcher::opened::Opened;
use crate::control::switcher::owner::Owner;
use crate::control::switcher::saves::{PreviewChange, PreviewSave, Save};
use crate::model::api::{CommonStep, Event, PreviewLink, PreviewRequest, PreviewStatus, PreviewStep, exit};
use crate::model::preview::{Key, LINK, LONGEST, MOST, Preview};

/// Why a preview is not opened.
struct Refusal {
    code: u8,
    reason: String,
    hint: Option<String>,
}

impl Owner {
    /// Opens a preview of the environment at this place, or ends all of it. It needs nobody's leave.
    pub(in crate::control::switcher) fn preview(
        &mut self,
        operation: u64,
        place: usize,
        request: PreviewRequest,
        user: String,
    ) {
        let PreviewRequest { environment, for_ms } = request;
        let Some(for_ms) = for_ms else {
            return self.close_previews(operation, environment);
        };
        match self.opening(operation, place, Duration::from_millis(for_ms), user) {
            Ok(preview) => {
                self.saves.push(Save::Preview(PreviewSave {
                    operation: Some(operation),
                    environment,
                    change: PreviewChange::Open(preview),
                }));
                self.saves.next(&self.errands);
            }
            Err(refusal) => self.refuse_preview(&environment, operation, refusal),
        }
    }

    fn opening(&self, operation: u64, place: usize, period: Duration, user: String) -> Result<Preview, Refusal> {
        let environment = &self.environments[place];
        let (name, state) = (&environment.name, environment.machines.state());
        if environment.pairs.is_empty() {
            return Err(Refusal {
                code: exit::REFUSED,
                reason: format!("`{name}` has no service with `blue` and `green`, so there is no idle side to look at"),
                hint: Some("give a service `blue` and `green` in place of `upstream`".into()),
            });
        }
        let seconds = period.as_secs();
        if !(1..=LONGEST).contains(&seconds) {
            return Err(Refusal {
                code: exit::USAGE,
                reason: "a preview lasts from 1 second to 7 days".into(),
                hint: None,
            });
        }
        let open = self
            .previews
            .opened
            .iter()
            .filter(|it| *it.preview.environment == **name);
        if open.count() >= MOST {
            return Err(Refusal {
                code: exit::REFUSED,
                reason: format!("{MOST} previews of `{name}` are open, and no more may be"),
                hint: Some(format!("`proxyctl preview {name} --end` ends them all")),
            });
        }
        let mut random = [0; 32];
        aws_lc_rs::rand::fill(&mut random).map_err(|_| Refusal {
            code: exit::FAILED,
            reason: "the system has no random bytes".into(),
            hint: None,
        })?;
        let now = self.moment();
        Ok(Preview {
            number: operation,
            environment: name.to_string(),
            slot: state.live.other(),
            generation: state.generation,
            user,
            since: now.written(),
            until: seconds_of(now.wall) + seconds,
            key: Key::new(random),
        })
    }

    /// A change of previews is on disk, or not.
    pub(in crate::control::switcher) fn preview_saved(
        &mut self,
        save: PreviewSave,
        result: Result<Durability, String>,
    ) {
        let PreviewSave {
            operation,
            environment,
            change,
        } = save;
        match (change, operation) {
            (PreviewChange::Open(preview), Some(operation)) => self.opened(operation, preview, result),
            (PreviewChange::End(numbers), Some(operation)) => {
                self.closed(operation, environment, numbers.len() as u64, result);
            }
            // The state tells its own trouble.
            (PreviewChange::Open(_) | PreviewChange::End(_), None) => {}
        }
    }

    /// The proxy stops before it was heard whether it is on disk.
    pub(in crate::control::switcher) fn preview_stopped(&mut self, save: &PreviewSave) {
        if let Some(operation) = save.operation {
            let reason = "the proxy stopped meanwhile; the next start says whether it was saved".into();
            let failed = Event::Common(CommonStep::Failed { reason, live: None });
            self.notices.tell(Some(&save.environment), operation, failed);
        }
    }

    fn opened(&mut self, operation: u64, preview: Preview, result: Result<Durability, String>) {
        let name = preview.environment.clone();
        match result {
            Ok(Durability::Durable) => {}
            Ok(Durability::Uncertain(why)) => {
                let message = format!("durability uncertain: a power cut may end it ({why})");
                let warning = Event::Common(CommonStep::Warning { message });
                self.notices.tell(Some(&name), operation, warning);
            }
            Err(error) => {
                let reason = format!("the state could not be saved: {error}; nothing was opened");
                let failed = Event::Common(CommonStep::Failed { reason, live: None });
                return self.notices.tell(Some(&name), operation, failed);
            }
        }
        let config = self.current.load().config.clone();
        let preview = Arc::new(preview);
        let saved = self.saves.state().previews.open.iter().any(|it| it.number == operation);
        let place = self.place(&name).filter(|_| saved);
        let file = config.environments.iter().find(|it| *it.name == *name);
        let opened = place.zip(file).and_then(|(place, file)| {
            let state = self.environments[place].machines.state();
            Opened::new(&preview, file, state, self.publisher.totals(), &[])
        });
        let Some(opened) = opened else {
            self.forget_previews(&name, vec![operation]);
            let reason = format!("`{name}` was switched meanwhile");
            let refusal = Refusal {
                code: exit::REFUSED,
                reason,
                hint: Some("ask again: the other side is idle now".into()),
            };
            return self.refuse_preview(&name, operation, refusal);
        };
        let issued = PreviewStep::Issued {
            token: preview.token(),
            links: self.links(&opened),
        };
        self.previews.opened.push(opened);
        let snapshot = self.with_previews(&self.publisher.snapshot());
        self.publisher.publish(snapshot, []);
        let until = written(preview.until);
        tracing::info!(
            environment = name,
            slot = preview.slot.as_str(),
            until,
            "a preview is open"
        );
        self.notices.tell(Some(&name), operation, issued.into());
        let now = seconds_of(self.moment().wall);
        let opened = PreviewStep::Opened {
            operation,
            environment: name.clone(),
            slot: preview.slot,
            generation: preview.generation,
            until,
            for_ms: preview.until.saturating_sub(now) * 1000,
        };
        self.notices.tell(Some(&name), operation, opened.into());
    }

    /// The way to a preview, for each host of what it shows.
    fn links(&self, opened: &Opened) -> Vec<PreviewLink> {
        let token = opened.preview.token();
        let config = self.current.load().config.clone();
        let mut links: Vec<PreviewLink> = Vec::new();
        for side in &opened.sides {
            let port = match side.service.tls {
                // There, a proxy in front may speak TLS.
                Tls::Off => String::new(),
                Tls::Acme | Tls::Internal | Tls::Files { .. } => self
                    .previews
                    .https_port
                    .map(|port| format!(":{port}"))
                    .unwrap_or_default(),
            };
            let works = !is_plain(&side.service) || !config.server.trusted_proxies.is_empty();
            for host in &side.service.hosts {
                if !links.iter().any(|known| known.host == **host) {
                    links.push(PreviewLink {
                        host: host.to_string(),
                        link: works.then(|| format!("https://{host}{port}{LINK}{token}")),
                    });
                }
            }
        }
        links
    }

    /// Those of an environment, for `status`.
    pub(in crate::control::switcher) fn preview_status(&self, environment: &str) -> Vec<PreviewStatus> {
        let own = self
            .previews
            .opened
            .iter()
            .filter(|it| *it.preview.environment == *environment);
        let own = own.map(|opened| {
            let (preview, (requests, streams)) = (&opened.preview, opened.in_flight());
            PreviewStatus {
                operation: preview.number,
                slot: preview.slot,
                generation: preview.generation,
                user: preview.user.clone(),
                since: preview.since.clone(),
                until: written(preview.until),
                requests,
                streams,
            }
        });
        own.collect()
    }

    fn refuse_preview(&mut self, environment: &str, operation: u64, refusal: Refusal) {
        let Refusal { code, reason, hint } = refusal;
        let refused = Event::Common(CommonStep::Refused {
            code,
            reason,
            evidence: Vec::new(),
            hint,
            live: None,
            health: Vec::new(),
        });
        self.notices.tell(Some(environment), operation, refused);
    }
}

fn is_plain(service: &Service) -> bool {
    matches!(service.tls, Tls::Off)
}

/// Seconds since 1970.
pub(super) fn seconds_of(time: Timestamp) -> u64 {
    u64::try_from(time.as_second()).unwrap_or(0)
}

/// RFC 3339.
fn written(seconds: u64) -> String {
    let since = SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX));
    format!(
        "{:.3}",
        Timestamp::UNIX_EPOCH.saturating_add(since).unwrap_or(Timestamp::MAX)
    )
}
