//! (map) `DisruptionLedger`: what the leader swaps and humans switch.

mod spec;
mod status;

pub use spec::{DisruptionLedger, DisruptionLedgerSpec, ResumedRollout, Until};
pub use status::{DisruptionLedgerStatus, HistoryEntry, Slot, SlotKind};
