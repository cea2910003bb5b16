//! What the actuator can see of the effect: the number of memory cgroups and the size of the
//! reclaimable caches, read from its own `/proc`.

use std::path::Path;

use crate::sample::{Buffer, KeptFile, Rows, cgroups_table};

/// Memory cgroups, live and dead, as `/proc/cgroups` counts them: `None` when this kernel does
/// not show them there.
#[must_use]
pub fn memory_cgroups(proc_root: &Path) -> Option<u64> {
    let file = KeptFile::open(proc_root.join("cgroups")).ok()?;
    cgroups(cgroups_table(&file, &mut Buffer::default()).ok()?)
}

/// Bytes that `drop_caches` could free: page cache and reclaimable slab, from `/proc/meminfo`.
#[must_use]
pub fn reclaimable_bytes(proc_root: &Path) -> Option<u64> {
    let file = KeptFile::open(proc_root.join("meminfo")).ok()?;
    reclaimable(file.read(&mut Buffer::default()).ok()?)
}

/// Bytes of swap that the node has, used or not, from `/proc/meminfo`.
#[must_use]
pub fn swap_bytes(proc_root: &Path) -> Option<u64> {
    let file = KeptFile::open(proc_root.join("meminfo")).ok()?;
    bytes(file.read(&mut Buffer::default()).ok()?, "SwapTotal:")
}

/// The memory row; without one, a row of hierarchy 0.
///
/// `num_cgroups` counts the cgroups of a hierarchy, dead ones included until they are freed. A
/// kernel without memory in cgroup v1 has no memory row, and then memory is on the unified
/// hierarchy, whose number every controller shows that is not mounted elsewhere (hierarchy 0).
fn cgroups(rows: Rows<'_>) -> Option<u64> {
    if let Some(mut fields) = rows.fields("memory") {
        return rows.count_field(fields.nth(1)).ok();
    }
    let unified = rows.lines().find_map(|line| {
        let mut fields = line.split_ascii_whitespace().skip(1);
        (fields.next() == Some("0")).then(|| fields.next())
    })?;
    rows.count_field(unified).ok()
}

fn reclaimable(rows: Rows<'_>) -> Option<u64> {
    bytes(rows, "Cached:")?.checked_add(bytes(rows, "SReclaimable:")?)
}

/// A row of `/proc/meminfo`.
fn bytes(rows: Rows<'_>, name: &str) -> Option<u64> {
    let mut fields = rows.fields(name)?;
    let kib = rows.number(fields.next()).ok()?;
    (fields.next() == Some("kB"))
        .then_some(kib)?
        .checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Rows<'_> {
        Rows::new(Path::new("/f"), text.as_bytes()).unwrap()
    }

    #[test]
    fn reads_the_memory_row() {
        let text = "#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpu\t1\t7\t1\n\
                    memory\t4\t20018\t1\nnet_cls\t0\t1\t1\n";
        assert_eq!(cgroups(rows(text)), Some(20_018));
    }

    #[test]
    fn without_a_memory_row_the_unified_hierarchy_counts() {
        let text = "#subsys_name\thierarchy\tnum_cgroups\tenabled\nfreezer\t6\t3\t1\n\
                    cpu\t0\t141\t1\n";
        assert_eq!(cgroups(rows(text)), Some(141));
    }

    #[test]
    fn what_cannot_be_read_is_unknown_and_not_zero() {
        for text in [
            "\n",
            "memory\n",
            "memory\t4\tmany\t1\n",
            "memory\t4\n",
            "cpu\t1\t7\t1\n",
        ] {
            assert_eq!(cgroups(rows(text)), None, "{text:?}");
        }
        assert_eq!(memory_cgroups(Path::new("/absent")), None);
    }

    #[test]
    fn reclaimable_is_cache_and_slab() {
        let text = "MemTotal:       100 kB\nCached:          2000 kB\nSwapCached:      7 kB\n\
                    SReclaimable:     48 kB\n";
        assert_eq!(reclaimable(rows(text)), Some(2048 * 1024));
        assert_eq!(reclaimable(rows("Cached: 2000 kB\n")), None);
        assert_eq!(
            reclaimable(rows("Cached: 2000\nSReclaimable: 48 kB\n")),
            None
        );
    }

    #[test]
    fn a_node_without_swap_says_so_and_one_that_cannot_be_read_does_not() {
        assert_eq!(bytes(rows("SwapTotal: 0 kB\n"), "SwapTotal:"), Some(0));
        assert_eq!(bytes(rows("SwapTotal: 8 kB\n"), "SwapTotal:"), Some(8192));
        assert_eq!(bytes(rows("Cached: 8 kB\n"), "SwapTotal:"), None);
        assert_eq!(swap_bytes(Path::new("/absent")), None);
    }

    #[test]
    fn this_kernel_is_read() {
        assert!(memory_cgroups(Path::new("/proc")).is_none_or(|count| count > 0));
        assert!(reclaimable_bytes(Path::new("/proc")).is_some_and(|bytes| bytes > 0));
    }
}
