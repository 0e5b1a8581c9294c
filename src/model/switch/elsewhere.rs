//! What is live in other environments, and that nobody is switched to it by naming it.

use crate::model::api::{Move, OperationRequest, Target};
use crate::model::slot::Address;

/// What is live in another environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Elsewhere {
    /// The environment's name.
    pub environment: String,
    /// The service's name.
    pub service: String,
    /// Where it runs.
    pub addresses: Vec<Address>,
}

/// Why nobody is switched there: an address that was named is live in another environment. What the file says of a side is for the file
/// to say, because two environments may share an app.
pub(super) fn refusal(elsewhere: &[Elsewhere], request: &OperationRequest, moves: &[Move]) -> Option<String> {
    let named = |step: &Move, address: &Address| match &request.to {
        Some(Target::Address(_)) => true,
        Some(Target::Services(named)) => named.get(&step.service) == Some(address),
        Some(Target::Slot(_)) | None => false,
    };
    for step in moves {
        for address in step.to.addresses.iter().filter(|address| named(step, address)) {
            if let Some(other) = elsewhere.iter().find(|other| other.addresses.contains(address)) {
                return Some(format!(
                    "the candidate's {address} of `{}` is where `{}` of `{}` is live",
                    step.service, other.service, other.environment
                ));
            }
        }
    }
    None
}
