//! The key pair that commands are signed with.

mod install;
mod signer;

pub use install::{InstallKeys, install};
pub use signer::{KeyError, Signer};
