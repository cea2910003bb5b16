//! All mistakes together.

use super::fault::Fault;
use super::{found, promises};

/// All of them.
pub fn all() -> impl Iterator<Item = &'static Fault> {
    promises::FAULTS.iter().chain(found::FAULTS)
}
