//! (map) What must hold whatever happens: the invariants, one file each. They look at what is
//! truly written and truly done, never at what the controller believes.

mod facts;
mod past;
pub use past::{LAG, Past};

mod code;
pub use code::{Broken, Law, Verdict};

mod inv_01_budget;
mod inv_02_topology;
mod inv_03_once;
mod inv_04_boot;
mod inv_05_expiry;
mod inv_06_epoch;
mod inv_07_drained;
mod inv_08_emptied;
mod inv_09_uid;
mod inv_10_budgets_of_pods;
mod inv_11_own_cordon;
mod inv_12_proven;
mod inv_13_breaker;
mod inv_14_selected;
mod inv_15_stopped;
mod inv_16_caps;
mod inv_17_recreated;
mod inv_18_owners;
mod inv_19_rollout;
mod inv_20_in_place;
mod inv_21_replica;
mod inv_22_end;
mod inv_23_forged;
mod inv_24_reasons;
mod inv_25_held_up;
mod inv_26_measured;
mod inv_27_few_orders;
mod inv_28_well;
