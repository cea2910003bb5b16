//! The product on a test cluster, as a user has it: installed by its chart,
//! seen through its objects.

mod install;
mod objects;

pub use install::{NAMESPACE, RELEASE, apply, arguments, install};
pub use objects::{Objects, left_on, list, text};
