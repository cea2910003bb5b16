//! Leadership: of several controllers one acts, and knows until when it may.
//!
//! [`campaign`] waits for a `coordination.k8s.io/v1` Lease. Whoever has it takes a
//! new epoch in the ledger, acts while its [`Leadership`] holds, and renews the lease
//! by its [`Keeper`]. [`lease`] holds what is judged.

pub mod lease;

mod store;

mod leadership;
pub use leadership::{Leadership, LeadershipLost};

mod campaign;
mod identity;
mod keeper;
pub use campaign::{Options, Standing, campaign, elect};
pub use identity::unique;
pub use keeper::Keeper;

mod epoch;

#[cfg(test)]
mod lease_tests;
#[cfg(test)]
mod race_tests;
