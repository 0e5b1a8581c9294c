//! `proxyctl certs`: how the certificate of every host stands, getting one anew, and taking over certbot's.

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::cli::args::{CertsArgs, CertsCommand, ImportArgs, RenewArgs};
use crate::cli::client::{Client, ClientError};
use crate::cli::exit::{Outcome, Stop};
use crate::cli::output;
use crate::cli::output::certificate::stands_in;
use crate::cli::output::text::{Style, escape, period};
use crate::model::api::{CertificateReport, Certificates, ImportRequest, Imported, RenewRequest, exit};

/// A certificate that ends sooner than this is worth a look.
const SOON_DAYS: i64 = 7;

/// What `certs import` takes.
const EXPECTED: &str =
    "a folder with `live/NAME/fullchain.pem` and `privkey.pem` is expected; certbot's is `/etc/letsencrypt`";

/// Lists, renews or imports.
///
/// # Errors
/// When the daemon cannot be asked, or refuses.
pub async fn run(client: &Client, args: &CertsArgs) -> Outcome {
    match &args.command {
        None | Some(CertsCommand::List) => list(client, args.json).await,
        Some(CertsCommand::Renew(renew)) => self::renew(client, renew, args.json).await,
        Some(CertsCommand::Import(import)) => self::import(client, import, args.json).await,
    }
}

async fn list(client: &Client, json: bool) -> Outcome {
    if json {
        output::out(client.text("/v1/certificates").await?.trim_end());
        return Ok(exit::DONE);
    }
    let certificates: Certificates = client.get("/v1/certificates").await?;
    if certificates.certificates.is_empty() {
        output::out("no host is served over TLS");
    }
    for report in &certificates.certificates {
        for line in render(report, Timestamp::now(), output::out_style()) {
            output::out(&line);
        }
    }
    Ok(exit::DONE)
}

async fn renew(client: &Client, args: &RenewArgs, json: bool) -> Outcome {
    let request = RenewRequest {
        host: args.host.clone(),
    };
    if !json {
        output::err(&format!("asking for a certificate for {}", escape(&args.host)));
    }
    let report: CertificateReport = client.post("/v1/certificates/renew", &request).await?;
    if json {
        output::out_json(&report)?;
    } else {
        for line in render(&report, Timestamp::now(), output::out_style()) {
            output::out(&line);
        }
    }
    Ok(exit::DONE)
}

/// Reads here what the daemon's user may not, and hands it over on the control socket.
async fn import(client: &Client, args: &ImportArgs, json: bool) -> Outcome {
    let folders = lineages(&args.folder)?;
    let style = output::out_style();
    let (mut of_use, mut failed) = (false, false);
    let mut all: Vec<Imported> = Vec::new();
    for folder in folders {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let read = |file: &str| {
            let path = folder.join(file);
            std::fs::read_to_string(&path).map_err(|error| format!("`{}`: {}", path.display(), reason(&error)))
        };
        let request = match (read("fullchain.pem"), read("privkey.pem")) {
            (Ok(chain), Ok(key)) => ImportRequest { name, chain, key },
            (Err(why), _) | (_, Err(why)) => {
                failed = true;
                output::err(&format!("{} {}", style.red("✗"), escape(&why)));
                continue;
            }
        };
        let imported: Imported = match client.post("/v1/certificates/import", &request).await {
            Ok(imported) => imported,
            Err(ClientError::Refused(problem)) => {
                failed = true;
                output::err(&format!("{} {}", style.red("✗"), escape(&problem.reason)));
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        of_use |= !(imported.hosts.is_empty() && imported.left.is_empty());
        if json {
            all.push(imported);
            continue;
        }
        for line in render_import(&imported, style) {
            output::out(&line);
        }
    }
    if json {
        output::out_json(&all)?;
    }
    if failed {
        return Ok(exit::FAILED);
    }
    if !of_use {
        output::err("nothing was taken; hosts have to stand in proxy.toml first, with tls = \"acme\"");
    }
    Ok(exit::DONE)
}

/// The folders with a chain and a key: in certbot's own folder, in its `live`, or the one that was named.
fn lineages(folder: &Path) -> Result<Vec<PathBuf>, Stop> {
    let is_lineage = |folder: &Path| folder.join("fullchain.pem").exists() || folder.join("privkey.pem").exists();
    if is_lineage(folder) {
        return Ok(vec![folder.to_owned()]);
    }
    let live = folder.join("live");
    let parent = if live.is_dir() { live } else { folder.to_owned() };
    let entries = std::fs::read_dir(&parent).map_err(|error| {
        let stop = Stop::failed(format!("`{}` cannot be read: {}", parent.display(), reason(&error)));
        match error.kind() {
            std::io::ErrorKind::PermissionDenied => {
                stop.hint("certbot's folder belongs to root: `sudo proxyctl certs import /etc/letsencrypt`")
            }
            _ => stop.hint(EXPECTED),
        }
    })?;
    let folders = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let mut found: Vec<PathBuf> = folders.filter(|folder| is_lineage(folder)).collect();
    found.sort();
    if found.is_empty() {
        let stop = Stop::failed(format!("there is no certificate in `{}`", parent.display()));
        return Err(stop.hint(EXPECTED));
    }
    Ok(found)
}

/// The reason in the house's style; `io::Error` prints `No such file or directory (os error 2)`.
fn reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_lowercase()
}

fn render_import(imported: &Imported, style: Style) -> Vec<String> {
    let name = escape(&imported.name);
    let mut lines = Vec::new();
    if !imported.hosts.is_empty() {
        let hosts: Vec<_> = imported.hosts.iter().map(|host| escape(host)).collect();
        lines.push(format!("{} {name}: serves {}", style.green("✓"), hosts.join(", ")));
    }
    lines.extend(
        imported
            .left
            .iter()
            .map(|why| format!("{} {name}: {}", style.yellow("–"), escape(why))),
    );
    if lines.is_empty() {
        lines.push(format!("{} {name}: covers no host of this daemon", style.yellow("–")));
    }
    lines
}

/// Host, issuer and days left; then what is next; then what is wrong.
#[must_use]
pub fn render(report: &CertificateReport, now: Timestamp, style: Style) -> Vec<String> {
    let end = report.not_after.parse::<Timestamp>().ok();
    let left = end.map(|end| end.as_second() - now.as_second());
    let left = match left {
        // How long the stand-in would live helps nobody.
        _ if stands_in(&report.issuer, report.note.as_deref()) => style.yellow("no certificate yet"),
        Some(left) if left < 0 => style.red("expired"),
        Some(left) if left < 86_400 => style.yellow(&format!("{} left", span(left))),
        Some(left) => {
            let days = left / 86_400;
            let text = format!("{days} {} left", if days == 1 { "day" } else { "days" });
            if days < SOON_DAYS { style.yellow(&text) } else { text }
        }
        None => style.red("no certificate"),
    };
    let mut lines = vec![format!(
        "{}  {}  {left}{}",
        style.bold(&escape(&report.host)),
        escape(&report.issuer),
        if report.imported { "  imported" } else { "" }
    )];
    let next = report.next.as_ref().and_then(|next| next.parse::<Timestamp>().ok());
    let next = next.map(|next| next.as_second() - now.as_second());
    let why = escape(&report.why);
    lines.push(match next {
        _ if report.running => "  one is being obtained".to_owned(),
        Some(wait) if wait <= 0 => format!("  next attempt now: {why}"),
        Some(wait) => format!("  next attempt in {}: {why}", span(wait)),
        None => format!("  {why}"),
    });
    if let Some(note) = &report.note {
        lines.push(format!("  {}", style.yellow(&format!("! {}", escape(note)))));
    }
    if let Some(error) = &report.error {
        lines.push(format!("  {}", style.red(&format!("✗ {}", escape(error)))));
    }
    if let Some(why) = &report.unsaved {
        lines.push(format!(
            "  {}",
            style.red(&format!("✗ it cannot be stored: {}", escape(why)))
        ));
    }
    lines
}

fn span(seconds: i64) -> String {
    period(u64::try_from(seconds).unwrap_or(0).saturating_mul(1000))
}
