//! What a `/metrics` says, in Prometheus' text format (version 0.0.4), read strictly.

use std::collections::{BTreeMap, BTreeSet};

/// One line that is no comment.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Its name.
    pub name: String,
    /// Its labels, as they are meant: without escapes.
    pub labels: BTreeMap<String, String>,
    /// Its value.
    pub value: f64,
}

/// All of it.
#[derive(Debug, Clone, Default)]
pub struct Exposition {
    /// Every sample, in order.
    pub samples: Vec<Sample>,
    /// By the family's name, its type.
    pub types: BTreeMap<String, String>,
}

impl Exposition {
    /// Reads a text; one that is none is a failure.
    #[track_caller]
    pub fn read(text: &str) -> Self {
        assert!(text.ends_with('\n'), "the last line has no end: {text:?}");
        let mut exposition = Self::default();
        let mut seen = BTreeSet::new();
        for line in text.lines().filter(|line| !line.is_empty()) {
            if let Some(comment) = line.strip_prefix("# TYPE ") {
                let (name, kind) = comment.split_once(' ').expect("a type");
                let before = exposition.types.insert(name.to_owned(), kind.to_owned());
                assert_eq!(before, None, "{name} has two types");
            } else if !line.starts_with('#') {
                let sample = sample(line).unwrap_or_else(|| panic!("{line:?} is no sample"));
                assert!(seen.insert(identity(&sample)), "{line:?} stands there twice");
                exposition.samples.push(sample);
            }
        }
        exposition
    }

    /// The sum of those with this name and these labels.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.with(name, labels).map(|sample| sample.value).sum()
    }

    /// Those with this name and these labels; a label that is empty is one that is not there.
    pub fn with<'s>(&'s self, name: &'s str, labels: &'s [(&str, &str)]) -> impl Iterator<Item = &'s Sample> {
        self.samples.iter().filter(move |sample| {
            let own = |label: &str| sample.labels.get(label).map_or("", String::as_str);
            sample.name == name && labels.iter().all(|(label, value)| own(label) == *value)
        })
    }

    /// The names of samples that only ever grow while the process lives.
    pub fn counting(&self) -> BTreeSet<String> {
        let grows = |sample: &&Sample| {
            let kind = |name: &str| self.types.get(name).map(String::as_str);
            let parts = ["_bucket", "_count", "_sum"];
            let mut families = parts.iter().filter_map(|part| sample.name.strip_suffix(part));
            kind(&sample.name) == Some("counter") || families.any(|family| kind(family) == Some("histogram"))
        };
        let counting = self.samples.iter().filter(grows);
        counting.map(|sample| sample.name.clone()).collect()
    }

    /// Every series, without its value.
    pub fn series(&self) -> BTreeSet<String> {
        self.samples.iter().map(identity).collect()
    }
}

fn identity(sample: &Sample) -> String {
    format!("{}{:?}", sample.name, sample.labels)
}

/// `name{label="value",…} 1.5`
fn sample(line: &str) -> Option<Sample> {
    let (name, rest) = line.split_at(line.find(['{', ' '])?);
    let mut labels = BTreeMap::new();
    let value = match rest.strip_prefix('{') {
        None => rest,
        Some(mut rest) => loop {
            if let Some(value) = rest.strip_prefix('}') {
                break value;
            }
            let (label, quoted) = rest.strip_prefix(',').unwrap_or(rest).split_once("=\"")?;
            let (value, after) = unquoted(quoted)?;
            if labels.insert(label.to_owned(), value).is_some() {
                return None;
            }
            rest = after;
        },
    };
    let value = match value.strip_prefix(' ')? {
        "+Inf" => f64::INFINITY,
        number => number.parse().ok()?,
    };
    Some(Sample {
        name: name.to_owned(),
        labels,
        value,
    })
}

/// The value, and what stands behind its closing quote.
fn unquoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut rest = text.chars();
    loop {
        match rest.next()? {
            '"' => return Some((value, rest.as_str())),
            '\\' => value.push(match rest.next()? {
                'n' => '\n',
                same @ ('\\' | '"') => same,
                _ => return None,
            }),
            other => value.push(other),
        }
    }
}
