//! How metrics are written: the text format of OpenMetrics 1.0, and that of Prometheus (0.0.4) for who does not ask for it. Samples have
//! the same names in both.

use std::fmt::Write as _;

use http::HeaderMap;
use http::header::ACCEPT;

/// How a page is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    OpenMetrics,
    Prometheus,
}

impl Format {
    /// What a client asks for. Who does not name OpenMetrics, such as a browser, gets what everybody reads.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let accepts = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
        let mut kinds = accepts.flat_map(|value| value.split(','));
        let is_named = kinds.any(|kind| {
            let name = kind.split(';').next().unwrap_or_default().trim();
            name.eq_ignore_ascii_case("application/openmetrics-text")
        });
        if is_named { Self::OpenMetrics } else { Self::Prometheus }
    }

    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

/// What the samples of a family are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// Names and values of labels, in the order in which they are written. An empty value says that there is none.
pub(super) type Labels<'l> = &'l [(&'static str, &'l str)];

/// A page that is being written.
#[derive(Debug)]
pub(super) struct Page {
    text: String,
    format: Format,
}

impl Page {
    pub(super) fn new(format: Format) -> Self {
        Self {
            text: String::with_capacity(16 * 1024),
            format,
        }
    }

    /// A family whose samples only grow; its name without `_total`.
    pub(super) fn counter(&mut self, name: &'static str, help: &'static str) -> Family<'_> {
        self.family(Kind::Counter, name, help)
    }

    /// A family whose samples go up and down.
    pub(super) fn gauge(&mut self, name: &'static str, help: &'static str) -> Family<'_> {
        self.family(Kind::Gauge, name, help)
    }

    /// A family of histograms.
    pub(super) fn histogram(&mut self, name: &'static str, help: &'static str) -> Family<'_> {
        self.family(Kind::Histogram, name, help)
    }

    pub(super) fn end(mut self) -> String {
        if self.format == Format::OpenMetrics {
            self.text.push_str("# EOF\n");
        }
        self.text
    }

    fn family(&mut self, kind: Kind, name: &'static str, help: &'static str) -> Family<'_> {
        let word = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        // A family of counters is called like its samples in the older format, and without their suffix in the newer one.
        let suffix = match (kind, self.format) {
            (Kind::Counter, Format::Prometheus) => "_total",
            _ => "",
        };
        for (what, words) in [("HELP", help), ("TYPE", word)] {
            line(&mut self.text, format_args!("# {what} {name}{suffix} {words}"));
        }
        Family {
            text: &mut self.text,
            kind,
            name,
        }
    }
}

/// A family whose samples are being written.
#[derive(Debug)]
pub(super) struct Family<'p> {
    text: &'p mut String,
    kind: Kind,
    name: &'static str,
}

impl Family<'_> {
    /// One sample of a counter or a gauge.
    pub(super) fn sample(&mut self, labels: Labels<'_>, value: impl Into<Value>) {
        let suffix = if self.kind == Kind::Counter { "_total" } else { "" };
        self.write(suffix, labels, None, value.into());
    }

    /// One histogram: its buckets' upper ends in microseconds, how many are in each and in no smaller one, with those beyond the last
    /// behind them, and the sum of all in microseconds.
    pub(super) fn buckets(&mut self, labels: Labels<'_>, bounds: &[u64], counts: &[u64], micros: u64) {
        let mut seen = 0;
        let bounds = bounds.iter().map(|bound| Some(*bound)).chain([None]);
        for (bound, count) in bounds.zip(counts) {
            seen += count;
            let bound = bound.map_or_else(|| "+Inf".to_owned(), |bound| format!("{:?}", seconds(bound)));
            self.write("_bucket", labels, Some(&bound), seen.into());
        }
        self.write("_sum", labels, None, Value::Micros(micros));
        self.write("_count", labels, None, seen.into());
    }

    fn write(&mut self, suffix: &str, labels: Labels<'_>, bound: Option<&str>, value: Value) {
        self.text.push_str(self.name);
        self.text.push_str(suffix);
        let labels = labels.iter().copied().chain(bound.map(|bound| ("le", bound)));
        let mut before = '{';
        for (name, value) in labels.filter(|(_, value)| !value.is_empty()) {
            self.text.push(before);
            before = ',';
            self.text.push_str(name);
            self.text.push_str("=\"");
            escape(self.text, value);
            self.text.push('"');
        }
        if before == ',' {
            self.text.push('}');
        }
        match value {
            Value::Whole(number) => line(self.text, format_args!(" {number}")),
            Value::Micros(micros) => line(self.text, format_args!(" {}", seconds(micros))),
            Value::Seconds(number) => line(self.text, format_args!(" {number}")),
        }
    }
}

/// The value of a sample.
#[derive(Debug, Clone, Copy)]
pub(super) enum Value {
    Whole(u64),
    /// Shown in seconds.
    Micros(u64),
    Seconds(f64),
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Whole(number)
    }
}

impl From<bool> for Value {
    fn from(yes: bool) -> Self {
        Self::Whole(u64::from(yes))
    }
}

fn seconds(micros: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "after 285 years")]
    let micros = micros as f64;
    micros / 1e6
}

fn line(text: &mut String, words: std::fmt::Arguments<'_>) {
    // Nothing fails to be written to a text.
    let _ = writeln!(text, "{words}");
}

fn escape(text: &mut String, value: &str) {
    for letter in value.chars() {
        match letter {
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            '\n' => text.push_str("\\n"),
            other => text.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn written(format: Format) -> String {
        let mut page = Page::new(format);
        let mut requests = page.counter("requests", "Requests.");
        requests.sample(&[("path", "a\\b\"c\nd"), ("none", "")], 7);
        requests.sample(&[], 1);
        page.gauge("up", "Whether.").sample(&[("side", "blue")], true);
        page.gauge("began_seconds", "When.").sample(&[], Value::Seconds(1.5));
        page.histogram("duration_seconds", "How long.").buckets(
            &[("side", "blue")],
            &[5_000, 1_000_000],
            &[2, 1, 1],
            4_250_000,
        );
        page.end()
    }

    #[test]
    fn a_page_of_prometheus() {
        let expected = r#"# HELP requests_total Requests.
# TYPE requests_total counter
requests_total{path="a\\b\"c\nd"} 7
requests_total 1
# HELP up Whether.
# TYPE up gauge
up{side="blue"} 1
# HELP began_seconds When.
# TYPE began_seconds gauge
began_seconds 1.5
# HELP duration_seconds How long.
# TYPE duration_seconds histogram
duration_seconds_bucket{side="blue",le="0.005"} 2
duration_seconds_bucket{side="blue",le="1.0"} 3
duration_seconds_bucket{side="blue",le="+Inf"} 4
duration_seconds_sum{side="blue"} 4.25
duration_seconds_count{side="blue"} 4
"#;
        assert_eq!(written(Format::Prometheus), expected);
    }

    #[test]
    fn a_page_of_openmetrics_has_the_same_samples_and_an_end() {
        let samples = |text: &str| -> Vec<String> {
            text.lines()
                .filter(|line| !line.starts_with('#'))
                .map(str::to_owned)
                .collect()
        };
        let text = written(Format::OpenMetrics);
        assert_eq!(samples(&text), samples(&written(Format::Prometheus)));
        assert!(text.starts_with("# HELP requests Requests.\n# TYPE requests counter\n"));
        assert!(text.ends_with("\n# EOF\n"));
    }

    #[test]
    fn who_does_not_name_openmetrics_gets_the_older_format() {
        let of = |accept: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, HeaderValue::from_str(accept).unwrap());
            Format::of(&headers)
        };
        let prometheus = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
                          text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        assert_eq!(of(prometheus), Format::OpenMetrics);
        assert_eq!(of("text/html,*/*;q=0.8"), Format::Prometheus);
        assert_eq!(Format::of(&HeaderMap::new()), Format::Prometheus);
    }
}
