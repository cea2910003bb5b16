//! What the kernel tests share: when they may run, and one incident after another.

use std::sync::{Mutex, MutexGuard, PoisonError};

use unstall_integration::incident;

/// Small enough to be made in under a second, and reads are then some 50 times slower than at rest.
pub const ZOMBIES: u32 = 2_000;

/// The program under test.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_incident");

/// The machine's lock serialises incidents; this one also keeps a test's steps between two
/// incidents, such as killing a maker and cleaning up, together.
static TURN: Mutex<()> = Mutex::new(());

/// This test's turn, or nothing where the kernel tests cannot run.
pub fn ready() -> Option<MutexGuard<'static, ()>> {
    match incident::check() {
        // A failed test says nothing of the next one.
        Ok(_) => Some(TURN.lock().unwrap_or_else(PoisonError::into_inner)),
        Err(error) => {
            skip(&error.to_string());
            None
        }
    }
}

/// Says why a test does not run; under CI that is a failure.
pub fn skip(why: &str) {
    assert!(std::env::var_os("CI").is_none(), "cannot run: {why}");
    println!("skipped: {why}");
}
