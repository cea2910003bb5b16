//! `~/.cache/unstall`: what is expensive to build, one directory per key.
//!
//! An entry is built in a temporary directory and renamed into place, so it is
//! there whole or not at all. A lock per entry makes the second of two callers
//! wait for the first instead of building again.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// The cache's root: `$UNSTALL_CACHE`, else `$XDG_CACHE_HOME/unstall`, else
/// `~/.cache/unstall`.
///
/// # Errors
/// When none of these variables and no `HOME` is set.
pub fn cache_root() -> Result<PathBuf> {
    let var = |name: &str| {
        std::env::var_os(name)
            .filter(|v| !v.is_empty())
            .map(PathBuf::from)
    };
    if let Some(root) = var("UNSTALL_CACHE") {
        return Ok(root);
    }
    if let Some(xdg) = var("XDG_CACHE_HOME") {
        return Ok(xdg.join("unstall"));
    }
    match var("HOME") {
        Some(home) => Ok(home.join(".cache/unstall")),
        None => {
            bail!("HOME is not set: set UNSTALL_CACHE to the directory that may hold about 300 MB")
        }
    }
}

/// Returns the directory of `key`, building it first when it is absent or
/// lacks one of `expected` (a stale or damaged entry).
///
/// # Errors
/// When the cache cannot be written or `build` fails; nothing is left under
/// the key then.
pub fn entry(
    key: &str,
    expected: &[&str],
    build: impl FnOnce(&Path) -> Result<()>,
) -> Result<PathBuf> {
    entry_in(&cache_root()?, key, expected, build)
}

fn entry_in(
    root: &Path,
    key: &str,
    expected: &[&str],
    build: impl FnOnce(&Path) -> Result<()>,
) -> Result<PathBuf> {
    fs::create_dir_all(root).with_context(|| {
        format!(
            "cannot create the cache {}: set UNSTALL_CACHE to a writable directory",
            root.display()
        )
    })?;
    let dir = root.join(key);
    if is_complete(&dir, expected) {
        return Ok(dir);
    }
    let lock_path = root.join(format!("{key}.lock"));
    let lock = File::create(&lock_path)
        .with_context(|| format!("cannot create {}", lock_path.display()))?;
    if lock.try_lock().is_err() {
        eprintln!("waiting for another build of {key} on this machine");
        lock.lock()
            .with_context(|| format!("cannot lock {}", lock_path.display()))?;
    }
    if is_complete(&dir, expected) {
        return Ok(dir);
    }
    let unfinished = root.join(format!("{key}.building"));
    remove_if_present(&unfinished)?;
    fs::create_dir_all(&unfinished)?;
    build(&unfinished)?;
    if let Some(missing) = expected
        .iter()
        .find(|name| !is_filled(&unfinished.join(name)))
    {
        bail!("the build of {key} did not produce {missing}");
    }
    remove_if_present(&dir)?;
    fs::rename(&unfinished, &dir)
        .with_context(|| format!("cannot move the finished build to {}", dir.display()))?;
    Ok(dir)
}

fn is_complete(dir: &Path, expected: &[&str]) -> bool {
    expected.iter().all(|name| is_filled(&dir.join(name)))
}

fn is_filled(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|meta| meta.is_dir() || meta.len() > 0)
}

fn remove_if_present(dir: &Path) -> Result<()> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", dir.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn two_callers_at_once_build_once() {
        let root = tempfile::tempdir().unwrap();
        let builds = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    entry_in(root.path(), "k", &["tool"], |dir| {
                        builds.fetch_add(1, Ordering::SeqCst);
                        std::thread::sleep(std::time::Duration::from_millis(50));
                        Ok(fs::write(dir.join("tool"), "x")?)
                    })
                    .unwrap();
                });
            }
        });
        assert_eq!(builds.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn an_entry_with_an_empty_or_missing_file_is_built_again() {
        let root = tempfile::tempdir().unwrap();
        let build = |dir: &Path| Ok(fs::write(dir.join("tool"), "new")?);
        fs::create_dir_all(root.path().join("k")).unwrap();
        fs::write(root.path().join("k/tool"), "").unwrap();
        let dir = entry_in(root.path(), "k", &["tool"], build).unwrap();
        assert_eq!(fs::read_to_string(dir.join("tool")).unwrap(), "new");
        fs::remove_file(dir.join("tool")).unwrap();
        let dir = entry_in(root.path(), "k", &["tool"], build).unwrap();
        assert_eq!(fs::read_to_string(dir.join("tool")).unwrap(), "new");
    }

    #[test]
    fn a_failed_build_leaves_no_entry_and_an_unfinished_one_is_replaced() {
        let root = tempfile::tempdir().unwrap();
        entry_in(root.path(), "k", &["tool"], |_| bail!("no compiler")).unwrap_err();
        assert!(!root.path().join("k").exists());
        fs::create_dir_all(root.path().join("k.building/rubbish")).unwrap();
        let dir = entry_in(root.path(), "k", &["tool"], |dir| {
            Ok(fs::write(dir.join("tool"), "x")?)
        });
        assert!(!dir.unwrap().join("rubbish").exists());
    }

    #[test]
    fn a_build_that_forgets_a_file_is_an_error_that_names_it() {
        let root = tempfile::tempdir().unwrap();
        let error = entry_in(root.path(), "k", &["tool"], |_| Ok(())).unwrap_err();
        assert!(
            error.to_string().contains("did not produce tool"),
            "{error}"
        );
    }
}
