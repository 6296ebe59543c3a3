//! What people ask of the breakers.

use crate::Service;

/// What is asked of a service.
#[derive(Clone, Debug, PartialEq)]
pub enum ServiceInput {
    /// A person closes the breaker of a service.
    BreakerReset {
        /// Service; `None` means all.
        service: Option<Service>,
    },
}
