//! Live cgroups of the memory hierarchy, version 1, made for a bench.

use std::fs;
use std::path::{Path, PathBuf};

/// Where version 1 is mounted by every distribution that has it.
pub const MEMORY: &str = "/sys/fs/cgroup/memory";
/// Children of one directory, about as many as pods on a node.
const WIDTH: usize = 100;

/// A tree of cgroups; dropping it removes them.
pub struct Tree {
    root: PathBuf,
    made: Vec<PathBuf>,
}

impl Tree {
    /// Makes `count` cgroups in one of their own below the root: pods of 100
    /// containers. `None`, with a word why, where that cannot be.
    pub fn make(count: usize) -> Option<Self> {
        let root = Path::new(MEMORY).join(format!("unstall-bench-{}", std::process::id()));
        let mut tree = Self {
            root: root.clone(),
            made: Vec::new(),
        };
        if let Err(error) = tree.add(root) {
            println!("not measured: {error}; needs root and memory cgroups of version 1");
            return None;
        }
        let mut pod = tree.root.clone();
        while tree.made.len() < count {
            let number = tree.made.len();
            let dir = if number % (WIDTH + 1) == 1 {
                pod = tree.root.join(format!("pod{number}"));
                pod.clone()
            } else {
                pod.join(format!("container{number}"))
            };
            if let Err(error) = tree.add(dir) {
                println!("not measured: {error}");
                return None;
            }
        }
        Some(tree)
    }

    fn add(&mut self, dir: PathBuf) -> Result<(), String> {
        fs::create_dir(&dir).map_err(|error| format!("{}: {error}", dir.display()))?;
        self.made.push(dir);
        Ok(())
    }

    pub fn root(&self) -> &Path {
        &self.root
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        for dir in self.made.iter().rev() {
            if let Err(error) = fs::remove_dir(dir) {
                println!("left behind: {}: {error}", dir.display());
            }
        }
    }
}
