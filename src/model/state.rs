//! The truth that outlives the process: which slot of each environment is live, and where slots run when that is not what
//! the file says. What a state file looks like is decided here; reading and writing it is `control::disk`'s.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::api::{Deployed, MaintenanceStatus, Notice};
use super::preview::Previews;
use super::slot::{Address, Generation, Slot, written};

/// Everything that is remembered across a restart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Version of this format.
    pub version: u32,
    /// The number that the next operation gets.
    pub next_operation: u64,
    /// By name. An environment that was never switched may be missing.
    #[serde(default)]
    pub environments: BTreeMap<String, EnvironmentState>,
    /// Environments under maintenance, by name. Beside the environments' own state: a switch neither needs nor changes it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub maintenance: BTreeMap<String, Maintenance>,
    /// Open previews. A switch ends those of its environment in the same write.
    #[serde(default, skip_serializing_if = "Previews::is_empty")]
    pub previews: Previews,
    /// Environments that may sleep, by name: which of them do, and how often they woke.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sleep: BTreeMap<String, Slept>,
}

/// Maintenance that is on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Maintenance {
    /// Since when, RFC 3339.
    pub since: String,
    /// Who switched it on.
    pub user: String,
    /// What is shown, and to whom it is not.
    pub notice: Notice,
}

impl Maintenance {
    /// For people; the page itself is too long for that.
    #[must_use]
    pub fn status(&self) -> MaintenanceStatus {
        MaintenanceStatus {
            since: self.since.clone(),
            user: self.user.clone(),
            message: self.notice.message.clone(),
            page: self.notice.page.is_some(),
            allow: self.notice.allow.clone(),
        }
    }
}

impl State {
    /// The only version of the format so far.
    pub const VERSION: u32 = 1;

    /// The state of a first start.
    #[must_use]
    pub fn new() -> Self {
        Self {
            version: Self::VERSION,
            next_operation: 1,
            environments: BTreeMap::new(),
            maintenance: BTreeMap::new(),
            previews: Previews::default(),
            sleep: BTreeMap::new(),
        }
    }

    /// The state that a file holds.
    ///
    /// # Errors
    /// What is wrong with it: `is damaged: …`, or a version that is not known here.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        /// What every version has.
        #[derive(Deserialize)]
        struct Versioned {
            version: u32,
        }
        let broken = |error: serde_json::Error| format!("is damaged: {error}");
        let Versioned { version } = serde_json::from_slice(bytes).map_err(broken)?;
        if version != Self::VERSION {
            let known = Self::VERSION;
            return Err(format!(
                "has version {version}, and this `proxyd` knows version {known} only"
            ));
        }
        serde_json::from_slice(bytes).map_err(broken)
    }

    /// What a file holds of it: JSON in lines, as [`State::parse`] reads it.
    ///
    /// # Errors
    /// In the words of the library.
    pub fn written(&self) -> Result<Vec<u8>, String> {
        let mut bytes = serde_json::to_vec_pretty(self).map_err(|error| error.to_string())?;
        bytes.push(b'\n');
        Ok(bytes)
    }
}

impl Default for State {
    fn default() -> Self {
        Self::new()
    }
}

/// What is remembered of an environment that may sleep.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Slept {
    /// Since when it is asleep, RFC 3339; `None` while it is awake.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// Whether WebSockets were closed when it fell asleep, whose clients come back by themselves.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub web_sockets: bool,
    /// How often it woke.
    #[serde(default)]
    pub woke: u64,
    /// How long waking took the last time, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waking_ms: Option<u64>,
}

/// How well a save is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Durability {
    /// On disk, for certain.
    Durable,
    /// Written and renamed, but the folder could not be synced: a power cut may undo it. The text says why.
    Uncertain(String),
}

/// What is remembered of one environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnvironmentState {
    /// The number of the published state.
    pub generation: Generation,
    /// The colour that is live; services with only an `upstream` do not look at it.
    pub live: Slot,
    /// When it became live, RFC 3339.
    pub since: String,
    /// `--to` addresses: service → slot → where it runs.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub overrides: BTreeMap<String, BTreeMap<Slot, Recorded>>,
    /// Where `rollback` goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Previous>,
    /// What was deployed to each side when it was live last; nothing where nobody said so.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub deployed: BTreeMap<Slot, Deployed>,
}

/// Addresses as an operation used them, beside what the file said then. They hold until the file says something else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recorded {
    /// Where the slot runs.
    #[serde(serialize_with = "written::list")]
    pub addresses: Vec<Address>,
    /// The file's value for the slot at that time.
    #[serde(serialize_with = "written::list")]
    pub file: Vec<Address>,
}

/// The side that was live before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Previous {
    /// The slot.
    pub slot: Slot,
    /// Where each service ran.
    pub services: BTreeMap<String, Recorded>,
}

impl EnvironmentState {
    /// An environment that was never switched: at the first start blue is live.
    #[must_use]
    pub fn first(since: String) -> Self {
        Self {
            generation: Generation(1),
            live: Slot::Blue,
            since,
            overrides: BTreeMap::new(),
            previous: None,
            deployed: BTreeMap::new(),
        }
    }

    /// Where a slot runs: its `--to` addresses while the file's value is what it was then, else the file's value.
    #[must_use]
    pub fn addresses(&self, service: &str, slot: Slot, file: &[Address]) -> Vec<Address> {
        match self.overrides.get(service).and_then(|slots| slots.get(&slot)) {
            Some(recorded) if recorded.file == file => recorded.addresses.clone(),
            Some(_) | None => file.to_vec(),
        }
    }

    /// Remembers where a slot runs; forgets it when that is what the file says.
    pub fn place(&mut self, service: &str, slot: Slot, addresses: Vec<Address>, file: &[Address]) {
        let slots = self.overrides.entry(service.into()).or_default();
        if addresses == file {
            slots.remove(&slot);
        } else {
            let file = file.to_vec();
            slots.insert(slot, Recorded { addresses, file });
        }
        if slots.is_empty() {
            self.overrides.remove(service);
        }
    }

    /// Forgets what the file overtook. `file` is the value of a service's slot, `None` when it has no such slot.
    /// Returns a line for the log for each thing that was forgotten.
    pub fn reconcile<'f>(&mut self, file: impl Fn(&str, Slot) -> Option<&'f [Address]>) -> Vec<String> {
        let mut forgotten = Vec::new();
        self.overrides.retain(|service, slots| {
            slots.retain(|&slot, recorded| {
                let keep = file(service, slot) == Some(&recorded.file);
                if !keep {
                    forgotten.push(match file(service, slot) {
                        Some(now) => format!(
                            "`{service}` {slot} runs at {} as the file says; the `--to` address {} is forgotten because \
                             that key changed",
                            list(now),
                            list(&recorded.addresses)
                        ),
                        None => format!(
                            "`{service}` has no {slot} slot any more; the `--to` address {} is forgotten",
                            list(&recorded.addresses)
                        ),
                    });
                }
                keep
            });
            !slots.is_empty()
        });
        forgotten
    }

    /// Where `rollback` would find a service; `None` when nothing is known of a previous side.
    #[must_use]
    pub fn previous_addresses(&self, service: &str, file: &[Address]) -> Option<Vec<Address>> {
        let previous = self.previous.as_ref()?;
        Some(match previous.services.get(service) {
            Some(recorded) if recorded.file == file => recorded.addresses.clone(),
            Some(_) | None => self.addresses(service, previous.slot, file),
        })
    }
}

/// Addresses for a message.
pub fn list(addresses: &[Address]) -> String {
    let mut text = String::new();
    for address in addresses {
        if !text.is_empty() {
            text.push_str(", ");
        }
        text.push_str(&address.to_string());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(port: &str) -> Vec<Address> {
        vec![port.parse().unwrap()]
    }

    #[test]
    fn an_override_lasts_until_its_key_changes_in_the_file() {
        let mut state = EnvironmentState::first("2026-01-01T00:00:00.000Z".into());
        state.place("web", Slot::Green, at("3005"), &at("3001"));
        assert_eq!(state.addresses("web", Slot::Green, &at("3001")), at("3005"));
        assert_eq!(state.addresses("web", Slot::Blue, &at("3000")), at("3000"));
        assert_eq!(state.addresses("web", Slot::Green, &at("3002")), at("3002"));

        let (same, changed) = (at("3001"), at("3002"));
        assert!(state.reconcile(|_, _| Some(&same)).is_empty());
        let forgotten = state.reconcile(|_, _| Some(&changed));
        assert_eq!(forgotten.len(), 1);
        assert!(forgotten[0].contains("127.0.0.1:3005"), "{forgotten:?}");
        assert!(state.overrides.is_empty());
    }

    #[test]
    fn naming_the_address_of_the_file_ends_an_override() {
        let mut state = EnvironmentState::first(String::new());
        state.place("web", Slot::Green, at("3005"), &at("3001"));
        state.place("web", Slot::Green, at("3001"), &at("3001"));
        assert!(state.overrides.is_empty());
    }

    #[test]
    fn an_override_of_a_slot_that_is_gone_is_forgotten() {
        let mut state = EnvironmentState::first(String::new());
        state.place("web", Slot::Green, at("3005"), &at("3001"));
        let forgotten = state.reconcile(|_, _| None);
        assert!(forgotten[0].contains("no green slot"), "{forgotten:?}");
    }

    #[test]
    fn the_previous_side_is_where_it_ran_unless_the_file_says_something_new() {
        let mut state = EnvironmentState::first(String::new());
        assert_eq!(state.previous_addresses("web", &at("3000")), None);
        let recorded = Recorded {
            addresses: at("3005"),
            file: at("3000"),
        };
        state.previous = Some(Previous {
            slot: Slot::Blue,
            services: BTreeMap::from([("web".into(), recorded)]),
        });
        assert_eq!(state.previous_addresses("web", &at("3000")), Some(at("3005")));
        assert_eq!(state.previous_addresses("web", &at("3009")), Some(at("3009")));
        assert_eq!(state.previous_addresses("new", &at("8000")), Some(at("8000")));
    }

    #[test]
    fn a_state_of_before_deployments_still_reads() {
        let before = br#"{"version":1,"next_operation":7,"environments":{"prod":{"generation":3,"live":"green","since":"2026-01-01T00:00:00.000Z","previous":{"slot":"blue","services":{"web":{"addresses":["3000"],"file":["3000"]}}}}}}"#;
        let state = State::parse(before).unwrap();
        assert_eq!(state.environments["prod"].live, Slot::Green);
        assert!(state.environments["prod"].deployed.is_empty());
    }

    #[test]
    fn a_state_reads_back_as_it_was_written() {
        let mut state = State::new();
        let mut environment = EnvironmentState::first("2026-01-01T00:00:00.000Z".into());
        environment.place("web", Slot::Green, at("3005"), &at("3001"));
        let deployed = Deployed {
            version: "8b71ff7".into(),
            since: "2026-01-01T00:00:00.000Z".into(),
        };
        environment.deployed.insert(Slot::Green, deployed);
        state.environments.insert("prod".into(), environment);
        let text = serde_json::to_string(&state).unwrap();
        assert_eq!(serde_json::from_str::<State>(&text).unwrap(), state);
    }
}
