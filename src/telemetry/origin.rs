//! What all lines about one activation have in common.

use std::borrow::Cow;

use super::value::{number, text};

/// Environment, service, slot and generation, as they stand in a line: put into words once, and not for every request.
#[derive(Debug, Clone)]
pub struct Origin {
    pub(super) json: Cow<'static, [u8]>,
}

impl Origin {
    /// Of requests that belong to no service.
    pub const NONE: Self = Self {
        json: Cow::Borrowed(br#""environment":"","service":"","slot":"","generation":0"#),
    };

    /// Of an activation.
    #[must_use]
    pub fn new(environment: &str, service: &str, slot: &str, generation: u64) -> Self {
        let mut json = Vec::new();
        for (name, value) in [("environment", environment), ("service", service), ("slot", slot)] {
            text(name.as_bytes(), &mut json);
            json.push(b':');
            text(value.as_bytes(), &mut json);
            json.push(b',');
        }
        json.extend_from_slice(b"\"generation\":");
        number(generation, &mut json);
        Self { json: json.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_a_part_of_a_json_object() {
        let origin = Origin::new("prod", "we\"b", "blue", 118);
        let expected: &[u8] = br#""environment":"prod","service":"we\"b","slot":"blue","generation":118"#;
        assert_eq!(&*origin.json, expected);
        assert_eq!(Origin::NONE.json, Origin::new("", "", "", 0).json);
    }
}
