//! A real Prometheus with a folder of its own: it looks at one daemon twice a second, and is asked what it has seen.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::SystemTime;

use serde_json::Value;
use tempfile::TempDir;

use super::client::Client;
use super::process::Process;
use super::tool::tool;
use super::{eventually, holds, secs};

/// One series of an answer, with its newest value.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its value.
    pub value: f64,
}

/// One that runs. It ends with this.
#[derive(Debug)]
pub struct Prometheus {
    process: Process,
    address: SocketAddr,
    // Behind `process`, which writes into it until it is gone.
    folder: TempDir,
}

/// A file of `packaging`.
pub fn packaged(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("packaging").join(name)
}

impl Prometheus {
    /// Looks at this `/metrics`, under the name that `docs/metrics.md` gives it, and by the rules that are packaged.
    pub async fn start(target: SocketAddr) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let config = folder.path().join("prometheus.yml");
        let text = format!(
            "global:\n  scrape_interval: 500ms\n  scrape_timeout: 500ms\n  evaluation_interval: 500ms\n\
             rule_files: [\"{}\"]\n\
             scrape_configs:\n  - job_name: greengate\n    static_configs:\n      - targets: [\"{target}\"]\n",
            packaged("alerts.yml").display()
        );
        std::fs::write(&config, text).expect("the configuration can be written");
        let mut command = tool("prometheus").into_std();
        command
            .arg("--config.file")
            .arg(&config)
            .arg("--storage.tsdb.path")
            .arg(folder.path().join("data"))
            .args(["--web.listen-address", "127.0.0.1:0"])
            .current_dir(folder.path());
        let process = Process::spawn("prometheus", command);
        let address = eventually(secs(30), || async {
            let log = process.log().text();
            let line = log.lines().find(|line| line.contains("msg=\"Listening on\""));
            let address = line.and_then(|line| line.rsplit_once("address=")?.1.trim().parse().ok());
            address.ok_or_else(|| format!("it does not say where it listens: {log}"))
        })
        .await;
        let prometheus = Self {
            process,
            address,
            folder,
        };
        prometheus.scraped().await;
        prometheus
    }

    /// Waits until it has looked, and begun to after this was called.
    pub async fn scraped(&self) {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        eventually(secs(30), || async {
            let up = self.asked("timestamp(up) and up == 1").await?;
            let newest = up.first().map_or(0.0, |up| up.value);
            holds(newest > now.as_secs_f64(), || {
                format!("it has last looked at {newest}, and not since {now:?}")
            })
        })
        .await;
    }

    /// What an expression says now.
    pub async fn query(&self, expression: &str) -> Vec<Found> {
        self.asked(expression)
            .await
            .unwrap_or_else(|error| panic!("{expression}: {error}"))
    }

    /// As [`Prometheus::query`]; an expression that is none, or has no answer yet, is an error.
    pub async fn asked(&self, expression: &str) -> Result<Vec<Found>, String> {
        let answer = self
            .get(&format!("/api/v1/query?query={}", encoded(expression)))
            .await?;
        let result = &answer["result"];
        // A scalar is an answer without labels.
        let alone = [serde_json::json!({ "metric": {}, "value": result })];
        let all = match answer["resultType"].as_str() {
            Some("scalar") => &alone[..],
            _ => result.as_array().map(Vec::as_slice).unwrap_or_default(),
        };
        let found = all.iter().map(|one| {
            let labels = serde_json::from_value(one["metric"].clone()).ok()?;
            let value = one["value"][1].as_str()?.parse().ok()?;
            Some(Found { labels, value })
        });
        found.collect::<Option<_>>().ok_or_else(|| format!("{answer}"))
    }

    /// The value of an expression that has exactly one.
    pub async fn value(&self, expression: &str) -> f64 {
        match &self.query(expression).await[..] {
            [one] => one.value,
            other => panic!("{expression} has not one value: {other:?}"),
        }
    }

    /// The rules, as it judges them.
    pub async fn rules(&self) -> Vec<Value> {
        let answer = self.get("/api/v1/rules").await.expect("rules");
        let groups = answer["groups"].as_array().expect("groups");
        let rules = groups.iter().filter_map(|group| group["rules"].as_array());
        rules.flatten().cloned().collect()
    }

    /// Alerts that fire, or would if it stayed like this for as long as their rules say.
    pub async fn alerts(&self, name: &str) -> Vec<Value> {
        let answer = self.get("/api/v1/alerts").await.expect("alerts");
        let alerts = answer["alerts"].as_array().expect("alerts").iter();
        let of_name = alerts.filter(|alert| alert["labels"]["alertname"] == name);
        of_name.cloned().collect()
    }

    async fn get(&self, target: &str) -> Result<Value, String> {
        let mut client = Client::plain(self.address).await.map_err(|broken| broken.to_string())?;
        let answer = client.get(&self.address.to_string(), target).await;
        let answer = answer.map_err(|broken| broken.to_string())?;
        let said: Value =
            serde_json::from_slice(&answer.body).map_err(|error| format!("{error}: {}", answer.text()))?;
        holds(said["status"] == "success", || said.to_string())?;
        Ok(said["data"].clone())
    }
}

fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
        encoded
    })
}
