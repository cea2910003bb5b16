//! What systemd-boot boots next.

use unstall_crds::units::KernelVersion;

use super::bls;
use super::entry::{counted, settings};
use super::error::{Untold, shown};
use super::pattern;
use super::staged::Staged;
use super::tree::Tree;

/// `loader.conf` has some lines.
const CONFIG_MAX: usize = 64 * 1024;

/// Where its own partition may be mounted.
pub const PARTITIONS: [&str; 3] = ["boot", "efi", "boot/efi"];

/// Its configuration on a partition.
pub fn config(partition: &str) -> String {
    format!("{partition}/loader/loader.conf")
}

/// What systemd-boot sorts entries by before their versions.
type Group = (Option<String>, Option<String>);

/// The kernel that it boots next, with its configuration on `partition`.
///
/// # Errors
/// Why that cannot be told.
pub fn staged(tree: &Tree, partition: &str) -> Result<Staged, Untold> {
    let path = config(partition);
    let text = tree.text(&path, CONFIG_MAX)?;
    let settings = settings(&tree.shown(&path), &text)?;
    let mut defaults = settings.iter().filter(|(key, _)| *key == "default");
    let pattern = defaults.next_back().map_or("*", |(_, pattern)| *pattern);
    let open = |why: String| Untold::open(&tree.shown(&path), why);
    if pattern == "@saved" {
        return Err(open(
            "the default is in the firmware's variables (@saved)".to_owned(),
        ));
    }
    if !pattern::is_simple(pattern) || pattern.len() > 255 {
        let why = format!("its default {:?} is more than * and ?", shown(pattern));
        return Err(open(why));
    }
    // The extended boot loader partition has entries as well.
    let mut partitions = vec![partition];
    if partition != "boot" {
        partitions.push("boot");
    }
    let mut fit: Vec<(Group, KernelVersion)> = Vec::new();
    for partition in partitions {
        refuse_unified(tree, partition)?;
        let folder = format!("{partition}/loader/entries");
        let names = match bls::names(tree, &folder) {
            Err(error) if error.is_missing() => continue,
            names => names?,
        };
        for name in names {
            let Some((id, has_tries)) = counted(&name) else {
                continue;
            };
            let is_meant = [id, &format!("{id}.conf")]
                .iter()
                .any(|it| pattern::matches(pattern, it));
            if is_meant && has_tries {
                let path = format!("{folder}/{name}");
                let entry = bls::read(tree, &path)?;
                let release = bls::release(tree, &path, &entry)?;
                fit.push(((entry.sort_key, entry.machine_id), release));
            }
        }
    }
    if fit.iter().any(|(group, _)| *group != fit[0].0) {
        let why = format!(
            "entries of several systems fit its default {:?}",
            shown(pattern)
        );
        return Err(open(why));
    }
    let newest = fit.into_iter().map(|(_, release)| release).max();
    newest
        .map(|release| Staged::new(release, "the newest that fits loader.conf's default"))
        .ok_or_else(|| open(format!("no entry fits its default {:?}", shown(pattern))))
}

/// Unified kernel images are entries too, and say their version inside.
fn refuse_unified(tree: &Tree, partition: &str) -> Result<(), Untold> {
    let folder = format!("{partition}/EFI/Linux");
    let names = match tree.names(&folder) {
        Err(error) if error.is_missing() => return Ok(()),
        names => names?,
    };
    if names
        .iter()
        .any(|name| name.to_ascii_lowercase().ends_with(".efi"))
    {
        let why = "unified kernel images, which are not read";
        return Err(Untold::open(&tree.shown(&folder), why));
    }
    Ok(())
}
