//! The copy of the tree that is changed in place of the tree.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::cluster::{cache_root, try_lock};

/// The copy. It goes when this is dropped; what a killed run left goes with the
/// next run.
#[derive(Debug)]
pub struct Tree {
    root: PathBuf,
    target: PathBuf,
    _lock: File,
}

impl Tree {
    /// Copies every file that git knows of or would take, as it is now.
    ///
    /// The copy lies at the same place each time, beside what cargo built of
    /// it: for cargo, a package at another place is another package.
    ///
    /// # Errors
    /// When another run is at work, git does not answer, or a file cannot be
    /// copied.
    pub fn copy(name: &str) -> Result<Self> {
        let dir = cache_root()?.join(name);
        let Some(lock) = try_lock(&dir.join("lock"))? else {
            bail!("another run of {name} is at work: wait for it, or stop it with Ctrl-C");
        };
        let tree = Self {
            root: dir.join("tree"),
            target: dir.join("target"),
            _lock: lock,
        };
        tree.remove()?;
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        for name in files(&workspace)? {
            copy_file(&workspace.join(&name), &tree.root.join(&name))?;
        }
        Ok(tree)
    }

    /// Its root.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where cargo builds it, kept from run to run.
    #[must_use]
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// A directory for other files of this run, removed with the copy.
    ///
    /// # Errors
    /// When it cannot be created.
    #[cfg(feature = "mutate")]
    pub fn scratch(&self, name: &str) -> Result<PathBuf> {
        let dir = self.root.join(".scratch").join(name);
        fs::create_dir_all(&dir).with_context(|| format!("cannot create {}", dir.display()))?;
        Ok(dir)
    }

    /// The text of a file of it.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(&self, name: &str) -> Result<String> {
        let path = self.root.join(name);
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
    }

    /// Writes a file of it anew.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, name: &str, text: &str) -> Result<()> {
        let path = self.root.join(name);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
    }

    /// The files below `folder` whose names end so, in order.
    ///
    /// # Errors
    /// When the folder cannot be read.
    #[cfg(feature = "mutate")]
    pub fn list(&self, folder: &str, ending: &str) -> Result<Vec<String>> {
        let path = self.root.join(folder);
        let entries =
            fs::read_dir(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry?;
            let name = format!("{folder}/{}", entry.file_name().to_string_lossy());
            if entry.file_type()?.is_dir() {
                names.extend(self.list(&name, ending)?);
            } else if name.ends_with(ending) {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    fn remove(&self) -> Result<()> {
        match fs::remove_dir_all(&self.root) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("cannot remove {}", self.root.display()))
            }
            _ => Ok(()),
        }
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        if let Err(error) = self.remove() {
            eprintln!("the copy of the tree: {error:#}");
        }
    }
}

fn files(workspace: &Path) -> Result<Vec<String>> {
    let output = Command::new("git")
        .current_dir(workspace)
        .args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ])
        .output()
        .context("cannot run git, which knows what belongs to the tree")?;
    if !output.status.success() {
        bail!(
            "git ls-files: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    let names = String::from_utf8(output.stdout).context("a file's name is not UTF-8")?;
    let names = names.split('\0').filter(|name| !name.is_empty());
    // A file that was deleted and is still in the index is not there.
    Ok(names
        .filter(|name| workspace.join(name).symlink_metadata().is_ok())
        .map(ToOwned::to_owned)
        .collect())
}

/// The copy is as old as the original: cargo builds again what has changed.
fn copy_file(from: &Path, to: &Path) -> Result<()> {
    let what = || format!("cannot copy {} to {}", from.display(), to.display());
    if let Some(parent) = to.parent() {
        fs::create_dir_all(parent).with_context(what)?;
    }
    let metadata = from.symlink_metadata().with_context(what)?;
    if metadata.is_symlink() {
        let target = fs::read_link(from).with_context(what)?;
        return std::os::unix::fs::symlink(target, to).with_context(what);
    }
    fs::copy(from, to).with_context(what)?;
    let file = File::options().append(true).open(to).with_context(what)?;
    file.set_modified(metadata.modified()?).with_context(what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_as_old_as_its_original() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("a"), dir.path().join("b/c"));
        fs::write(&from, "text").unwrap();
        let old = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000);
        let file = File::options().append(true).open(&from).unwrap();
        file.set_modified(old).unwrap();
        copy_file(&from, &to).unwrap();
        assert_eq!(fs::read_to_string(&to).unwrap(), "text");
        assert_eq!(to.metadata().unwrap().modified().unwrap(), old);
    }

    #[test]
    fn the_tree_is_what_git_knows() {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let files = files(&workspace).unwrap();
        assert!(files.iter().any(|name| name == "Cargo.toml"), "{files:?}");
        assert!(!files.iter().any(|name| name.starts_with("target/")));
    }
}
