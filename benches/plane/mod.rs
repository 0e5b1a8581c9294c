//! A door as the benches start it, in their own process: one core, one environment, no TLS, the usual times.

use std::net::SocketAddr;
use std::sync::Arc;

use greengate::config::{AccessLogFormat, AccessLogTarget, Config, Listen};
use greengate::model::slot::{Address, Generation, Slot};
use greengate::proxy::{Activation, DataPlane, Front, Routing, Settings, Snapshot, Times, TlsChallenges, bind};
use greengate::telemetry::{AccessLog, Totals};

/// It answers to `bench.test`.
#[allow(dead_code, reason = "not every bench swaps")]
pub(crate) struct Door {
    pub(crate) plane: DataPlane,
    pub(crate) routing: Arc<Routing>,
    pub(crate) address: SocketAddr,
    pub(crate) live: Arc<Activation>,
    config: Config,
}

impl Door {
    /// `slots` are the lines that name them; `slot` is live.
    pub(crate) fn start(slots: &str, slot: Slot) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = "[server]\nhttp = \"127.0.0.1:0\"\nhttps = \"127.0.0.1:0\"\n";
        let text = format!("{server}[env.prod]\nhost = \"bench.test\"\ntls = \"off\"\nlog = false\n{slots}\n");
        let (config, _) = Config::parse(&folder.path().join("proxy.toml"), &text).unwrap();
        let live = activation(&config, slot, 1);
        let routing = Routing::new(Snapshot::new(&config, |_| live.clone()));
        let listeners = bind(&Listen::At(vec!["127.0.0.1:0".parse().unwrap()])).unwrap();
        let settings = Settings {
            workers: 1,
            trusted_proxies: Vec::new(),
            proxy_protocol: false,
            max_connections: 1000,
            max_connections_per_client: 1000,
            https_port: None,
            times: Times::USUAL,
        };
        let log = AccessLog::open(&AccessLogTarget::Stdout, AccessLogFormat::Json).unwrap();
        let plane = DataPlane::start(settings, &routing, front(), &log).unwrap();
        plane.listen(&listeners, &[]).unwrap();
        Self {
            plane,
            routing,
            address: listeners[0].local_addr().unwrap(),
            live,
            config,
        }
    }

    /// One that could be published next.
    #[allow(dead_code, reason = "not every bench swaps")]
    pub(crate) fn activation(&self, slot: Slot, generation: u64) -> Arc<Activation> {
        activation(&self.config, slot, generation)
    }
}

fn activation(config: &Config, slot: Slot, generation: u64) -> Arc<Activation> {
    let service = &config.environments[0].services[0];
    let addresses: Vec<Address> = service.slots.get(slot).unwrap().to_vec();
    Activation::new(
        service.environment.clone(),
        service.name.clone(),
        slot,
        Generation(generation),
        addresses,
        &Totals::new(1),
    )
}

/// Nothing here speaks TLS.
fn front() -> Front {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(rustls::server::ResolvesServerCertUsingSni::new()));
    Front {
        tls: Arc::new(tls),
        covers: Arc::new(|_, _| false),
        acme: Arc::new(|_| None),
        challenge: TlsChallenges::default(),
        users: Arc::default(),
        assets: Arc::default(),
    }
}
