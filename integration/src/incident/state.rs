//! What a maker writes down before it does it, so that the next one can undo it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Backing, IncidentError};
use crate::process_id::ProcessId;

/// How the shared file's name begins. Nothing else is ever unlinked.
pub(crate) const FILE_PREFIX: &str = "unstall-incident-";

/// A child process in its role.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Child {
    /// The hidden subcommand that it runs.
    pub role: String,
    /// Who it is.
    pub process: ProcessId,
}

/// The incident as it is on the machine.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct State {
    /// The boot that its processes and cgroups belong to.
    pub boot_id: String,
    /// The number asked for.
    pub zombies: u32,
    /// The machine's zombies before.
    pub before: u64,
    /// The file system of `file`.
    pub backing: Backing,
    /// The shared file.
    pub file: PathBuf,
    /// Its processes.
    pub children: Vec<Child>,
}

impl State {
    /// Reads a state file; `None` where there is none.
    pub(crate) fn load(path: &Path) -> Result<Option<Self>, IncidentError> {
        let text = match fs::read_to_string(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other.map_err(IncidentError::io("cannot read", path))?,
        };
        serde_json::from_str(&text)
            .map(Some)
            .map_err(|source| IncidentError::BadState {
                path: path.to_path_buf(),
                source,
            })
    }

    /// Replaces the state file in one step: a maker killed at any moment leaves a whole one.
    pub(crate) fn save(&self, path: &Path) -> Result<(), IncidentError> {
        let failed = || IncidentError::io("cannot write", path);
        let text = serde_json::to_string_pretty(self).map_err(|error| failed()(error.into()))?;
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory).map_err(IncidentError::io("cannot make", directory))?;
        }
        let next = path.with_extension("json.new");
        fs::write(&next, text).map_err(failed())?;
        fs::rename(&next, path).map_err(failed())
    }

    /// Removes a state file, if it is still there.
    pub(crate) fn forget(path: &Path) -> Result<(), IncidentError> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(IncidentError::io("cannot remove", path)(error))
            }
            _ => Ok(()),
        }
    }

    /// Kills the children that are still there, and are ours; gives their numbers.
    pub(crate) fn kill_children(&self) -> Result<Vec<u32>, IncidentError> {
        let mut killed = Vec::new();
        if self.boot_id != boot_id()? {
            return Ok(killed);
        }
        for Child { role, process } in &self.children {
            let path = format!("/proc/{}", process.pid);
            if process
                .kill_if_role(role)
                .map_err(IncidentError::io("cannot kill", path))?
            {
                killed.push(process.pid);
            }
        }
        Ok(killed)
    }

    /// Unlinks the shared file, which lets its pages and so the zombies go; says whether it was
    /// there.
    pub(crate) fn unlink_file(&self) -> Result<bool, IncidentError> {
        let name = self
            .file
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        if !name.starts_with(FILE_PREFIX) {
            let why = format!("the state file names it, but its name lacks {FILE_PREFIX}");
            return Err(IncidentError::io("will not remove", &self.file)(
                io::Error::other(why),
            ));
        }
        match fs::remove_file(&self.file) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(IncidentError::io("cannot remove", &self.file)(error)),
        }
    }
}

/// The identity of the running boot.
pub(crate) fn boot_id() -> Result<String, IncidentError> {
    let path = "/proc/sys/kernel/random/boot_id";
    let text = fs::read_to_string(path).map_err(IncidentError::io("cannot read", path))?;
    Ok(text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(file: PathBuf) -> State {
        State {
            boot_id: "another".into(),
            zombies: 5,
            before: 2,
            backing: Backing::Ext4,
            file,
            children: vec![Child {
                role: "pulser".into(),
                process: ProcessId::of(std::process::id()).unwrap(),
            }],
        }
    }

    #[test]
    fn a_state_survives_its_file_and_a_broken_one_is_said() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("deep/incident.json");
        assert!(State::load(&path).unwrap().is_none());
        state("/x".into()).save(&path).unwrap();
        assert_eq!(State::load(&path).unwrap().unwrap().before, 2);
        fs::write(&path, "{\"boot").unwrap();
        assert!(
            State::load(&path)
                .unwrap_err()
                .to_string()
                .contains("remove it by hand")
        );
    }

    #[test]
    fn only_a_file_with_our_name_is_unlinked() {
        let place = tempfile::tempdir().unwrap();
        let foreign = place.path().join("passwd");
        fs::write(&foreign, "").unwrap();
        assert!(state(foreign.clone()).unlink_file().is_err());
        assert!(foreign.exists());

        let ours = place.path().join("unstall-incident-7");
        fs::write(&ours, "").unwrap();
        assert!(state(ours.clone()).unlink_file().unwrap());
        assert!(!state(ours).unlink_file().unwrap());
    }

    #[test]
    fn processes_of_an_earlier_boot_are_let_be() {
        assert!(state("/x".into()).kill_children().unwrap().is_empty());
    }
}
