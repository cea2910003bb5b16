//! (pure) Every decision of the controller: `Snapshot -> Plan`.
//!
//! What is seen goes in as one [`Snapshot`] with its time, what is to be done
//! comes out as one [`Plan`] that leaves no choice to whoever carries it out.
//! Reading order: what goes in, what is judged, what forbids, what is done.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

mod pods;
mod snapshot;

mod blind;
mod judge;
mod select;
mod support;

mod breaker;
mod budget;
mod guard;

pub mod drain;

mod incident;
mod ladder;
mod phase;
mod proof;
mod record;

mod status;

mod decide;
mod plan;

pub use decide::decide;
pub use plan::{Action, Plan, SlotRequest};
pub use pods::{DisruptionBudget, EvictionAnswer, Owner, Pod, PodPhase, PodRef, Said};
pub use snapshot::{Node, Snapshot};
