//! What our processes have resident, on every node, over time.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use unstall_integration::product::text;
use unstall_integration::vm_fleet::Bed;

/// Caches and allocators fill up in this time.
const WARM: Duration = Duration::from_secs(600);
/// A process is judged that was looked at this often since it was warm: every incident has its
/// own misfortune, and the most that they need is reached after some of them (a probe
/// that lived for 25 minutes went from 5.9 to 7.1 MB in 20 of them, and none had 7.2 in two hours).
const LOOKS: usize = 15;
/// More than noise: what a process may have grown by between the first and the last
/// third of its life.
const TOLERATED_KB: u64 = 512;

/// Role, node, process number.
type Who = (String, String, u32);
/// When, and how much in kB.
type Row = (Duration, u64);

pub struct Memory {
    started: Instant,
    looks: RefCell<BTreeMap<Who, Vec<Row>>>,
}

impl Memory {
    pub fn begin() -> Self {
        Self {
            started: Instant::now(),
            looks: RefCell::default(),
        }
    }

    /// Asks every node for every process of ours.
    pub fn look(&self, bed: &Bed) {
        const SCRIPT: &str = "for pid in $(pidof node-probe unstall-controller); do \
            role=$(tr '\\0' ' ' </proc/$pid/cmdline | cut -d' ' -f1,2); \
            kb=$(awk '/^VmRSS/ { print $2 }' /proc/$pid/status); \
            echo \"$pid $kb $(cat /proc/$pid/root/etc/hostname) $role\"; done; true";
        // A standby has as much as a leader once it leads, and is another one then.
        let leader = leader(bed);
        for node in bed.fleet().nodes() {
            let printed = node.check(SCRIPT).unwrap();
            for line in printed.lines() {
                let mut words = line.splitn(4, ' ');
                let mut word = || words.next();
                let (Some(pid), Some(kb), Some(pod), Some(role)) = (word(), word(), word(), word())
                else {
                    continue;
                };
                // One that ended meanwhile has none.
                let (Ok(pid), Ok(kb)) = (pid.parse(), kb.parse()) else {
                    continue;
                };
                let role = role.rsplit('/').next().unwrap_or(role);
                let role = role.split(" --").next().unwrap_or(role).trim();
                let leads = !pod.is_empty() && leader.starts_with(pod);
                let role = format!("{role}{}", if leads { ", leading" } else { "" });
                let who = (role, node.name().to_owned(), pid);
                let mut looks = self.looks.borrow_mut();
                looks
                    .entry(who)
                    .or_default()
                    .push((self.started.elapsed(), kb));
            }
        }
    }

    /// By role: the most that any process had, and the longest-lived one's first
    /// and last third.
    pub fn line(&self) -> String {
        let looks = self.looks.borrow();
        let mut roles: BTreeMap<&str, (u64, &[Row])> = BTreeMap::new();
        for ((role, ..), rows) in looks.iter() {
            let most = rows.iter().map(|(_, kb)| *kb).max().unwrap_or(0);
            let entry = roles.entry(role).or_insert((0, rows));
            entry.0 = entry.0.max(most);
            if rows.len() > entry.1.len() {
                entry.1 = rows;
            }
        }
        let mut line = String::from("resident:");
        for (role, (most, rows)) in roles {
            let (first, last) = thirds(rows);
            // A String takes all.
            let _ = write!(
                line,
                " {role} at most {most} kB, longest-lived {first} -> {last} kB in {} looks;",
                rows.len()
            );
        }
        line
    }

    /// No process has grown since it was warm, on the `sick` node neither.
    pub fn assert_flat(&self, sick: &str) {
        let mut judged = BTreeSet::new();
        for (who, rows) in self.looks.borrow().iter() {
            let Some((begun, _)) = rows.first() else {
                continue;
            };
            let warm: Vec<_> = rows
                .iter()
                .copied()
                .filter(|(at, _)| *at >= *begun + WARM)
                .collect();
            if warm.len() < LOOKS {
                continue;
            }
            judged.insert((who.0.clone(), who.1 == sick));
            let (first, last) = thirds(&warm);
            assert!(
                last <= first + TOLERATED_KB,
                "{who:?} grew from {first} to {last} kB: {warm:?}"
            );
        }
        let roles = [
            "node-probe actuate",
            "node-probe probe",
            "unstall-controller run",
            "unstall-controller run, leading",
        ];
        let of_node = ["node-probe actuate", "node-probe probe"];
        let wanted =
            (roles.iter().map(|it| (*it, false))).chain(of_node.iter().map(|it| (*it, true)));
        let missing: Vec<_> = wanted
            .filter(|(role, is_sick)| !judged.contains(&((*role).to_owned(), *is_sick)))
            .collect();
        assert!(
            missing.is_empty(),
            "none lived long enough to be judged: {missing:?}"
        );
    }
}

/// Who leads, by the lease.
fn leader(bed: &Bed) -> String {
    let reader = bed.fleet().cluster().reader().unwrap();
    let leases = reader.list(&["leases"]).unwrap_or_default();
    let mut leases = leases
        .iter()
        .filter(|it| text(it, "/metadata/namespace") == Some("unstall-system"));
    let holder = leases
        .next()
        .and_then(|it| text(it, "/spec/holderIdentity"));
    holder.unwrap_or_default().to_owned()
}

/// The medians of the first and the last third.
fn thirds(rows: &[Row]) -> (u64, u64) {
    let third = (rows.len() / 3).max(1);
    let median = |rows: &[Row]| {
        let mut all: Vec<_> = rows.iter().map(|(_, kb)| *kb).collect();
        all.sort_unstable();
        all.get(all.len() / 2).copied().unwrap_or(0)
    };
    (
        median(rows.get(..third).unwrap_or_default()),
        median(
            rows.get(rows.len().saturating_sub(third)..)
                .unwrap_or_default(),
        ),
    )
}
