//! `GET /v1/series`: what environments and services did lately, step by step, for charts.

use serde::{Deserialize, Serialize};

/// How far back, and in which steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Range {
    /// The last minute, by the second.
    #[serde(rename = "1m")]
    Minute,
    /// The last ten minutes, by the second.
    #[serde(rename = "10m")]
    TenMinutes,
    /// The last two hours, in steps of 10 seconds.
    #[serde(rename = "2h")]
    TwoHours,
    /// The last day, by the minute.
    #[serde(rename = "24h")]
    Day,
}

impl Range {
    /// All of them, the shortest first.
    pub const ALL: [Self; 4] = [Self::Minute, Self::TenMinutes, Self::TwoHours, Self::Day];

    /// As it is asked for.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Minute => "1m",
            Self::TenMinutes => "10m",
            Self::TwoHours => "2h",
            Self::Day => "24h",
        }
    }

    /// A step, in seconds.
    #[must_use]
    pub fn step(self) -> u32 {
        match self {
            Self::Minute | Self::TenMinutes => 1,
            Self::TwoHours => 10,
            Self::Day => 60,
        }
    }

    /// How many steps it has.
    #[must_use]
    pub fn steps(self) -> usize {
        match self {
            Self::Minute => 60,
            Self::TenMinutes => 600,
            Self::TwoHours => 720,
            Self::Day => 1440,
        }
    }
}

/// What was done lately.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// How far back it goes at most.
    pub range: Range,
    /// Seconds that one step takes.
    pub step_s: u32,
    /// When the newest step ended, in seconds since 1970.
    pub end: i64,
    /// Of every environment, in the order of the file, each followed by its services where it has several.
    pub tracks: Vec<Track>,
}

/// What one environment or service did. Each column has a value for every step, the newest last; columns are shorter than the range
/// where nothing is known of the time before. Columns in which nothing happened are left out.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Track {
    /// The environment.
    pub environment: String,
    /// The service; all of them where none is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// How many steps are known.
    pub steps: usize,
    /// Requests that the blue side answered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blue: Vec<u32>,
    /// Requests that the green side answered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub green: Vec<u32>,
    /// Requests of services with one side.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub upstream: Vec<u32>,
    /// Requests that failed by the app's fault.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub app_errors: Vec<u32>,
    /// Requests that failed by the proxy's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub proxy_errors: Vec<u32>,
    /// Requests that failed by the client's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub client_errors: Vec<u32>,
    /// Half of the requests took no longer, in microseconds; 0 where there were none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub p50_us: Vec<u32>,
    /// 95 of 100 requests took no longer, in microseconds; 0 where there were none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub p95_us: Vec<u32>,
    /// Requests that waited for the app at the end of the step.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub held: Vec<u32>,
    /// Requests and streams that were under way at the end of the step.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub in_flight: Vec<u32>,
}

/// What is kept for charts, and what it takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeriesStatus {
    /// Environments and services that are kept.
    pub tracks: usize,
    /// Those for which there is no room.
    #[serde(default)]
    pub left_out: usize,
    /// Bytes that all of them take.
    pub bytes: u64,
}
