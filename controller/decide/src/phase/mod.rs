//! An incident's state machine, a file per phase: where it stands says what the
//! next step looks at.

mod step;

mod pending;

mod dropping;

mod verifying;

pub use step::{add, advance};
