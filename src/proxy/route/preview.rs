//! The open previews of a snapshot, and what serves them (N33).

use std::sync::Arc;

use super::activation::Activation;
use crate::model::preview::Preview;

/// An open preview.
#[derive(Debug, Clone)]
pub struct OpenPreview {
    /// Who may see it, and what it shows.
    pub preview: Arc<Preview>,
    /// Live periods of its own for the idle side: one for each service of its environment that has two sides.
    pub candidates: Arc<[Arc<Activation>]>,
}
