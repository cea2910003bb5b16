//! The evidence of a verdict, as the API's `diagnosis`. (pure)
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use unstall_crds::health::{
    Diagnosis, Evidence, EvidenceKind, KernelClass as ApiClass, Nature as ApiNature,
    ProcessSystemTime,
};

use super::rules::reading;
use super::text::{MAX_EVIDENCE, cut};
use crate::judge::{KernelClass, Level, Nature, Signal, User, Verdict};
use crate::text;

/// The evidence of `verdict` on a kernel that `uname -r` calls `release`.
#[must_use]
pub fn diagnosis(verdict: &Verdict, release: Option<&str>) -> Diagnosis {
    let evidence = &verdict.evidence;
    let is_slow = verdict.level >= Level::Watch;
    let read = |nanos| reading(Signal::MemoryStatReadCpu, nanos);
    Diagnosis {
        nature: is_slow.then(|| nature(evidence.nature())),
        repeated_read: evidence.repeated.map(|(nanos, _)| read(nanos)),
        root_to_leaf: evidence.root_to_leaf().map(signed),
        zombie_memcgs: evidence.zombies.map(signed),
        zombie_growth: evidence
            .growth
            .map(|rate| reading(Signal::ZombieMemcgGrowth, rate)),
        cost_per_thousand_zombies: evidence.slope.map(|slope| read(slope.per_thousand)),
        kernel_class: release.and_then(KernelClass::of).map(class),
        system_time: evidence.users.iter().map(process).collect(),
    }
}

/// What of it is worth a sentence: slope, processes, kernel.
#[must_use]
pub fn sentences(verdict: &Verdict, release: Option<&str>) -> Vec<Evidence> {
    let evidence = &verdict.evidence;
    let mut told = Vec::new();
    let mut tell = |kind, text: &str| {
        told.push(Evidence {
            kind,
            message: cut(text, MAX_EVIDENCE),
        });
    };
    if let Some(slope) = evidence.slope {
        let cost = text::duration(std::time::Duration::from_nanos(slope.per_thousand));
        let text = format!(
            "each 1,000 zombie memcgs add {cost} to a read here (learned from {} reads)",
            slope.samples
        );
        tell(EvidenceKind::Measurement, &text);
    }
    for user in &evidence.users {
        tell(EvidenceKind::Attribution, &user.to_string());
    }
    let is_slow = verdict.level >= Level::Watch;
    if let (true, Some(release)) = (is_slow, release)
        && let Some(class) = KernelClass::of(release)
    {
        let text = format!(
            "the kernel calls itself {release}; upstream's code of that version {}",
            class.words()
        );
        tell(EvidenceKind::Kernel, &text);
    }
    told
}

const fn nature(nature: Nature) -> ApiNature {
    match nature {
        Nature::Walk => ApiNature::Walk,
        Nature::Contention => ApiNature::Contention,
        Nature::Undetermined => ApiNature::Undetermined,
    }
}

const fn class(class: KernelClass) -> ApiClass {
    match class {
        KernelClass::WalksEveryCgroup => ApiClass::WalksEveryCgroup,
        KernelClass::KeepsTotals => ApiClass::KeepsTotals,
        KernelClass::FlushesTree => ApiClass::FlushesTree,
        KernelClass::FlushesSubtree => ApiClass::FlushesSubtree,
        KernelClass::ReleasesDead => ApiClass::ReleasesDead,
    }
}

fn process(user: &User) -> ProcessSystemTime {
    let share = |hundredths| reading(Signal::CpuSteal, hundredths);
    ProcessSystemTime {
        // A process may call itself nothing.
        name: match user.name.trim() {
            "" => "?".to_owned(),
            name => name.to_owned(),
        },
        pid: user.pid.into(),
        slow: share(user.slow),
        fast: user.fast.map(share),
    }
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::judge::{Evidence as Seen, Slope, Summary, Thresholds};

    fn verdict(read: u64) -> Verdict {
        let all = |value| {
            Some(Summary {
                samples: 10,
                min: value,
                p50: value,
                p90: value,
                max: value,
            })
        };
        let evidence = Seen {
            cpu: all(read),
            leaf: all(7_000),
            zombies: Some(48_211),
            growth: Some(120),
            repeated: Some((152_000_000, 99)),
            slope: Some(Slope {
                per_thousand: 3_100_000,
                samples: 40,
            }),
            users: vec![User {
                pid: 812,
                name: "kubelet".to_owned(),
                slow: 1_530,
                fast: Some(20),
            }],
            ..Seen::default()
        };
        Verdict::of(evidence, &Thresholds::default())
    }

    #[test]
    fn a_process_of_several_threads_or_without_a_name_is_told_as_the_api_takes_it() {
        let user = |name: &str| User {
            pid: 812,
            name: name.to_owned(),
            slow: 15_312,
            fast: Some(10_001),
        };
        let told = serde_json::to_value(process(&user(""))).unwrap();
        let expected = json!({"name": "?", "pid": 812, "slow": "100%", "fast": "100%"});
        assert_eq!(told, expected);
        assert!(serde_json::from_value::<ProcessSystemTime>(told).is_ok());
        assert_eq!(process(&user(" a b ")).name, "a b");
    }

    #[test]
    fn a_walk_is_told_with_its_numbers() {
        let told = diagnosis(&verdict(153_000_000), Some("4.19.0"));
        assert_eq!(
            serde_json::to_value(&told).unwrap(),
            json!({
                "nature": "Walk", "repeatedRead": "152ms", "rootToLeaf": 21_857,
                "zombieMemcgs": 48_211, "zombieGrowth": "120/h", "costPerThousandZombies": "3.1ms",
                "kernelClass": "WalksEveryCgroup",
                "systemTime": [{"name": "kubelet", "pid": 812, "slow": "15.3%", "fast": "0.2%"}],
            })
        );
        let texts: Vec<_> = sentences(&verdict(153_000_000), Some("4.19.0"))
            .into_iter()
            .map(|evidence| evidence.message)
            .collect();
        assert_eq!(
            texts,
            [
                "each 1,000 zombie memcgs add 3.1 ms to a read here (learned from 40 reads)",
                "kubelet (pid 812) used 15.3 % of a CPU in the kernel while reads were slow, 0.2 % while they were fast",
                "the kernel calls itself 4.19.0; upstream's code of that version walks every memory cgroup at each read, dead ones included",
            ]
        );
    }

    #[test]
    fn fast_reads_have_no_nature_and_an_odd_kernel_no_class() {
        let told = diagnosis(&verdict(30_000), Some("mainline"));
        assert_eq!((told.nature, told.kernel_class), (None, None));
        assert_eq!(diagnosis(&verdict(30_000), None).kernel_class, None);
    }
}
