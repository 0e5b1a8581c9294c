//! The events of a preview as lines. Pure: an event in, lines out.

use super::line::{INDENT, Line, Mark, Stream, err, step};
use super::text::{Style, count, escape, period};
use crate::model::api::PreviewStep;

/// What an event adds to the screen for good: links to stdout, everything else to stderr.
pub(super) fn render(event: &PreviewStep, style: Style) -> Vec<Line> {
    match event {
        PreviewStep::Issued { token, links } => {
            let lines = links.iter().map(|one| match &one.link {
                Some(link) => Line {
                    stream: Stream::Out,
                    text: escape(link).into_owned(),
                },
                None => {
                    let text = format!(
                        "{} has no link, because it is served over plain HTTP; scripts send X-Greengate-Preview: {}",
                        escape(&one.host),
                        escape(token)
                    );
                    step(style, Mark::Look, "no link", &text)
                }
            });
            lines.collect()
        }
        PreviewStep::Opened {
            environment,
            slot,
            for_ms,
            ..
        } => {
            let name = escape(environment);
            let text = format!(
                "{} of {name} for {}, or until the switch; the last part of a link is what scripts send as X-Greengate-Preview",
                style.slot(*slot),
                period(*for_ms)
            );
            let end = style.dim(&format!("End it: proxyctl preview {name} --end"));
            vec![step(style, Mark::Done, "preview", &text), err(format!("{INDENT}{end}"))]
        }
        PreviewStep::Closed { environment, previews } => {
            let name = escape(environment);
            let text = match previews {
                0 => format!("no preview of {name} was open"),
                more => format!("{} of {name} ended", count(*more, "preview", "previews")),
            };
            vec![step(style, Mark::Done, "done", &text)]
        }
        PreviewStep::Over { .. } => Vec::new(),
    }
}
