//! An incident's state machine, a file per phase: where it stands says what the
//! next step looks at.

mod rewind;
mod step;

mod part;

mod mandate;

mod pending;

mod begin;

mod dropping;

mod command;

mod verifying;

mod cordoning;

mod gates;

mod draining;

mod rebooting;

mod proving;

mod soaking;

mod uncordoning;

mod holding;

mod handed_over;

pub use step::advance;
