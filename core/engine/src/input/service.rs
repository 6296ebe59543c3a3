//! Requests about the breakers.

use crate::Service;

/// A request about a service.
#[derive(Clone, Debug, PartialEq)]
pub enum ServiceInput {
    /// Close the breaker of a service.
    BreakerReset {
        /// The service; `None` means all.
        service: Option<Service>,
    },
}
