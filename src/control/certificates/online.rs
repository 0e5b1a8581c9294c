//! `proxyctl check --online`: does each host lead here, and does port 80 answer? Looks from this machine, as a CA would from its
//! own: names are resolved, and port 80 is asked for something that only this daemon knows.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::config::{Challenge, Config, Tls};
use crate::model::api::OnlineFinding;
use crate::model::host::is_local;

/// How long a name may take to be resolved, and a connection with its answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// The port that CAs ask.
const HTTP: u16 = 80;
/// What to do about a port that does not answer.
const CLOSED: &str = "hint: does the address lead to this machine, does `proxyd` run, and is the port open?";
/// How many bytes of an answer are read.
const ANSWER: u64 = 4096;

/// Looks at every host whose certificate is obtained, all at once. `probe` is what the running daemon answers.
pub async fn look(config: &Config, probe: Option<&str>) -> Vec<OnlineFinding> {
    let by_dns = matches!(config.acme.challenge, Challenge::Dns(_));
    let probe: Option<Arc<str>> = probe.map(Into::into);
    let mut looks = JoinSet::new();
    for (index, host) in hosts(config).into_iter().enumerate() {
        let probe = probe.clone();
        looks.spawn(async move { (index, examine(&host, HTTP, by_dns, probe.as_deref()).await) });
    }
    let mut findings = looks.join_all().await;
    findings.sort_by_key(|(index, _)| *index);
    findings.into_iter().map(|(_, finding)| finding).collect()
}

/// The hosts whose certificates are obtained from a CA: each once, in the order of the file.
fn hosts(config: &Config) -> Vec<Arc<str>> {
    let mut hosts: Vec<Arc<str>> = Vec::new();
    for (host, tls) in config.hosts() {
        // The local CA gives certificates for names of the machine, whatever `tls` says.
        if *tls == Tls::Acme && !is_local(host) && !hosts.contains(host) {
            hosts.push(host.clone());
        }
    }
    hosts
}

async fn examine(host: &str, port: u16, by_dns: bool, probe: Option<&str>) -> OnlineFinding {
    let finding = |good: bool, what: String| OnlineFinding {
        host: host.to_owned(),
        good,
        what,
    };
    if host.starts_with("*.") {
        let what = if by_dns {
            "a wildcard, which the DNS command proves"
        } else {
            "a wildcard has to be proved in the DNS; hint: set `challenge = { dns = \"COMMAND\" }` in `[acme]`"
        };
        return finding(by_dns, what.to_owned());
    }
    let resolved = tokio::time::timeout(PATIENCE, tokio::net::lookup_host((bare(host), port))).await;
    let unknown = |why: String| finding(false, format!("{why}; hint: does it have an A or AAAA record?"));
    let addresses: Vec<SocketAddr> = match resolved {
        Ok(Ok(addresses)) => addresses.collect(),
        Ok(Err(error)) => return unknown(format!("cannot be resolved: {}", plain(&error))),
        Err(_) => return unknown(format!("cannot be resolved within {} s", PATIENCE.as_secs())),
    };
    if addresses.is_empty() {
        return unknown("has no address".to_owned());
    }
    // A CA takes any of them: all have to lead here.
    let (mut good, mut said) = (true, Vec::new());
    for address in addresses {
        let (well, what) = match tokio::time::timeout(PATIENCE, ask(host, address)).await {
            Ok(Ok(answer)) => verdict(&answer, probe),
            Ok(Err(error)) => (
                false,
                format!("port {port} does not answer: {}; {CLOSED}", plain(&error)),
            ),
            Err(_) => (
                false,
                format!("port {port} does not answer within {} s; {CLOSED}", PATIENCE.as_secs()),
            ),
        };
        let here = if is_of_this_machine(address.ip()) {
            ""
        } else {
            " (not one of this machine's own addresses)"
        };
        let text = format!("{}{here}: {what}", address.ip());
        if !said.contains(&text) {
            said.push(text);
        }
        good &= well;
    }
    // By DNS the port may be closed: it is only said.
    finding(good || by_dns, said.join("; "))
}

/// Asks for this daemon's probe below `/.well-known/acme-challenge/`. Returns status and body.
async fn ask(host: &str, address: SocketAddr) -> io::Result<(u16, String)> {
    let mut tcp = TcpStream::connect(address).await?;
    let request = format!(
        "GET /.well-known/acme-challenge/greengate HTTP/1.1\r\nHost: {host}\r\nUser-Agent: greengate-check\r\nConnection: close\r\n\r\n"
    );
    tcp.write_all(request.as_bytes()).await?;
    let mut bytes = Vec::new();
    tcp.take(ANSWER).read_to_end(&mut bytes).await?;
    let text = String::from_utf8_lossy(&bytes);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "what answers speaks no HTTP"))?;
    Ok((status, body.trim().to_owned()))
}

fn verdict((status, body): &(u16, String), probe: Option<&str>) -> (bool, String) {
    match probe {
        Some(probe) if body == probe => (true, "port 80 answers, and it is this daemon".to_owned()),
        Some(_) if body.starts_with("greengate ") => (
            false,
            "another machine's Greengate answers; hint: the A or AAAA record leads there".to_owned(),
        ),
        None if body.starts_with("greengate ") => (
            true,
            "a Greengate answers; whether it is this machine's cannot be said while `proxyd` cannot be asked"
                .to_owned(),
        ),
        Some(_) | None => (
            false,
            format!(
                "something else answers (status {status}); hint: the A or AAAA record leads to another machine, or another \
                 program has port 80"
            ),
        ),
    }
}

/// A host without the brackets of IPv6.
fn bare(host: &str) -> &str {
    host.trim_matches(['[', ']'])
}

/// Whether this machine has the address: no other can be bound.
fn is_of_this_machine(ip: IpAddr) -> bool {
    std::net::UdpSocket::bind((ip, 0)).is_ok()
}

fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.trim_start_matches("failed to lookup address information: ");
    let mut letters = text.split(" (os error").next().unwrap_or_default().chars();
    letters
        .next()
        .map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// A server that answers every request with `answer`.
    async fn answering(answer: &'static str) -> u16 {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let serve = async move {
            while let Ok((mut tcp, _)) = listener.accept().await {
                let mut request = [0; 1024];
                let _ = tcp.read(&mut request).await;
                let _ = tcp.write_all(answer.as_bytes()).await;
            }
        };
        let mut task = JoinSet::new();
        task.spawn(serve);
        task.detach_all();
        port
    }

    #[tokio::test]
    async fn a_host_leads_here_when_this_daemon_answers() {
        let ours = answering("HTTP/1.1 200 OK\r\n\r\ngreengate 1").await;
        let other = answering("HTTP/1.1 404 Not Found\r\n\r\nnginx").await;
        let no_http = answering("SSH-2.0-x\r\n").await;
        for (port, probe, good, words) in [
            (
                ours,
                Some("greengate 1"),
                true,
                "127.0.0.1: port 80 answers, and it is this daemon",
            ),
            (
                ours,
                Some("greengate 2"),
                false,
                "127.0.0.1: another machine's Greengate answers",
            ),
            (ours, None, true, "127.0.0.1: a Greengate answers; whether"),
            (
                other,
                Some("greengate 1"),
                false,
                "127.0.0.1: something else answers (status 404)",
            ),
            (no_http, None, false, "does not answer: what answers speaks no HTTP"),
        ] {
            let found = examine("127.0.0.1", port, false, probe).await;
            assert_eq!(found.good, good, "{found:?}");
            assert!(found.what.contains(words), "{found:?}");
        }
    }

    #[tokio::test]
    async fn a_closed_port_is_told_and_is_no_fault_where_the_dns_proves() {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        let port = socket.local_addr().unwrap().as_socket().unwrap().port();
        let found = examine("127.0.0.1", port, false, None).await;
        assert!(
            !found.good && found.what.contains("does not answer: connection refused; hint: "),
            "{found:?}"
        );
        assert!(examine("127.0.0.1", port, true, None).await.good);
        assert!(!examine("*.example.com", port, false, None).await.good);
        assert!(examine("*.example.com", port, true, None).await.good);
    }

    #[test]
    fn every_host_whose_certificate_is_obtained_is_looked_at_once() {
        let text = "[env.a]\nhost = [\"a.com\", \"b.localhost\", \"127.0.0.1\", \"::1\"]\nupstream = 3000\n\
                    [env.c]\nhost = \"c.com\"\ntls = \"internal\"\nupstream = 3001\n\
                    [redirect]\n\"www.a.com\" = \"https://a.com\"\n";
        let (config, _) = Config::parse(Path::new("/etc/proxy.toml"), text).unwrap();
        assert_eq!(hosts(&config), ["a.com".into(), "www.a.com".into()]);
    }
}
