//! What environments did in the last minute, as sparklines for `status --watch`: one line each, or all of one. Pure.

use super::spark::spark;
use super::text::{Style, escape, fit, latency, thousands};
use crate::model::api::{Series, Track};

/// Steps that are shown: a minute's.
const MINUTE: usize = 60;
/// A number that stands at the end of a sparkline is of so many seconds: the last one alone would jump.
const RECENT: usize = 5;
/// Sparklines never make less than this look like much: a request a second is no mountain.
const FEW: u32 = 4;
/// A latency below 4 ms is none that anybody has to look at, in microseconds.
const QUICK: u32 = 4_000;

/// A column of the overview: its heading, and the cells of its sparkline and of its number.
struct Column(&'static str, usize, usize);

const NAME: usize = 12;
/// With the name and the gaps 79 characters.
const COLUMNS: [Column; 3] = [Column("REQ/S", 15, 6), Column("P95", 15, 6), Column("5XX", 15, 5)];

/// One line for each environment, below a heading.
#[must_use]
pub fn overview(series: &Series, style: Style) -> Vec<String> {
    let environments: Vec<_> = series.tracks.iter().filter(|track| track.service.is_none()).collect();
    if environments.is_empty() {
        return Vec::new();
    }
    let columns = COLUMNS.iter().map(|Column(name, cells, number)| {
        let width = cells + number + 1;
        format!("{name:<width$}")
    });
    let heading = format!("{:<NAME$} {}", "LAST MINUTE", columns.collect::<Vec<_>>().join(" "));
    let mut lines = vec![style.dim(heading.trim_end())];
    lines.extend(environments.into_iter().map(|track| line(track, style)));
    lines
}

fn line(track: &Track, style: Style) -> String {
    let minute = Minute::of(track);
    let name = escape(&track.environment);
    let [requests, p95, errors] = COLUMNS;
    let row = |of: &[u32], Column(_, cells, number): Column, most: u32, text: &str| {
        (spark(of, MINUTE, cells, most), format!("{text:>number$}"))
    };
    let (requests, rate) = row(&minute.requests, requests, FEW, &rate(&minute.requests));
    let (p95, worst) = row(&minute.p95, p95, QUICK, &slowest(&minute.p95).replace(' ', ""));
    let (errors, failed) = row(&minute.errors, errors, FEW, &short(sum(&minute.errors)));
    let failed_at_all = minute.errors.iter().any(|&n| n > 0);
    let bad = |text: &str| {
        if failed_at_all {
            style.red(text)
        } else {
            style.dim(text)
        }
    };
    format!(
        "{} {requests} {rate} {p95} {worst} {} {}",
        style.bold(&format!("{:<NAME$}", fit(&name, NAME))),
        bad(&errors),
        bad(&failed)
    )
}

/// All of one environment: a line for each thing that is measured, a cell for each second where the terminal has room.
#[must_use]
pub fn whole(series: &Series, environment: &str, style: Style, width: usize) -> Vec<String> {
    let own = |track: &&Track| track.environment == environment && track.service.is_none();
    let Some(track) = series.tracks.iter().find(own) else {
        return Vec::new();
    };
    let minute = Minute::of(track);
    let cells = width.saturating_sub(34).clamp(15, MINUTE);
    let row = |name: &str, of: &[u32], most: u32, text: String, bad: bool| {
        let line = spark(of, MINUTE, cells, most);
        let line = if bad { style.red(&line) } else { line };
        format!("  {name:<12} {line}  {text}")
    };
    let failures = |name: &str, column: &[u32]| {
        let sum = sum(column);
        let text = format!("{} in a minute", thousands(sum));
        let text = if sum > 0 { style.red(&text) } else { style.dim(&text) };
        row(name, column, FEW, text, sum > 0)
    };
    let waiting = minute.held.last().copied().unwrap_or(0);
    let mut lines = vec![
        row(
            "requests/s",
            &minute.requests,
            FEW,
            format!("{} now", rate(&minute.requests)),
            false,
        ),
        row("p95", &minute.p95, QUICK, slowest(&minute.p95), false),
        failures("5xx by app", &minute.app_errors),
        failures("5xx by door", &minute.proxy_errors),
    ];
    if minute.held.iter().any(|&n| n > 0) {
        let text = format!("{} now", thousands(u64::from(waiting)));
        lines.push(row("held", &minute.held, FEW, style.yellow(&text), false));
    }
    lines
}

/// Whether a request of an environment failed in the last minute, by the app's fault or the door's.
#[must_use]
pub fn has_failed(series: &Series, environment: &str) -> bool {
    let mut own = series.tracks.iter().filter(|track| track.environment == environment);
    own.any(|track| sum(&track.app_errors) + sum(&track.proxy_errors) > 0)
}

/// A minute of one environment, with a number for every second that is known.
struct Minute {
    requests: Vec<u32>,
    p95: Vec<u32>,
    app_errors: Vec<u32>,
    proxy_errors: Vec<u32>,
    /// Both together.
    errors: Vec<u32>,
    held: Vec<u32>,
}

impl Minute {
    fn of(track: &Track) -> Self {
        // A column in which nothing happened is not sent.
        let at = |column: &[u32], step: usize| column.get(step).copied().unwrap_or(0);
        let all = |columns: &[&[u32]]| {
            let step = |step| columns.iter().map(|column| at(column, step)).sum();
            (0..track.steps).map(step).collect()
        };
        Self {
            requests: all(&[&track.blue, &track.green, &track.upstream]),
            p95: all(&[&track.p95_us]),
            app_errors: all(&[&track.app_errors]),
            proxy_errors: all(&[&track.proxy_errors]),
            errors: all(&[&track.app_errors, &track.proxy_errors]),
            held: all(&[&track.held]),
        }
    }
}

fn sum(column: &[u32]) -> u64 {
    column.iter().map(|&n| u64::from(n)).sum()
}

/// Requests a second, of the last seconds.
fn rate(requests: &[u32]) -> String {
    let recent = &requests[requests.len().saturating_sub(RECENT)..];
    let seconds = recent.len() as u64;
    if seconds == 0 {
        return "-".into();
    }
    match sum(recent) {
        0 => "0".into(),
        few if few < 10 * seconds => format!("{}.{}", few / seconds, few % seconds * 10 / seconds),
        many => short(many / seconds),
    }
}

/// The slowest of the last seconds in which anybody came.
fn slowest(p95: &[u32]) -> String {
    let recent = &p95[p95.len().saturating_sub(RECENT)..];
    match recent.iter().max() {
        Some(&worst) if worst > 0 => latency(u64::from(worst)),
        Some(_) | None => "-".into(),
    }
}

/// At most five characters.
fn short(number: u64) -> String {
    match number {
        0..=99_999 => number.to_string(),
        100_000..=9_999_999 => format!("{}k", number / 1_000),
        10_000_000.. => format!("{}M", number / 1_000_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::api::Range;

    fn series() -> Series {
        let mut green = vec![0; 60];
        green[50..].fill(120);
        let mut blue = vec![100; 60];
        blue[50..].fill(0);
        let mut app_errors = vec![0; 60];
        app_errors[58] = 3;
        Series {
            range: Range::Minute,
            step_s: 1,
            end: 0,
            tracks: vec![
                Track {
                    environment: "prod".into(),
                    steps: 60,
                    blue,
                    green,
                    app_errors,
                    p95_us: vec![39_000; 60],
                    ..Track::default()
                },
                Track {
                    environment: "prod".into(),
                    service: Some("web".into()),
                    steps: 60,
                    ..Track::default()
                },
                Track {
                    environment: "a-long-name-indeed".into(),
                    steps: 2,
                    ..Track::default()
                },
            ],
        }
    }

    #[test]
    fn an_environment_is_a_line_of_eighty_columns() {
        let lines = overview(&series(), Style::default());
        assert_eq!(
            lines,
            [
                "LAST MINUTE  REQ/S                  P95                    5XX",
                "prod         ▇▇▇▇▇▇▇▇▇▇▇▇███    120 ███████████████   39ms ▁▁▁▁▁▁▁▁▁▁▁▁▁▁▇     3",
                "a-long-name…               ▁      0               ▁      -               ▁     0",
            ]
        );
        assert!(lines.iter().all(|line| line.chars().count() <= 80));
    }

    #[test]
    fn one_environment_has_a_cell_for_each_second_and_says_who_failed() {
        let lines = whole(&series(), "prod", Style::default(), 200);
        assert_eq!(lines.len(), 4, "{lines:#?}");
        assert!(lines[0].ends_with("██████████  120 now"), "{}", lines[0]);
        assert!(lines[1].ends_with("39 ms") && lines[2].ends_with("3 in a minute"));
        assert!(lines[3].ends_with("▁  0 in a minute"), "{}", lines[3]);
        let narrow = whole(&series(), "prod", Style::default(), 80);
        assert!(narrow.iter().all(|line| line.chars().count() < 80), "{narrow:#?}");
        assert_eq!(whole(&series(), "nowhere", Style::default(), 80), Vec::<String>::new());
    }
}
