//! What the data plane is told at its start: bounds, trusted peers, and what it needs of other rooms without knowing them.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use crate::proxy::access::users::UserFiles;
use crate::proxy::assets::Assets;

/// What the data plane is told at its start.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Threads; at least one.
    pub workers: usize,
    /// Peers whose forwarding headers are believed.
    pub trusted_proxies: Vec<ipnet::IpNet>,
    /// Whether trusted peers send a PROXY header first.
    pub proxy_protocol: bool,
    /// Client connections in all.
    pub max_connections: usize,
    /// Client connections per address; loopback and trusted proxies are exempt.
    pub max_connections_per_client: usize,
    /// The port that 308 answers lead to; `None` stands for 443.
    pub https_port: Option<u16>,
    /// What is waited for, and for how long.
    pub times: Times,
}

/// The times of the data plane that nobody configures. Arguments, so that tests need not wait for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// A TLS handshake, and a PROXY header (E22).
    pub handshake: Duration,
    /// A request head that has begun (E22), and an answer of our own that the client does not read.
    pub head: Duration,
    /// What a client owes is measured over this period (E23).
    pub pace: Duration,
    /// A core hands begun log blocks over and looks at what has become old so often: the tick of those that wait.
    pub chores: Duration,
    /// A connection without a request is closed after this.
    pub idle: Duration,
    /// An HTTP/2 connection without a stream keeps what its streams had for so long.
    pub warm: Duration,
    /// Where all places are taken, a connection that has waited for a request for so long makes room for a newcomer (E29).
    pub spare: Duration,
    /// What a client may still send after an answer that did not wait for its body is read for so long (N15).
    pub linger: Duration,
    /// A client whose last answer said that the connection ends has so long to end its side (RFC 9112 §9.6).
    pub parting: Duration,
    /// When draining, a connection that waits for a request is closed after this (N26).
    pub drain_grace: Duration,
    /// At the drain deadline streams end spread over this period, so that their clients do not all come back at once (N20).
    pub spread: Duration,
    /// For the echo of a WebSocket's Close (N20).
    pub echo: Duration,
    /// While an app thinks, we look this often whether the client is still there.
    pub look_after_client: Duration,
    /// An app may take so long to say `100 Continue` before we say it (N19).
    pub say_continue: Duration,
    /// A request waits for so long until its password is checked.
    pub password: Duration,
    /// The first wait of a client that has sent too many wrong passwords.
    pub wrong_password: Duration,
    /// A swap waits for so long at most until the cores have connected to the side that is about to serve.
    pub connect_ahead: Duration,
    /// One of these connections is closed after this if no request has used it: longer than it takes to publish, and not so long that it
    /// matters to an app that has few threads and gives one to every connection.
    pub unused: Duration,
    /// A side that leaves is held up for so long at most while its files are fetched.
    pub keep_assets: Duration,
    /// It is looked so often whether anybody needs an environment that may sleep (N36).
    pub sleep_look: Duration,
    /// A WebSocket that moves nothing keeps such an environment awake for so long.
    pub sleep_web_socket: Duration,
    /// A process that takes over is given up when nothing is heard of it for so long (N25).
    pub hand_over: Duration,
    /// A message that was not taken is sent again after this, then after twice as long, and so on.
    pub notify_first: Duration,
    /// But for no longer than this between two attempts.
    pub notify_longest: Duration,
    /// A message that was not taken is given up when it is as old as this.
    pub notify_for: Duration,
    /// For who is told to take a message.
    pub notify_answer: Duration,
    /// It is looked so often whether there is something to tell.
    pub notify_look: Duration,
}

impl Times {
    /// Those of production.
    pub const USUAL: Self = Self {
        handshake: Duration::from_secs(10),
        head: Duration::from_secs(10),
        pace: Duration::from_secs(30),
        chores: Duration::from_millis(100),
        idle: Duration::from_secs(75),
        warm: Duration::from_millis(500),
        spare: Duration::from_secs(1),
        linger: Duration::from_secs(10),
        parting: Duration::from_secs(2),
        drain_grace: Duration::from_secs(10),
        spread: Duration::from_secs(3),
        echo: Duration::from_secs(2),
        look_after_client: Duration::from_secs(1),
        say_continue: Duration::from_secs(1),
        password: Duration::from_secs(10),
        wrong_password: Duration::from_secs(1),
        connect_ahead: Duration::from_millis(200),
        unused: Duration::from_secs(1),
        keep_assets: Duration::from_secs(5),
        sleep_look: Duration::from_secs(5),
        sleep_web_socket: Duration::from_secs(5 * 60),
        hand_over: Duration::from_secs(30),
        notify_first: Duration::from_secs(1),
        notify_longest: Duration::from_secs(5 * 60),
        notify_for: Duration::from_secs(60 * 60),
        notify_answer: Duration::from_secs(10),
        notify_look: Duration::from_secs(5),
    };

    /// These, but for the ones that a text names, in milliseconds: `head=500,idle=2000`.
    ///
    /// # Errors
    /// The part that is not of this form.
    pub fn with(mut self, text: &str) -> Result<Self, String> {
        for part in text.split(',').filter(|part| !part.is_empty()) {
            let named = part.split_once('=').and_then(|(name, time)| {
                let time = Duration::from_millis(time.parse().ok()?);
                Some((self.named(name)?, time))
            });
            let (place, time) = named.ok_or_else(|| format!("`{part}` is not `NAME=MILLISECONDS`"))?;
            *place = time;
        }
        Ok(self)
    }

    fn named(&mut self, name: &str) -> Option<&mut Duration> {
        Some(match name {
            "handshake" => &mut self.handshake,
            "head" => &mut self.head,
            "pace" => &mut self.pace,
            "chores" => &mut self.chores,
            "idle" => &mut self.idle,
            "warm" => &mut self.warm,
            "spare" => &mut self.spare,
            "linger" => &mut self.linger,
            "parting" => &mut self.parting,
            "drain_grace" => &mut self.drain_grace,
            "spread" => &mut self.spread,
            "echo" => &mut self.echo,
            "look_after_client" => &mut self.look_after_client,
            "say_continue" => &mut self.say_continue,
            "password" => &mut self.password,
            "wrong_password" => &mut self.wrong_password,
            "connect_ahead" => &mut self.connect_ahead,
            "unused" => &mut self.unused,
            "keep_assets" => &mut self.keep_assets,
            "sleep_look" => &mut self.sleep_look,
            "sleep_web_socket" => &mut self.sleep_web_socket,
            "hand_over" => &mut self.hand_over,
            "notify_first" => &mut self.notify_first,
            "notify_longest" => &mut self.notify_longest,
            "notify_for" => &mut self.notify_for,
            "notify_answer" => &mut self.notify_answer,
            "notify_look" => &mut self.notify_look,
            _ => return None,
        })
    }
}

/// Whether the certificate that is shown for the first name covers the second.
pub type Covers = Arc<dyn Fn(&str, &str) -> bool + Send + Sync>;
/// The key authorization of an ACME token.
pub type AcmeLookup = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// What the data plane needs of other rooms, without knowing them.
#[derive(Clone)]
pub struct Front {
    /// Certificates, protocols, tickets.
    pub tls: Arc<rustls::ServerConfig>,
    /// Whether one host's certificate covers another host.
    pub covers: Covers,
    /// Answers below `/.well-known/acme-challenge/`.
    pub acme: AcmeLookup,
    /// Certificates for CAs that check a host on the TLS port (RFC 8737).
    pub challenge: TlsChallenges,
    /// Whose passwords are asked for, as it was read last.
    pub users: Arc<UserFiles>,
    /// Files of versions that are gone.
    pub assets: Arc<Assets>,
}

/// The configuration that answers a CA's handshake for a name.
pub type ChallengeLookup = Arc<dyn Fn(&str) -> Option<Arc<rustls::ServerConfig>> + Send + Sync>;

/// What a CA is shown that asks by `acme-tls/1`: a configuration of its own, so that the main one never offers that protocol.
#[derive(Clone)]
pub struct TlsChallenges {
    /// How many there are; while it is 0, handshakes are spared the look at the name.
    pub pending: Arc<AtomicUsize>,
    /// By server name.
    pub lookup: ChallengeLookup,
}

impl Default for TlsChallenges {
    /// No host is being checked, and none will be.
    fn default() -> Self {
        Self {
            pending: Arc::default(),
            lookup: Arc::new(|_| None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tests shorten them: what nobody would notice there if it were another time in production.
    #[test]
    fn the_times_of_production_are_those_that_the_rules_name() {
        let usual = Times::USUAL;
        for (time, of, seconds) in [
            (usual.handshake, "E22: a handshake", 10),
            (usual.head, "E22: a head", 10),
            (usual.pace, "E23: 256 B/s, over", 30),
            (usual.idle, "a connection without a request", 75),
            (usual.spare, "E29: a connection that waits, where places are taken", 1),
            (usual.linger, "N15: the rest of an upload", 10),
            (usual.parting, "N15: a client whose connection ends", 2),
            (usual.spread, "N20: ends of streams, spread over", 3),
            (usual.echo, "N20: the echo of a Close", 2),
            (usual.drain_grace, "N26: a connection that waits, when draining", 10),
            (usual.say_continue, "N19: `100 Continue`", 1),
            (usual.hand_over, "N25: a process that takes over", 30),
            (usual.sleep_web_socket, "N36: a WebSocket that moves nothing", 300),
        ] {
            assert_eq!(time, Duration::from_secs(seconds), "{of}");
        }
    }

    #[test]
    fn times_are_changed_by_name_and_a_misspelled_one_is_an_error() {
        let times = Times::USUAL.with("head=500,idle=2000").unwrap();
        assert_eq!(
            (times.head, times.idle),
            (Duration::from_millis(500), Duration::from_secs(2))
        );
        assert_eq!(times.linger, Times::USUAL.linger);
        assert_eq!(Times::USUAL.with(""), Ok(Times::USUAL));
        for wrong in ["haed=500", "head", "head=soon"] {
            assert!(Times::USUAL.with(wrong).unwrap_err().contains(wrong));
        }
    }
}
