//! Services and rules as tests begin with.

use std::time::Duration;

use super::{Requires, Rules, Service};

/// A service with one instance in each slot.
pub(in crate::model) fn service(name: &str, blue: u16, green: u16) -> Service {
    let at = |port: u16| vec![port.to_string().parse().unwrap()];
    Service {
        name: name.into(),
        blue: at(blue),
        green: at(green),
        health_path: "/health".into(),
        names_version: false,
        passes: 3,
        interval: Duration::from_millis(500),
        timeout: Duration::from_secs(5),
        deadline: Duration::from_secs(60),
        warms: false,
        bake: None,
    }
}

/// `prod` with these services.
pub(in crate::model) fn rules(services: Vec<Service>) -> Rules {
    Rules {
        name: "prod".into(),
        protected: false,
        services,
        fixed: Vec::new(),
        requires: Requires::default(),
    }
}
