//! Requests, a line each: when, how it ended, how long that took, who served it, what was asked for, and who failed.

use std::borrow::Cow;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::text::{Style, count, escape, fit, latency, period};
use crate::model::api::{Blame, Dropped, Logged, NotedRequest};

/// What is in front of what was asked for.
const FIXED: usize = "12:00:00 ✗ 502 POST   1.2 s blue   ".len() - "✗".len() + 1;
/// What was asked for is not cut further for the sake of a reason.
const TARGET: usize = 24;
/// Columns of an environment's name.
const ENVIRONMENT: usize = 8;

/// How requests are shown.
#[derive(Debug)]
pub struct Requests {
    /// Where the reader is.
    pub zone: TimeZone,
    /// Whether there is colour.
    pub style: Style,
    /// Columns; `None` where nothing has to be cut.
    pub width: Option<usize>,
    /// Whether requests of several environments are among them.
    pub of_all: bool,
}

impl Requests {
    /// A line of the daemon's.
    #[must_use]
    pub fn line(&self, raw: &str) -> String {
        if let Ok(line) = serde_json::from_str::<Logged<'_>>(raw) {
            return self.logged(&line);
        }
        match serde_json::from_str::<Dropped>(raw) {
            Ok(Dropped { dropped }) => {
                let lines = count(dropped, "line", "lines");
                self.style
                    .yellow(&format!("! {lines} left out: more came than was read"))
            }
            // Of a newer daemon.
            Err(_) => escape(raw).into_owned(),
        }
    }

    /// One that is remembered because it failed or took long.
    #[must_use]
    pub fn noted(&self, request: &NotedRequest) -> String {
        self.logged(&Logged {
            time: Cow::Borrowed(&request.time),
            environment: Cow::Borrowed(&request.environment),
            service: Cow::Borrowed(&request.service),
            slot: Cow::Borrowed(&request.slot),
            host: Cow::Borrowed(&request.host),
            method: Cow::Borrowed(&request.method),
            path: Cow::Borrowed(&request.path),
            status: request.status,
            duration_us: request.duration_us,
            first_byte_us: request.first_byte_us,
            retries: 0,
            held_ms: request.held_ms,
            termination: Cow::Borrowed(&request.termination),
            reason: Cow::Borrowed(&request.reason),
            request_id: Cow::Borrowed(&request.request_id),
        })
    }

    fn logged(&self, line: &Logged<'_>) -> String {
        let blame = line.blame();
        let (mark, paint): (_, fn(Style, &str) -> String) = match (blame, line.status) {
            (Some(Blame::App | Blame::Proxy), _) | (_, 500..) => ("✗", |style, text| style.red(text)),
            (Some(Blame::Client), _) | (_, 400..) => ("!", |style, text| style.yellow(text)),
            (None, _) => (" ", |_, text| text.to_owned()),
        };
        let status = match line.status {
            0 => "---".to_owned(),
            status => format!("{status:3}"),
        };
        let why = why(line, blame);
        let room = self.width.map(|width| {
            let prefix = FIXED + if self.of_all { ENVIRONMENT + 1 } else { 0 };
            width.saturating_sub(prefix)
        });
        let target = escape(&format!("{}{}", line.host, line.path)).into_owned();
        let (target, why) = match room {
            Some(room) => share(&target, &why, room),
            None => (target, why),
        };
        let mut text = format!(
            "{} {} {:4} {:>7} ",
            self.style.dim(&self.time(&line.time)),
            paint(self.style, &format!("{mark} {status}")),
            fit(&escape(&line.method), 4),
            fit(&latency(line.duration_us), 7),
        );
        if self.of_all {
            text += &format!("{:ENVIRONMENT$} ", fit(&escape(&line.environment), ENVIRONMENT));
        }
        text += &format!("{} {target}", self.slot(&line.slot));
        if !why.is_empty() {
            text += &format!("  {}", paint(self.style, &why));
        }
        text
    }

    /// In five columns.
    fn slot(&self, slot: &str) -> String {
        match slot {
            "blue" => self.style.blue("blue "),
            "green" => self.style.green("green"),
            // A service with one side has nothing to tell apart.
            _ => "     ".into(),
        }
    }

    fn time(&self, time: &str) -> String {
        match time.parse::<Timestamp>() {
            Ok(time) => time.to_zoned(self.zone.clone()).strftime("%H:%M:%S").to_string(),
            Err(_) => fit(&escape(time), 8).into_owned(),
        }
    }
}

/// Who failed and why, or what else was not as usual.
fn why(line: &Logged<'_>, blame: Option<Blame>) -> String {
    let mut why = match blame {
        Some(Blame::App) if !line.termination.starts_with("app") => format!("app: answered {}", line.status),
        Some(_) if !line.reason.is_empty() => format!("{} ({})", escape(&line.termination), escape(&line.reason)),
        Some(_) => escape(&line.termination).into_owned(),
        None => String::new(),
    };
    let mut add = |text: String| {
        if !why.is_empty() {
            why += ", ";
        }
        why += &text;
    };
    if line.held_ms > 0 {
        add(format!("held {}", period(line.held_ms)));
    }
    if line.retries > 0 {
        add(format!("sent {} times", line.retries + 1));
    }
    why
}

/// Cuts both so that they stand beside each other: what was asked for in its middle, because hosts and the ends of paths tell
/// requests apart.
fn share(target: &str, why: &str, room: usize) -> (String, String) {
    let (length, behind) = (target.chars().count(), why.chars().count());
    let gap = if behind > 0 { 2 } else { 0 };
    let of_target = length.min(room.saturating_sub(behind + gap).max(TARGET.min(room)));
    let target = fit_middle(target, of_target);
    let why = match room.saturating_sub(of_target + gap) {
        0 => String::new(),
        left => fit(why, left).into_owned(),
    };
    (target, why)
}

/// At most this many characters, of the beginning and of the end; a cut is shown.
fn fit_middle(text: &str, width: usize) -> String {
    let length = text.chars().count();
    if length <= width {
        return text.to_owned();
    }
    let kept = width.saturating_sub(1);
    let front = kept.div_ceil(2);
    let begin = text.chars().take(front);
    let end = text.chars().skip(length - (kept - front));
    begin.chain(['…']).chain(end).take(width).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(host: &str, path: &str, status: u16, first_byte_us: &str, termination: &str, more: &str) -> String {
        format!(
            r#"{{"time":"2026-11-27T03:00:01.250Z","environment":"prod","service":"web","slot":"blue","generation":1,
            "client":"192.0.2.1","host":"{host}","method":"GET","path":"{path}","status":{status},"bytes_in":0,"bytes_out":0,
            "duration_us":1234567,"first_byte_us":{first_byte_us},{more}"termination":"{termination}","request_id":"x"}}"#
        )
    }

    fn view(width: Option<usize>, color: bool) -> Requests {
        Requests {
            zone: TimeZone::UTC,
            style: Style { color },
            width,
            of_all: false,
        }
    }

    #[test]
    fn a_request_is_one_line_that_says_who_failed() {
        let show = |raw: &str| view(Some(80), false).line(raw);
        assert_eq!(
            show(&raw("shop.example.com", "/items", 200, "7", "done", "")),
            "03:00:01   200 GET    1.2 s blue  shop.example.com/items"
        );
        assert_eq!(
            show(&raw("shop.example.com", "/items", 502, "null", "app: unreachable", "")),
            "03:00:01 ✗ 502 GET    1.2 s blue  shop.example.com/items  app: unreachable"
        );
        assert_eq!(
            show(&raw("shop.example.com", "/", 500, "7", "done", "")),
            "03:00:01 ✗ 500 GET    1.2 s blue  shop.example.com/  app: answered 500"
        );
        assert_eq!(
            show(&raw(
                "shop.example.com",
                "/",
                0,
                "null",
                "client: gone",
                r#""reason":"it left","held_ms":3000,"#
            )),
            "03:00:01 ! --- GET    1.2 s blue  shop.example.com/  client: gone (it left), h…"
        );
        assert_eq!(
            show(&raw(
                "a.example",
                "/",
                200,
                "7",
                "done",
                r#""held_ms":3000,"retries":1,"#
            )),
            "03:00:01   200 GET    1.2 s blue  a.example/  held 3 s, sent 2 times"
        );
    }

    #[test]
    fn nothing_is_wider_than_the_terminal_and_the_middle_is_what_is_cut() {
        let long = raw(
            "shop.example.com",
            "/a/very/long/path/of/which/the/end/counts/too.png",
            502,
            "null",
            "app: unreachable for longer than hold.for",
            "",
        );
        for width in [40, 60, 80, 100, 200] {
            let shown = view(Some(width), false).line(&long);
            assert!(shown.chars().count() <= width, "{shown}");
        }
        assert_eq!(
            view(Some(80), false).line(&long),
            "03:00:01 ✗ 502 GET    1.2 s blue  shop.example…nts/too.png  app: unreachable f…"
        );
        let whole = view(None, false).line(&long);
        assert!(whole.contains("/a/very/long/path/of/which/the/end/counts/too.png  app: unreachable for longer than"));
        let all = Requests {
            of_all: true,
            ..view(Some(80), false)
        };
        assert!(
            all.line(&long).contains("1.2 s prod     blue  shop"),
            "{}",
            all.line(&long)
        );
        assert!(all.line(&long).chars().count() <= 80);
    }

    #[test]
    fn colour_stands_beside_shape_and_words_and_never_alone() {
        let failed = raw("a.example", "/", 502, "null", "app: unreachable", "");
        let shown = view(Some(80), true).line(&failed);
        assert!(shown.contains("\x1b[31m✗ 502\x1b[0m") && shown.contains("\x1b[31mapp: unreachable\x1b[0m"));
        assert!(!view(Some(80), false).line(&failed).contains('\x1b'));
    }

    #[test]
    fn e34_what_the_internet_sends_does_not_reach_the_terminal() {
        let hostile = raw("a.example", r"/\u001b[2J\u202e\n", 200, "7", "done", "");
        let shown = view(None, true).line(&hostile);
        assert!(shown.contains(r"/\u{1b}[2J\u{202e}\n"), "{shown}");
        assert_eq!(view(None, false).line("\x1b[2J"), r"\u{1b}[2J");
    }

    #[test]
    fn lines_that_are_lost_are_said_to_be() {
        let shown = view(Some(80), false).line(r#"{"dropped":1204}"#);
        assert_eq!(shown, "! 1,204 lines left out: more came than was read");
    }
}
