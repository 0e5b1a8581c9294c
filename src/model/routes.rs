//! Host and path matching.
use std::sync::Arc;
/// Stub.
#[derive(Debug)]
pub struct RouteTable<T>(Vec<T>);
impl<T> RouteTable<T> {
    /// Stub.
    #[must_use]
    pub fn new(rules: Vec<(Arc<str>, Arc<str>, T)>) -> Self {
        Self(rules.into_iter().map(|rule| rule.2).collect())
    }
}
