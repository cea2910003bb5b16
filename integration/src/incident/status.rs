//! What there is of an incident on this machine, without touching it.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::backing::stray_files;
use super::lock::{holder, named_state_file};
use super::options::state_file;
use super::state::State;
use super::{Backing, Hierarchy, IncidentError, zombies};

/// The incident of this machine, or what is left of one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Status {
    /// The process that makes or keeps an incident now.
    pub maker: Option<u32>,
    /// The zombies of the machine now.
    pub zombies: u64,
    /// The incident that the state file describes.
    pub incident: Option<Described>,
    /// Live cgroups of an incident: its worker's, or leftovers.
    pub cgroups: Vec<PathBuf>,
    /// Shared files in the places where makers put them by default.
    pub files: Vec<PathBuf>,
}

/// What a state file says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Described {
    /// The number of zombies asked for.
    pub zombies: u32,
    /// The file system of the shared file.
    pub backing: Backing,
    /// The shared file.
    pub file: PathBuf,
    /// Its processes that still run.
    pub processes: Vec<u32>,
}

impl Status {
    /// Whether a killed maker left something that `clean` would remove.
    #[must_use]
    pub fn has_leftovers(&self) -> bool {
        let nothing = self.incident.is_none() && self.cgroups.is_empty() && self.files.is_empty();
        self.maker.is_none() && !nothing
    }
}

/// Looks at the machine.
///
/// # Errors
/// [`IncidentError::NoHierarchy`], [`IncidentError::Unknown`] or [`IncidentError::BadState`].
pub fn status(state_dir: &Path) -> Result<Status, IncidentError> {
    let hierarchy = Hierarchy::find()?;
    let mut state = State::load(&state_file(state_dir))?;
    if let (None, Some(named)) = (&state, named_state_file()) {
        state = State::load(&named)?;
    }
    Ok(Status {
        maker: holder(),
        zombies: zombies::count_in(&hierarchy)?,
        incident: state.map(|state| Described {
            zombies: state.zombies,
            backing: state.backing,
            file: state.file,
            processes: state
                .children
                .iter()
                .filter(|child| child.process.is_alive())
                .map(|child| child.process.pid)
                .collect(),
        }),
        cgroups: hierarchy.live_cgroups()?,
        files: stray_files(),
    })
}
