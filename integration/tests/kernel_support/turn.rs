//! What the kernel tests share: when they may run, and one incident after another.

use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use unstall_integration::incident;
use unstall_integration::testing::{real, skip};

/// The program under test.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_incident");

/// The machine's lock serialises incidents; this one also keeps a test's steps between two
/// incidents, such as killing a maker and cleaning up, together.
static TURN: Mutex<()> = Mutex::new(());

/// This test's turn, or nothing where the kernel tests cannot run.
pub fn ready() -> Option<MutexGuard<'static, ()>> {
    static SAID: Once = Once::new();
    match incident::check() {
        Ok(hierarchy) => {
            SAID.call_once(|| {
                let kernel = nix::sys::utsname::uname();
                let kernel = kernel.map(|names| names.release().to_string_lossy().into_owned());
                real(&format!(
                    "zombie memory cgroups, pulses and drop_caches on kernel {}, cgroup {:?}",
                    kernel.unwrap_or_else(|error| error.to_string()),
                    hierarchy.version
                ));
            });
            // A failed test says nothing of the next one.
            Some(TURN.lock().unwrap_or_else(PoisonError::into_inner))
        }
        Err(error) => {
            skip(&error.to_string());
            None
        }
    }
}
