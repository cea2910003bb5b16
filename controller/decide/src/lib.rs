//! (pure) Every decision of the controller: `Snapshot -> Plan`.
//!
//! What is seen goes in as one [`Snapshot`] with its time, what is to be done
//! comes out as one [`Plan`] that leaves no choice to whoever carries it out.
//! Reading order: what goes in, what is judged, what forbids, what is done, what
//! is said.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

mod node;
mod pods;
mod snapshot;

mod view;

mod blind;
mod judge;
mod problem;
mod select;

mod no;

mod alerts;
mod breaker;
mod guard;
mod usage;
pub mod window;

mod incident;
mod ladder;
mod order;
mod proof;
mod record;
mod rollout;

pub mod drain;
mod phase;

mod conditions;
mod health;
mod left_over;
mod marks;

mod event;
mod status;

mod decide;
mod plan;
mod wanted;

pub use conditions::all_of_ours;
pub use decide::{decide, plan};
pub use event::{About, Event};
pub use judge::Hearing;
pub use marks::{Marks, cleared};
pub use node::{Node, NodeCondition};
pub use plan::{Action, Plan, PodOrder, Release, SlotRequest};
pub use pods::{DisruptionBudget, EvictionAnswer, Owner, Pod, PodPhase, PodRef, Said};
pub use problem::template_key;
pub use snapshot::{Alerts, HandedOver, Limits, Replica, Snapshot, Unreadable, UnreadableKind};
pub use view::{PolicyView, View};
pub use wanted::{Wanted, wanted};
