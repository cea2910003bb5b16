//! The controller: watches the cluster, has `decide` say what to do, does it.

pub mod keys;
