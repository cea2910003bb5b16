//! How many zombies the machine's memory can hold.

use std::fs;

use super::IncidentError;

/// The per-CPU part of a memory cgroup without its NUMA nodes, and the share of each node, in bytes
/// per possible CPU, as read in the kernel's source.
const PER_CPU: u64 = 2_424;
const PER_CPU_AND_NODE: u64 = 1_920;

/// The rest of a memory cgroup in bytes: what the 17 KB leave that were measured for one on 6.18
/// with 2 CPUs and one NUMA node.
const FIXED: u64 = 8_312;

/// What must stay available: the rest of the machine goes on working while the incident lasts.
const MARGIN: u64 = 512 << 20;

const MIB: u64 = 1 << 20;

/// Refuses a number of zombies that `MemAvailable` cannot hold with a margin.
///
/// # Errors
/// [`IncidentError::TooMany`] says the need, the limit and the largest number that fits.
pub(crate) fn check(asked: u32, page_size: u64) -> Result<(), IncidentError> {
    let path = "/proc/meminfo";
    let meminfo = fs::read_to_string(path).map_err(IncidentError::io("cannot read", path))?;
    let available = mem_available(&meminfo).ok_or_else(|| IncidentError::Unknown {
        why: format!("{path} has no MemAvailable row, so that no safe number is known"),
    })?;
    let each = bytes_each(
        listed("cpu/possible")?,
        listed("node/possible").unwrap_or(1),
    );
    // The page that holds a zombie must stay in memory as well.
    fits(asked, each + page_size, available)
}

fn fits(asked: u32, bytes_each: u64, available: u64) -> Result<(), IncidentError> {
    let need = u64::from(asked) * bytes_each + MARGIN;
    if need <= available {
        return Ok(());
    }
    Err(IncidentError::TooMany {
        asked,
        need_mib: need.div_ceil(MIB),
        bytes_each,
        margin_mib: MARGIN / MIB,
        available_mib: available / MIB,
        fit: available.saturating_sub(MARGIN) / bytes_each,
    })
}

fn bytes_each(cpus: u64, nodes: u64) -> u64 {
    FIXED + (PER_CPU + PER_CPU_AND_NODE * nodes) * cpus
}

/// How many numbers a list such as `0-3,8` under `/sys/devices/system` names.
fn listed(name: &str) -> Result<u64, IncidentError> {
    let path = format!("/sys/devices/system/{name}");
    let text = fs::read_to_string(&path).map_err(IncidentError::io("cannot read", &path))?;
    count_list(&text).ok_or_else(|| IncidentError::Unknown {
        why: format!("{path} holds {:?}", text.trim()),
    })
}

fn count_list(text: &str) -> Option<u64> {
    text.trim().split(',').try_fold(0, |sum, part| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (first.parse::<u64>().ok()?, last.parse::<u64>().ok()?);
        Some(sum + last.checked_sub(first)? + 1)
    })
}

/// `MemAvailable` in bytes.
fn mem_available(meminfo: &str) -> Option<u64> {
    let row = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    Some(row.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_cpus_and_one_node_take_17_kb_each() {
        assert_eq!(bytes_each(2, 1), 17_000);
        assert_eq!(bytes_each(64, 2), FIXED + 6_264 * 64);
    }

    #[test]
    fn the_refusal_names_need_limit_and_what_fits() {
        let available = MARGIN + 17_000 * 1_000;
        assert!(fits(1_000, 17_000, available).is_ok());
        let refusal = fits(1_001, 17_000, available).unwrap_err().to_string();
        assert_eq!(
            refusal,
            "1001 zombies need 529 MiB of memory (17000 bytes each and 512 MiB of margin), and \
             MemAvailable is 528 MiB: ask for at most 1000"
        );
    }

    #[test]
    fn lists_of_cpus() {
        assert_eq!(count_list("0-1\n"), Some(2));
        assert_eq!(count_list("0,2-4,9"), Some(5));
        assert_eq!(count_list(""), None);
        assert_eq!(count_list("4-2"), None);
    }

    #[test]
    fn meminfo_without_the_row_is_unknown() {
        assert_eq!(
            mem_available("MemTotal: 9 kB\nMemAvailable:   2048 kB\n"),
            Some(2 << 20)
        );
        assert_eq!(mem_available("MemTotal: 9 kB\n"), None);
    }
}
