//! What was understood of a configuration, whichever language it is written in: sites with their hosts, routes by path, and
//! settings in the words of `proxy.toml`.

use super::pattern::Around;
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
    pub(super) kept: Vec<Kept>,
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
    /// Whether it was about names that go on behind its path, too: `/data`, of which `/database` is one.
    pub(super) goes_on: bool,
    pub(super) rank: Rank,
    /// The prefix that it stands in, if endings are to hold there alone.
    pub(super) within: Option<String>,
}

/// What was kept from clients, or from a folder, at paths that no prefix and no ending says.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    pub(super) place: Place,
    /// The rule as it stands there.
    pub(super) shown: String,
    pub(super) around: Around,
    /// The prefix that it stands in.
    pub(super) within: Option<String>,
    /// What is asked of those who want to enter.
    pub(super) settings: Settings,
    pub(super) why: Why,
}

/// Why clients did not get what is at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// They were kept out.
    Denied,
    /// The answer was that there is nothing: no folder gives it away, but an app is not closed for it with more than that.
    Nothing,
    /// An app made something else of it, of which a folder would show the source.
    Source,
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
            goes_on: false,
            rank: Rank::Longest,
            within: None,
        }
    }

    /// Whether it says nothing that differs from what is around it.
    pub(super) fn is_empty(&self) -> bool {
        self.target.is_none() && self.settings.is_empty() && self.notes.is_empty()
    }
}

impl Setting {
    /// A key without a remark.
    pub(super) fn of(key: &str, value: Value) -> Self {
        Self {
            key: key.to_owned(),
            value,
            remark: None,
        }
    }
}

impl Settings {
    /// Sets a key. The first value of a key that was set before is replaced.
    pub(super) fn set(&mut self, key: &str, value: Value) {
        self.set_with(key, value, None);
    }

    /// As [`Settings::set`], with a remark.
    pub(super) fn set_with(&mut self, key: &str, value: Value, remark: Option<String>) {
        let key = key.to_owned();
        self.put(Setting { key, value, remark });
    }

    /// As [`Settings::set`], with all that is said of it.
    pub(super) fn put(&mut self, setting: Setting) {
        match self.0.iter_mut().find(|known| known.key == setting.key) {
            Some(known) => *known = setting,
            None => self.0.push(setting),
        }
    }

    pub(super) fn get(&self, key: &str) -> Option<&Value> {
        self.iter()
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
            all.put(setting.clone());
        }
        all
    }
}
