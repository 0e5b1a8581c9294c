//! What a configuration file makes of a URL (`check --explain`).

use serde::{Deserialize, Serialize};

/// What holds for a URL, and where the file says so. Lines count from 1.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Explanation {
    /// The host, as requests are routed by it.
    pub host: String,
    /// The path without its query.
    pub path: String,
    /// The environment that answers; `None` where a redirect does, or nobody.
    pub environment: Option<String>,
    /// The service of it.
    pub service: Option<String>,
    /// The line of the service, or of the redirect.
    pub line: Option<usize>,
    /// The entries of `at` that apply, in the order of the file.
    pub entries: Vec<ExplainedEntry>,
    /// What comes of a request before it reaches an app, where it does not.
    pub answer: Option<String>,
    /// Every key that holds, in the order of the manual.
    pub values: Vec<ExplainedValue>,
}

/// An entry of `at`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExplainedEntry {
    /// Its paths, as `/uploads, *.iso`.
    pub paths: String,
    /// The line of its first path.
    pub line: usize,
}

/// The value of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExplainedValue {
    /// The key by its dotted path.
    pub key: String,
    /// As the file writes it, or as a default is shown.
    pub value: String,
    /// Where it comes from; `None` is the default.
    pub line: Option<usize>,
}
