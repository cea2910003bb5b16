//! The entries of the Boot Loader Specification in a folder.

use unstall_crds::units::KernelVersion;

use super::entry::{Entry, counted};
use super::error::Untold;
use super::tree::Tree;

/// An entry has some ten lines.
const ENTRY_MAX: usize = 64 * 1024;

/// More than any `/boot` has room for.
const ENTRIES_MAX: usize = 256;

/// The kernel of the entry that GRUB calls `wanted`, by id or by title; `None` if
/// there is none such or several.
///
/// # Errors
/// If entries cannot be read, or if the kernel of that one is missing.
pub fn named(tree: &Tree, folder: &str, wanted: &str) -> Result<Option<KernelVersion>, Untold> {
    let names = names(tree, folder)?;
    let of_id = names
        .iter()
        .find(|it| it.strip_suffix(".conf") == Some(wanted));
    if let Some(name) = of_id {
        let path = format!("{folder}/{name}");
        return release(tree, &path, &read(tree, &path)?).map(Some);
    }
    let mut of_title = Vec::new();
    for name in names {
        let path = format!("{folder}/{name}");
        let entry = read(tree, &path)?;
        if entry.title.as_deref() == Some(wanted) {
            of_title.push((path, entry));
        }
    }
    match &of_title[..] {
        [(path, entry)] => release(tree, path, entry).map(Some),
        _ => Ok(None),
    }
}

/// The names of the entries in `folder`.
///
/// # Errors
/// If it cannot be read or has too many.
pub fn names(tree: &Tree, folder: &str) -> Result<Vec<String>, Untold> {
    let mut names = tree.names(folder)?;
    names.retain(|name| counted(name).is_some());
    if names.len() > ENTRIES_MAX {
        let why = format!("it holds more than {ENTRIES_MAX} entries");
        return Err(Untold::open(&tree.shown(folder), why));
    }
    Ok(names)
}

/// The entry at `path`.
///
/// # Errors
/// If it cannot be read or is none.
pub fn read(tree: &Tree, path: &str) -> Result<Entry, Untold> {
    let text = tree.text(path, ENTRY_MAX)?;
    Entry::parse(&tree.shown(path), &text)
}

/// The release of the kernel that `entry`, read from `path`, boots: one that is
/// there.
///
/// # Errors
/// If the entry does not tell it or the kernel is missing.
pub fn release(tree: &Tree, path: &str, entry: &Entry) -> Result<KernelVersion, Untold> {
    let shown = tree.shown(path);
    let release = entry.release(&shown)?;
    let Some(linux) = entry.linux.as_deref() else {
        return Err(Untold::open(&shown, "it names no kernel (linux)"));
    };
    // Seen from the partition's own root, which is mounted above loader/entries, or
    // from the host's where /boot is no partition.
    let partition = path.split_once("/loader/").map_or("", |(front, _)| front);
    for kernel in [format!("{partition}/{linux}"), linux.to_owned()] {
        if tree.is_file(&kernel)? {
            return Ok(release);
        }
    }
    Err(Untold::open(
        &shown,
        format!("its kernel {linux:.128} is not there"),
    ))
}
