//! Observations to a verdict. (pure)
//!
//! An observation's parts are believed or not ([`reading`]), kept per signal
//! ([`Series`]), and judged by rules ([`Trigger`]) and for people ([`Verdict`]).
//! [`Judge`] holds all of it for one node.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

mod signal;

mod trust;

mod growth;
mod history;
mod series;

mod rule;

mod corroboration;
mod trigger;

mod proof;

mod kernel_class;
mod nature;
mod slope;
mod users;

mod evidence;
mod sentence;
mod verdict;

mod node;

#[cfg(test)]
mod node_tests;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod trigger_tests;

pub use corroboration::{Corroboration, Known};
pub use evidence::{Evidence, READS, ZOMBIE_COUNTS};
pub use history::{CAPACITY, GAP_MAX, History, Summary, TooFew};
pub use kernel_class::KernelClass;
pub use nature::{Nature, Pairs, nature};
pub use node::Judge;
pub use proof::Proof;
pub use rule::{Corroborator, Rule};
pub use series::Series;
pub use signal::{Signal, Statistic, Unit};
pub use slope::{Costs, Slope};
pub use trigger::{State, Trigger, UnknownReason};
pub use trust::{Distrust, Reading, leaf_reading, reading};
pub use users::{User, Users};
pub use verdict::{Level, READS_MIN, Thresholds, Verdict};
