//! Where a cluster keeps its files.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use super::sweep::try_lock;

/// The directories and files of the cluster called `name`.
///
/// Everything is thrown away when the cluster goes down: a cluster always
/// starts empty.
#[derive(Debug, Clone)]
pub struct Layout {
    name: String,
    run: PathBuf,
    data: PathBuf,
}

impl Layout {
    /// The layout of the cluster `name`.
    ///
    /// # Errors
    /// When the name is not 1 to 20 characters of `a-z`, `0-9` and `-`: it
    /// becomes part of cgroup and file names, and of Unix socket paths, which
    /// the kernel bounds at 107 bytes.
    pub fn new(name: &str) -> Result<Self> {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if name.is_empty() || name.len() > 20 || !name.chars().all(allowed) || name.starts_with('-')
        {
            bail!(
                "cluster name {name:?}: use 1 to 20 characters of a-z, 0-9 and -, not starting with -"
            );
        }
        let (run, data) = if nix::unistd::geteuid().is_root() {
            (
                PathBuf::from("/run/unstall-cluster"),
                PathBuf::from("/var/lib/unstall-cluster"),
            )
        } else {
            let own = format!("unstall-cluster-{}", nix::unistd::geteuid());
            (
                std::env::temp_dir().join(&own),
                std::env::temp_dir().join(own).join("data"),
            )
        };
        Ok(Self {
            name: name.to_owned(),
            run: run.join(name),
            data: data.join(name),
        })
    }

    /// The names of all clusters that left anything on this machine.
    #[must_use]
    pub fn known() -> Vec<String> {
        let Ok(any) = Self::new("any") else {
            return Vec::new();
        };
        let roots = [any.run, any.data];
        let mut names: Vec<String> = roots
            .iter()
            .filter_map(|dir| dir.parent())
            .filter_map(|root| std::fs::read_dir(root).ok())
            .flat_map(|entries| entries.flatten())
            .filter(|entry| entry.path().join(MARKER).exists())
            .filter_map(|entry| entry.file_name().into_string().ok())
            .collect();
        names.sort();
        names.dedup();
        names
    }

    /// The cluster's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Sockets, state and locks.
    #[must_use]
    pub fn run(&self) -> &Path {
        &self.run
    }

    /// Databases, images, pods, logs.
    #[must_use]
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// The file that the supervisor locks while it lives.
    #[must_use]
    pub fn lock(&self) -> PathBuf {
        self.run.with_file_name(format!("{}.lock", self.name))
    }

    /// Whether a supervisor holds this cluster's lock: it lives.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.lock().exists() && matches!(try_lock(&self.lock()), Ok(None))
    }

    /// What the supervisor itself says, kept beside the directory that it
    /// clears at its start.
    #[must_use]
    pub fn supervisor_log(&self) -> PathBuf {
        self.run.with_file_name(format!("{}.log", self.name))
    }

    /// The supervisor's [`State`](super::State), as JSON.
    #[must_use]
    pub fn state(&self) -> PathBuf {
        self.run.join("state.json")
    }

    /// Marks a directory as one of ours, so that a sweep removes no other.
    #[must_use]
    pub fn marker(&self) -> PathBuf {
        self.run.join(MARKER)
    }

    /// The administrator's kubeconfig, for programs of this machine.
    #[must_use]
    pub fn kubeconfig(&self) -> PathBuf {
        self.run.join("kubeconfig")
    }

    /// The log of one component.
    #[must_use]
    pub fn log(&self, component: &str) -> PathBuf {
        self.logs().join(format!("{component}.log"))
    }

    /// The directory of all logs.
    #[must_use]
    pub fn logs(&self) -> PathBuf {
        self.data.join("logs")
    }

    /// Certificates and keys.
    #[must_use]
    pub fn pki(&self) -> PathBuf {
        self.data.join("pki")
    }

    /// The cgroup below which all processes of this cluster run, in every
    /// hierarchy; also the kubelet's `cgroupRoot`.
    #[must_use]
    pub fn cgroup(&self) -> String {
        format!("unstall-{}", self.name)
    }
}

const MARKER: &str = ".unstall-cluster";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_could_leave_its_directory_is_refused() {
        for bad in ["", "..", "a/b", "A", "-x", "twenty-one-characters"] {
            let error = Layout::new(bad).unwrap_err().to_string();
            assert!(
                error.contains(&format!("{bad:?}")) && error.contains("use 1 to 20"),
                "{error}"
            );
        }
        assert_eq!(Layout::new("demo").unwrap().cgroup(), "unstall-demo");
    }
}
