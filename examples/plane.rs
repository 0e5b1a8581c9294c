use greengate::{
    config::*,
    model::slot::*,
    proxy::{activation::Activation, data_plane::*, routing::*},
    telemetry::access_log::AccessLog,
    tls,
};
use std::sync::Arc;
fn main() {
    let mut args = std::env::args();
    args.next();
    let p = args.find(|a| a != "--config").unwrap();
    let (config, _) = Config::load(std::path::Path::new(&p)).unwrap_or_else(|_| panic!("config"));
    let n = config.server.workers.unwrap_or(2);
    let hosts = config
        .environments
        .iter()
        .flat_map(|e| &e.services)
        .flat_map(|s| {
            s.hosts.iter().map(|h| tls::Host {
                name: h.clone(),
                tls: s.tls.clone(),
            })
        })
        .collect();
    let (store, w) = tls::Store::open(hosts, config.server.state_dir.as_ref().unwrap()).unwrap();
    println!("{w:?}");
    let routing = Routing::new(Snapshot::new(&config, |s| {
        let (slot, a) = match &s.slots {
            Slots::Pair { blue, .. } => (Slot::Blue, blue),
            Slots::Single(a) => (Slot::Upstream, a),
        };
        Activation::new(s.environment.clone(), s.name.clone(), slot, Generation(1), a.clone(), n)
    }));
    let http = bind(&config.server.http).unwrap();
    let https = bind(&config.server.https).unwrap();
    for l in http.iter().chain(&https) {
        println!("{}", l.local_addr().unwrap());
    }
    let s2 = store.clone();
    let front = Front {
        tls: store.server_config().unwrap(),
        covers: Arc::new(move |a, b| s2.covers(a, b)),
        acme: Arc::new(|_| None),
    };
    let log = AccessLog::open(&config.server.access_log).unwrap();
    let _plane = DataPlane::start(
        Settings {
            workers: n,
            trusted_proxies: vec![],
            proxy_protocol: false,
            max_connections: 100000,
            max_connections_per_client: 512,
            https_port: https[0].local_addr().ok().map(|a| a.port()),
        },
        &http,
        &https,
        &routing,
        front,
        &log,
    )
    .unwrap();
    loop {
        std::thread::park();
    }
}
