//! The differences between what `[[notify]]` says before and after. Of a URL nothing is shown but its host.

use super::describe::Values;
use super::values::differing;
use crate::config::notify::{Destination, Way};
use crate::config::text::units::format_duration;
use crate::model::api::{Change, ChangeKind};

/// One change for each destination that is new, gone, or told of something else.
pub(super) fn notify(old: &[Destination], new: &[Destination]) -> Vec<Change> {
    let change = |of: &Destination, kind, values| Change {
        section: "notify".into(),
        name: Some(of.name()),
        kind,
        values,
    };
    let mut before: Vec<Option<&Destination>> = old.iter().map(Some).collect();
    // The same way is the same destination; what is left over is new or gone.
    let mut same = |of: &Destination, equal: bool| {
        let fits = |it: &Option<&Destination>| it.is_some_and(|it| if equal { it == of } else { it.way == of.way });
        before.iter_mut().find(|it| fits(it)).and_then(Option::take)
    };
    let unknown: Vec<&Destination> = new.iter().filter(|it| same(it, true).is_none()).collect();
    let mut changes = Vec::new();
    for destination in unknown {
        changes.push(match same(destination, false) {
            Some(known) => {
                let values = differing(&values(known), &values(destination));
                change(destination, ChangeKind::Changed, values)
            }
            None => change(
                destination,
                ChangeKind::Added,
                differing(&Values::new(), &values(destination)),
            ),
        });
    }
    let gone = before.into_iter().flatten();
    changes.extend(gone.map(|it| change(it, ChangeKind::Removed, Vec::new())));
    changes
}

fn values(of: &Destination) -> Values {
    let Destination {
        way,
        format,
        events,
        environments,
        secret_file,
        away_for,
    } = of;
    let way = match way {
        Way::Url(_) => "url",
        Way::UrlFile(_) => "url_file",
        Way::Command(_) => "command",
    };
    let events: Vec<&str> = events.iter().map(|topic| topic.as_str()).collect();
    let mut values: Values = vec![
        (way.into(), of.name()),
        ("format".into(), format.as_str().to_owned()),
        ("events".into(), events.join(", ")),
        ("for".into(), format_duration(*away_for)),
    ];
    values.extend(
        environments
            .iter()
            .map(|names| ("environments".into(), names.join(", "))),
    );
    values.extend(
        secret_file
            .iter()
            .map(|path| ("secret_file".into(), path.display().to_string())),
    );
    values
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::notify::SecretUrl;
    use crate::model::notify::{Format, Topic};

    fn destination(url: &str) -> Destination {
        Destination {
            way: Way::Url(SecretUrl::parse(url).unwrap()),
            format: Format::Json,
            events: Topic::USUAL.to_vec(),
            environments: None,
            secret_file: None,
            away_for: std::time::Duration::from_secs(120),
        }
    }

    #[test]
    fn a_change_names_the_host_and_nothing_else_of_a_url() {
        let (one, two) = (
            destination("https://a.test/secret1"),
            destination("https://a.test/secret2"),
        );
        assert!(notify(std::slice::from_ref(&one), std::slice::from_ref(&one)).is_empty());
        let changes = notify(std::slice::from_ref(&one), std::slice::from_ref(&two));
        let kinds: Vec<_> = changes.iter().map(|change| change.kind).collect();
        assert_eq!(kinds, [ChangeKind::Added, ChangeKind::Removed]);
        assert!(!format!("{changes:?}").contains("secret"), "{changes:?}");
        let mut slack = one.clone();
        slack.format = Format::Slack;
        let changes = notify(&[one], &[slack]);
        assert_eq!(
            (changes.len(), changes[0].kind, changes[0].values.len()),
            (1, ChangeKind::Changed, 1)
        );
    }
}
