//! What was understood of a configuration, whichever language it is written in: sites with their hosts, routes by path, and
//! settings in the words of `proxy.toml`.

use super::source::Place;
use super::value::Value;

/// What is said of a site that is served without TLS, as it was before.
pub(super) const NO_TLS: &str = "as before; without this line certificates come by themselves";

/// All of it.
#[derive(Debug, Default)]
pub(super) struct Draft {
    /// What `[server]` says.
    pub(super) server: Settings,
    /// What `[acme]` says.
    pub(super) acme: Settings,
    /// What is worth knowing, and needs no look.
    pub(super) remarks: Vec<String>,
    /// What concerns no site in particular.
    pub(super) notes: Vec<Note>,
    pub(super) sites: Vec<Site>,
    pub(super) redirects: Vec<Elsewhere>,
    /// Directives that were carried over, those included that the proxy follows by itself.
    pub(super) carried: usize,
}

/// Hosts that are answered alike.
#[derive(Debug, Clone)]
pub(super) struct Site {
    pub(super) place: Place,
    pub(super) hosts: Vec<String>,
    /// What holds for all of its routes.
    pub(super) settings: Settings,
    pub(super) routes: Vec<Route>,
    pub(super) notes: Vec<Note>,
    /// Whether it is served without TLS.
    pub(super) plain: bool,
}

/// What becomes of some paths.
#[derive(Debug, Clone)]
pub(super) struct Route {
    pub(super) place: Place,
    /// Prefixes, as `/api`, or endings, as `*.js`.
    pub(super) paths: Vec<String>,
    /// Who answers; `None` where only settings differ.
    pub(super) target: Option<Target>,
    pub(super) settings: Settings,
    pub(super) notes: Vec<Note>,
    pub(super) reach: Reach,
    pub(super) rank: Rank,
}

/// How much of what is below its path a route was about. Of two apps at one path the one that reaches further is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reach {
    /// What is below: `/api/`.
    Below,
    /// What begins so: `/api`.
    From,
    /// That path alone.
    Alone,
}

/// What wins where several routes are about a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rank {
    /// The longest prefix.
    Longest,
    /// This one, however long a prefix is: expressions of nginx, and Caddy's directives, of which none hides another.
    Over,
    /// This one, before expressions.
    First,
    /// None: it is about some paths of these, and asks clients for more.
    Around,
    /// The same, where files are served.
    AroundFiles,
}

/// Who answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) slots: Slots,
    /// Whether the matched prefix is taken off.
    pub(super) strip: bool,
}

/// Where it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Slots {
    /// One slot with these addresses.
    Upstream(Vec<String>),
    /// Two slots.
    Pair { blue: Vec<String>, green: Vec<String> },
    /// A folder.
    Folder(String),
    /// What no slot can be, in the words of the configuration.
    Nothing(String),
}

/// Hosts or paths that lead elsewhere as a whole.
#[derive(Debug, Clone)]
pub(super) struct Elsewhere {
    pub(super) place: Place,
    /// `www.example.com`, or `example.com/blog/*`.
    pub(super) from: String,
    pub(super) to: String,
}

/// A key with its value, and what is said behind it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Setting {
    /// With its dots, each part quoted where it has to be.
    pub(super) key: String,
    pub(super) value: Value,
    pub(super) remark: Option<String>,
}

/// Keys in the order in which they were found, each once.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Settings(Vec<Setting>);

/// A directive that needs a look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Note {
    pub(super) place: Place,
    /// The directive as it stands there, or what is the matter.
    pub(super) what: String,
    /// The nearest thing that we have.
    pub(super) nearest: String,
}

impl Route {
    /// A route that says nothing yet.
    pub(super) fn new(place: Place, paths: Vec<String>) -> Self {
        Self {
            place,
            paths,
            target: None,
            settings: Settings::default(),
            notes: Vec::new(),
            reach: Reach::Below,
            rank: Rank::Longest,
        }
    }

    /// Whether it says nothing that differs from what is around it.
    pub(super) fn is_empty(&self) -> bool {
        self.target.is_none() && self.settings.is_empty() && self.notes.is_empty()
    }
}

impl Settings {
    /// Sets a key. The first value of a key that was set before is replaced.
    pub(super) fn set(&mut self, key: &str, value: Value) {
        self.set_with(key, value, None);
    }

    /// As [`Settings::set`], with a remark.
    pub(super) fn set_with(&mut self, key: &str, value: Value, remark: Option<String>) {
        match self.0.iter_mut().find(|setting| setting.key == key) {
            Some(setting) => (setting.value, setting.remark) = (value, remark),
            None => self.0.push(Setting {
                key: key.to_owned(),
                value,
                remark,
            }),
        }
    }

    pub(super) fn get(&self, key: &str) -> Option<&Value> {
        self.0
            .iter()
            .find(|setting| setting.key == key)
            .map(|setting| &setting.value)
    }

    pub(super) fn remove(&mut self, key: &str) -> Option<Value> {
        let at = self.0.iter().position(|setting| setting.key == key)?;
        Some(self.0.remove(at).value)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Setting> {
        self.0.iter()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// These settings with those of `nearer` laid over them.
    pub(super) fn under(&self, nearer: &Self) -> Self {
        let mut all = self.clone();
        for setting in &nearer.0 {
            all.set_with(&setting.key, setting.value.clone(), setting.remark.clone());
        }
        all
    }
}
