//! A leaf cgroup whose `memory.stat` serves as the control.
//!
//! Reading a leaf takes the same kernel path as reading the root, without the
//! tree below it: if the leaf is slow too, the tree is not the cause. The
//! probe's own cgroup is best, for it lives as long as the probe. Behind a
//! cgroup namespace its path is hidden; then the container's own
//! `/sys/fs/cgroup` is that cgroup, and failing that any live leaf will do: the
//! one nearest the root, which on most hosts belongs to a system service.

use std::collections::VecDeque;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::error::SampleError;
use super::file::{Buffer, KeptFile};
use super::host::{Hierarchy, MemoryRoot};
use super::roots::Roots;

/// Directories looked at before the search gives up.
const SEARCHED_MAX: usize = 256;

/// Opens the control's `memory.stat`.
///
/// # Errors
/// [`SampleError::Unusable`] if no live leaf with a `memory.stat` is found.
pub fn open(
    roots: &Roots,
    memory: &MemoryRoot,
    buffer: &mut Buffer,
) -> Result<KeptFile, SampleError> {
    let controller = match memory.hierarchy {
        Hierarchy::V1 => "memory",
        Hierarchy::V2 => "",
    };
    let own = own_cgroup_path(&roots.proc, controller, buffer);
    let candidates = [
        own.as_deref().map(|own| memory.dir.join(own)),
        own_mount(roots, memory.hierarchy),
        nearest_leaf(&memory.dir),
    ];
    for dir in candidates.into_iter().flatten() {
        if dir != memory.dir
            && is_leaf(&dir)
            && let Ok(file) = KeptFile::open(dir.join("memory.stat"))
        {
            return Ok(file);
        }
    }
    let why = "no leaf cgroup with a memory.stat to compare the root with";
    Err(SampleError::Unusable {
        path: memory.dir.clone(),
        why,
    })
}

/// The probe's own cgroup on the hierarchy of `controller` (empty: the unified
/// one), relative to that hierarchy's root. `None` where the kernel shows the
/// root itself, which is what a cgroup namespace makes of any cgroup, or a path
/// outside of the namespace.
pub fn own_cgroup_path(proc: &Path, controller: &str, buffer: &mut Buffer) -> Option<PathBuf> {
    let file = KeptFile::open(proc.join("self/cgroup")).ok()?;
    let rows = file.read(buffer).ok()?;
    let path = rows.lines().find_map(|line| {
        // hierarchy-ID:controllers:path; the path may hold colons.
        let mut fields = line.splitn(3, ':');
        let (_, controllers, path) = (fields.next()?, fields.next()?, fields.next()?);
        controllers
            .split(',')
            .any(|name| name == controller)
            .then_some(path)
    })?;
    let path = path.strip_prefix('/')?;
    // An empty part at the front would make it an absolute path.
    let is_below = path.split('/').all(|part| !["", ".."].contains(&part));
    is_below.then(|| PathBuf::from(path))
}

/// The probe's cgroup as the container runtime mounted it.
fn own_mount(roots: &Roots, hierarchy: Hierarchy) -> Option<PathBuf> {
    let mount = roots.own_cgroup.as_deref()?;
    match hierarchy {
        Hierarchy::V1 => Some(mount.join("memory")),
        Hierarchy::V2 => Some(mount.to_owned()),
    }
}

/// Whether `dir` has no subdirectories: kernfs keeps two links and one more for
/// each of them.
fn is_leaf(dir: &Path) -> bool {
    fs::symlink_metadata(dir).is_ok_and(|data| data.is_dir() && data.nlink() == 2)
}

/// The leaf nearest `root` that has a `memory.stat`, level by level.
fn nearest_leaf(root: &Path) -> Option<PathBuf> {
    let mut level = VecDeque::from([root.to_owned()]);
    let mut searched = 0;
    while let Some(dir) = level.pop_front() {
        for entry in fs::read_dir(&dir).into_iter().flatten().flatten() {
            if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                continue;
            }
            let child = entry.path();
            if is_leaf(&child) && child.join("memory.stat").exists() {
                return Some(child);
            }
            searched += 1;
            if searched >= SEARCHED_MAX {
                return None;
            }
            level.push_back(child);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_leads_out_of_the_tree_is_none() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("self")).unwrap();
        for (path, own) in [
            ("/kubepods/pod7", Some("kubepods/pod7")),
            ("/", None),
            ("/../pod7", None),
            ("/a/../../pod7", None),
            ("//etc", None),
        ] {
            let text = format!("4:cpu,memory:{path}\n");
            std::fs::write(dir.path().join("self/cgroup"), text).unwrap();
            let found = own_cgroup_path(dir.path(), "memory", &mut Buffer::default());
            assert_eq!(found.as_deref(), own.map(Path::new), "{path}");
        }
    }
}
