//! One incident at a time on a machine: zombies are counted machine-wide, so two makers would
//! disturb each other.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::{Cancel, IncidentError};
use crate::process_id::ProcessId;

/// The lock of the machine. Its place is fixed: a state directory of one's own does not make a
/// second machine.
const LOCK_FILE: &str = "/run/unstall/incident.lock";

/// How often a taken lock is tried again.
const TRY_EVERY: Duration = Duration::from_millis(200);

/// What the lock file says: who holds it, and where that maker keeps its state. After a kill -9 it
/// still says so.
#[derive(Serialize, Deserialize)]
struct Note {
    holder: ProcessId,
    state_file: PathBuf,
}

/// The lock, held until dropped or until the process dies.
#[derive(Debug)]
pub(crate) struct MachineLock {
    file: File,
    /// The state file of a maker that died without letting go.
    pub(crate) predecessor: Option<PathBuf>,
}

impl MachineLock {
    /// Takes the lock, waiting for another maker up to `wait`.
    pub(crate) fn acquire(
        state_file: &Path,
        wait: Duration,
        cancel: &Cancel,
    ) -> Result<Self, IncidentError> {
        let path = Path::new(LOCK_FILE);
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory).map_err(IncidentError::io("cannot make", directory))?;
        }
        let file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(IncidentError::io("cannot open", path))?;
        let until = Instant::now() + wait;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::Error(source)) => {
                    return Err(IncidentError::io("cannot lock", path)(source));
                }
                Err(TryLockError::WouldBlock) if cancel.is_cancelled() => {
                    return Err(IncidentError::Cancelled);
                }
                Err(TryLockError::WouldBlock) if Instant::now() < until => {
                    std::thread::sleep(TRY_EVERY);
                }
                Err(TryLockError::WouldBlock) => {
                    let holder = note().map(|note| note.holder.pid.to_string());
                    let holder = holder.unwrap_or_else(|| "unknown".into());
                    return Err(IncidentError::Busy {
                        holder,
                        path: path.to_path_buf(),
                    });
                }
            }
        }
        let predecessor = note().map(|note| note.state_file);
        let mut lock = Self { file, predecessor };
        lock.write_note(state_file)
            .map_err(IncidentError::io("cannot write", path))?;
        Ok(lock)
    }

    fn write_note(&mut self, state_file: &Path) -> io::Result<()> {
        let note = Note {
            holder: ProcessId::of(std::process::id())?,
            state_file: std::path::absolute(state_file)?,
        };
        self.file.set_len(0)?;
        self.file.rewind()?;
        self.file
            .write_all(serde_json::to_string(&note)?.as_bytes())
    }
}

impl Drop for MachineLock {
    fn drop(&mut self) {
        // An emptied file says that its holder ended in good order. Should that fail, the next
        // maker looks for a state file that is not there, which is harmless.
        let _ = self.file.set_len(0);
        let _ = self.file.unlock();
    }
}

/// The process that makes an incident now. It only reads, so that looking never gets in a maker's
/// way.
pub(crate) fn holder() -> Option<u32> {
    note()
        .map(|note| note.holder)
        .filter(|holder| holder.is_alive())
        .map(|holder| holder.pid)
}

/// The state file that the last maker named, unless it ended in good order.
pub(crate) fn named_state_file() -> Option<PathBuf> {
    note().map(|note| note.state_file)
}

fn note() -> Option<Note> {
    let mut text = String::new();
    File::open(LOCK_FILE).ok()?.read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}
