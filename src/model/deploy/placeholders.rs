//! What stands in braces in commands and names, as `web@{slot}`, and in the environment of commands, as `GREENGATE_SLOT`.

use std::collections::BTreeMap;
use std::fmt;

use crate::model::slot::{Address, Slot};
use crate::model::template::{self, Piece, Placeholders};

/// What a placeholder stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placeholder {
    /// `{slot}`: the side that is started or stopped.
    Slot,
    /// `{port}`: the port of its service there.
    Port,
    /// `{address}`: the address of its service there, as `127.0.0.1:3000` or `unix:/run/web.sock`.
    Address,
    /// `{version}`: what is deployed there.
    Version,
    /// `{environment}`: the name of the environment.
    Environment,
    /// `{service}`: the name of the service.
    Service,
}

impl Placeholders for Placeholder {
    const ALL: &'static [Self] = &[
        Self::Slot,
        Self::Port,
        Self::Address,
        Self::Version,
        Self::Environment,
        Self::Service,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Slot => "slot",
            Self::Port => "port",
            Self::Address => "address",
            Self::Version => "version",
            Self::Environment => "environment",
            Self::Service => "service",
        }
    }
}

impl Placeholder {
    /// The variable that commands find it in.
    #[must_use]
    pub fn variable(self) -> &'static str {
        match self {
            Self::Slot => "GREENGATE_SLOT",
            Self::Port => "GREENGATE_PORT",
            Self::Address => "GREENGATE_ADDRESS",
            Self::Version => "GREENGATE_VERSION",
            Self::Environment => "GREENGATE_ENVIRONMENT",
            Self::Service => "GREENGATE_SERVICE",
        }
    }

    /// Whether it has a value only where one service is meant.
    #[must_use]
    pub fn is_of_one_service(self) -> bool {
        matches!(self, Self::Port | Self::Address | Self::Service)
    }
}

/// What placeholders stand for in one deployment, for an environment or one of its services.
#[derive(Debug, Clone, Copy)]
pub struct Values<'a> {
    /// The environment's name.
    pub environment: &'a str,
    /// The service, where one is meant.
    pub service: Option<&'a str>,
    /// The side that is started or stopped.
    pub slot: Slot,
    /// The instances of that service there; none where no single service is meant.
    pub addresses: &'a [Address],
    /// What is deployed there, as far as it is known.
    pub version: Option<&'a str>,
}

impl<'a> Values<'a> {
    /// For a command that is run once: the first instance is meant by `{port}` and `{address}`.
    pub(super) fn once(self) -> Instance<'a> {
        self.instance(self.addresses.first())
    }

    /// For a command that is run once for all instances: none of several is meant.
    pub(super) fn together(self) -> Instance<'a> {
        match self.addresses {
            [only] => self.instance(Some(only)),
            _ => self.instance(None),
        }
    }

    /// For a command that is run once for each instance.
    pub(super) fn apart(self) -> impl Iterator<Item = Instance<'a>> {
        self.addresses.iter().map(move |address| self.instance(Some(address)))
    }

    /// One or the other, by whether an instance is named. No single service being meant, there is nothing to take apart.
    pub(super) fn each(self, is_named: bool) -> Vec<Instance<'a>> {
        match is_named && !self.addresses.is_empty() {
            true => self.apart().collect(),
            false => vec![self.together()],
        }
    }

    /// A text for each instance that it names, or one for all.
    pub(super) fn fill(self, template: &Template) -> Result<Vec<String>, NoValue> {
        let instances = self.each(template.names_an_instance());
        instances.iter().map(|instance| template.fill(instance)).collect()
    }

    /// Several such texts.
    pub(super) fn fill_all(self, templates: &[Template]) -> Result<Vec<String>, NoValue> {
        let filled: Vec<_> = templates
            .iter()
            .map(|template| self.fill(template))
            .collect::<Result<_, _>>()?;
        Ok(filled.concat())
    }

    fn instance(self, address: Option<&'a Address>) -> Instance<'a> {
        Instance { values: self, address }
    }
}

/// What placeholders stand for in one command.
#[derive(Debug, Clone, Copy)]
pub(super) struct Instance<'a> {
    pub(super) values: Values<'a>,
    pub(super) address: Option<&'a Address>,
}

impl Instance<'_> {
    /// The variables of a command; those that have no value here are left out.
    pub(super) fn variables(&self) -> BTreeMap<String, String> {
        let known = Placeholder::ALL
            .iter()
            .filter_map(|one| Some((one.variable(), self.value(*one)?)));
        let port = self.value(Placeholder::Port).map(|port| ("PORT", port));
        known
            .chain(port)
            .map(|(name, value)| (name.to_owned(), value))
            .collect()
    }

    fn value(&self, placeholder: Placeholder) -> Option<String> {
        let Values {
            environment,
            service,
            slot,
            version,
            ..
        } = self.values;
        match placeholder {
            Placeholder::Slot => Some(slot.to_string()),
            Placeholder::Port => match self.address? {
                Address::Port(port) | Address::Tcp { port, .. } => Some(port.to_string()),
                Address::Unix(_) | Address::Folder(_) => None,
            },
            Placeholder::Address => self.address.map(ToString::to_string),
            Placeholder::Version => version.map(str::to_owned),
            Placeholder::Environment => Some(environment.to_owned()),
            Placeholder::Service => service.map(str::to_owned),
        }
    }
}

/// A placeholder that stands for nothing here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoValue(pub Placeholder);

impl fmt::Display for NoValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Placeholder::Version => f.write_str("`{version}` is asked for, and nobody says which it is"),
            Placeholder::Port => f.write_str("`{port}` is asked for, and the side has none"),
            other => write!(f, "`{{{}}}` is asked for, and no single service is meant", other.name()),
        }
    }
}

impl std::error::Error for NoValue {}

/// A word of a command, or a name, with placeholders.
pub type Template = template::Template<Placeholder>;

impl Template {
    /// Whether it is another text for each instance of a service.
    pub(super) fn names_an_instance(&self) -> bool {
        self.names(Placeholder::Port) || self.names(Placeholder::Address)
    }

    pub(super) fn fill(&self, instance: &Instance<'_>) -> Result<String, NoValue> {
        let mut out = String::new();
        for piece in self.pieces() {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Placeholder(one) => out.push_str(&instance.value(*one).ok_or(NoValue(*one))?),
            }
        }
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(texts: &[&str]) -> Vec<Address> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn values(addresses: &[Address]) -> Values<'_> {
        Values {
            environment: "prod",
            service: Some("web"),
            slot: Slot::Green,
            addresses,
            version: Some("8b71ff7"),
        }
    }

    #[test]
    fn placeholders_are_filled_in_and_other_braces_are_text() {
        let green = addresses(&["3010"]);
        for (text, expected) in [
            ("", ""),
            ("plain", "plain"),
            ("web@{slot}", "web@green"),
            ("{service}-{port}-{environment}", "web-3010-prod"),
            ("ghcr.io/me/web:{version}", "ghcr.io/me/web:8b71ff7"),
            ("http://{address}/", "http://127.0.0.1:3010/"),
            ("{{slot}}", "{green}"),
            ("${HOME} {} {a b} {1} {slot", "${HOME} {} {a b} {1} {slot"),
        ] {
            let template = Template::parse(text).unwrap();
            assert_eq!(template.to_string(), text);
            assert_eq!(template.fill(&values(&green).once()).unwrap(), expected, "{text}");
        }
        for (text, wrong) in [("{sloth}", "sloth"), ("x{host}y", "host")] {
            assert_eq!(Template::parse(text).unwrap_err(), wrong);
        }
    }

    #[test]
    fn what_names_an_instance_is_filled_for_each_of_them() {
        let two = addresses(&["3010", "[::1]:3011"]);
        for (text, expected) in [
            ("web@{port}", vec!["web@3010", "web@3011"]),
            ("{address}", vec!["127.0.0.1:3010", "[::1]:3011"]),
            ("web@{slot}", vec!["web@green"]),
        ] {
            let template = Template::parse(text).unwrap();
            assert_eq!(values(&two).fill(&template).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn a_placeholder_without_a_value_is_an_error_and_its_variable_is_left_out() {
        let socket = addresses(&["unix:/run/web.sock"]);
        let nobody = Values {
            service: None,
            version: None,
            ..values(&[])
        };
        for (text, values, missing) in [
            ("{port}", values(&socket), Placeholder::Port),
            ("{version}", nobody, Placeholder::Version),
            ("{service}", nobody, Placeholder::Service),
            ("{address}", nobody, Placeholder::Address),
        ] {
            let filled = Template::parse(text).unwrap().fill(&values.once());
            assert_eq!(filled, Err(NoValue(missing)), "{text}");
            assert!(!values.once().variables().contains_key(missing.variable()));
        }
        let all = values(&addresses(&["3010"])).once().variables();
        let shown: Vec<String> = all.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(
            shown,
            [
                "GREENGATE_ADDRESS=127.0.0.1:3010",
                "GREENGATE_ENVIRONMENT=prod",
                "GREENGATE_PORT=3010",
                "GREENGATE_SERVICE=web",
                "GREENGATE_SLOT=green",
                "GREENGATE_VERSION=8b71ff7",
                "PORT=3010",
            ]
        );
    }

    #[test]
    fn a_command_for_all_of_several_instances_is_told_no_port() {
        let two = addresses(&["3010", "3011"]);
        assert!(!values(&two).together().variables().contains_key("PORT"));
        assert_eq!(values(&two).once().variables()["PORT"], "3010");
    }
}
