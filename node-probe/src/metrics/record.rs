//! What the probe learns, as metrics.

use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use super::families::{Families, Value};
use super::labels::{Alone, OfKernel, OfResult, OfSignal, OfTrigger, OfVerdict, Read};
use crate::judge::{Judge, Level, Reading, Signal, State, leaf_reading, reading};
use crate::publish::status::NextBoot;
use crate::sample::Observation;

/// The states of a trigger.
const STATES: [(State, &str); 3] = [
    (State::Firing, "Firing"),
    (State::Clear, "Clear"),
    (State::Unknown, "Unknown"),
];

/// The levels of a verdict.
const LEVELS: [Level; 5] = [
    Level::Healthy,
    Level::Watch,
    Level::Degraded,
    Level::Stalled,
    Level::Unknown,
];

/// What holds at the moment of a scrape.
#[derive(Debug)]
pub struct Moment<'a> {
    /// All signals and triggers.
    pub judge: &'a Judge,
    /// The verdict.
    pub level: Level,
    /// For how long the measurement in hand has lasted, if there is one.
    pub in_flight: Option<Duration>,
    /// Whether an actuator answers.
    pub actuator: bool,
    /// The running kernel, if it can be read.
    pub running: Option<&'a str>,
    /// What the host's files say of its next boot.
    pub next_boot: NextBoot<'a>,
}

/// All metrics of a probe.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    families: Families,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::default();
        let families = Families::registered(&mut registry);
        Self { registry, families }
    }
}

impl Metrics {
    /// Takes in one cycle. What was not trusted is in no histogram.
    pub fn observe(&self, observation: &Observation) {
        let families = &self.families;
        for signal in Signal::ALL {
            let label = OfSignal {
                signal: signal.name(),
            };
            // The growth is judged of a series of counts: a single one tells whether there
            // will be any.
            let said = match signal {
                Signal::ZombieMemcgGrowth => reading(Signal::ZombieMemcgs, observation),
                _ => reading(signal, observation),
            };
            let is_readable = !matches!(said, Reading::Unreadable(_));
            families
                .readable
                .get_or_create(&label)
                .set(is_readable.into());
            let is_disturbed = matches!(said, Reading::Untrusted(_));
            families
                .untrusted
                .get_or_create(&label)
                .inc_by(is_disturbed.into());
            self.value(signal, &said);
        }
        if let Reading::Trusted(nanos) = leaf_reading(observation) {
            self.read("leaf", "cpu", nanos);
        }
        if let Ok(Some(rise)) = &observation.surroundings.softnet {
            families.squeezed.inc_by(rise.squeezed);
            families.dropped.inc_by(rise.dropped);
        }
        families.cycle_cpu.inc_by(observation.cost.as_secs_f64());
    }

    fn value(&self, signal: Signal, said: &Reading) {
        let families = &self.families;
        match (signal, said) {
            (Signal::MemoryStatReadCpu, Reading::Trusted(nanos)) => {
                self.read("root", "cpu", *nanos)
            }
            (Signal::MemoryStatReadWall, Reading::Trusted(nanos)) => {
                self.read("root", "latency", *nanos);
            }
            (Signal::ZombieMemcgs, Reading::Trusted(count)) => {
                let count = i64::try_from(*count).unwrap_or(i64::MAX);
                families.zombies.get_or_create(&[]).set(count);
            }
            (Signal::ZombieMemcgs, Reading::Unreadable(_)) => families.zombies.clear(),
            (Signal::SoftirqDelay, said) => set(&families.softirq_delay, said, seconds),
            (Signal::MemoryPressure, said) => set(&families.memory_pressure, said, ratio),
            (Signal::IrqPressure, said) => set(&families.irq_pressure, said, ratio),
            (Signal::CpuSteal, said) => set(&families.steal, said, ratio),
            _ => {}
        }
    }

    fn read(&self, cgroup: &'static str, clock: &'static str, nanos: u64) {
        let reads = self.families.reads.get_or_create(&Read { cgroup, clock });
        reads.observe(seconds(nanos));
    }

    /// Counts a write of the NodeHealth.
    pub fn wrote(&self, is_success: bool) {
        let result = if is_success { "success" } else { "error" };
        self.families
            .writes
            .get_or_create(&OfResult { result })
            .inc();
    }

    /// All of it as OpenMetrics text, with what holds at this `moment`.
    #[must_use]
    pub fn render(&self, moment: &Moment<'_>) -> String {
        let families = &self.families;
        for level in LEVELS {
            let label = OfVerdict {
                verdict: level.name(),
            };
            let holds = level == moment.level;
            families.verdict.get_or_create(&label).set(holds.into());
        }
        // Those of rules that are gone must not linger.
        families.trigger.clear();
        for trigger in moment.judge.triggers() {
            for (state, name) in STATES {
                let label = OfTrigger {
                    policy: trigger.rule().policy.clone(),
                    trigger: trigger.rule().name.clone(),
                    state: name,
                };
                let holds = state == trigger.state();
                families.trigger.get_or_create(&label).set(holds.into());
            }
        }
        let in_flight = moment.in_flight.unwrap_or_default();
        families.in_flight.set(in_flight.as_secs_f64());
        families.actuator.set(moment.actuator.into());
        self.next_boot(moment);
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }

    fn next_boot(&self, moment: &Moment<'_>) {
        let families = &self.families;
        // What held before must not linger beside it.
        families.kernel.clear();
        if let Some(running) = moment.running {
            let staged = moment.next_boot.staged;
            let label = OfKernel {
                running: running.to_owned(),
                staged: staged.map(ToString::to_string).unwrap_or_default(),
            };
            families.kernel.get_or_create(&label).set(1);
        }
        match moment.next_boot.reboot_required {
            Some(asked) => {
                families
                    .reboot_required
                    .get_or_create(&[])
                    .set(asked.into());
            }
            None => families.reboot_required.clear(),
        }
    }
}

fn seconds(nanos: u64) -> f64 {
    Duration::from_nanos(nanos).as_secs_f64()
}

/// Of hundredths of a percent, which are ten thousand at most.
fn ratio(hundredths: u64) -> f64 {
    f64::from(u32::try_from(hundredths).unwrap_or(u32::MAX)) * 1e-4
}

/// Sets the value in its base unit, or takes it away where it is not known.
fn set(family: &Family<Alone, Value>, said: &Reading, base: fn(u64) -> f64) {
    match said {
        Reading::Trusted(value) => {
            family.get_or_create(&[]).set(base(*value));
        }
        Reading::Unreadable(_) => family.clear(),
        Reading::Untrusted(_) | Reading::Awaited => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::testing::{at, observation, rule};

    fn page(metrics: &Metrics, judge: &Judge) -> String {
        metrics.render(&Moment {
            judge,
            level: Level::Watch,
            in_flight: Some(Duration::from_millis(1_500)),
            actuator: true,
            running: Some("6.1.0-39-amd64"),
            next_boot: NextBoot::default(),
        })
    }

    #[test]
    fn a_next_boot_is_told_as_it_is_known_now() {
        let (metrics, judge) = (Metrics::default(), Judge::default());
        let staged = "6.1.0-40-amd64".parse().unwrap();
        let told = metrics.render(&Moment {
            judge: &judge,
            level: Level::Watch,
            in_flight: None,
            actuator: true,
            running: Some("6.1.0-39-amd64"),
            next_boot: NextBoot {
                staged: Some(&staged),
                reboot_required: Some(true),
            },
        });
        let both = "unstall_kernel{running=\"6.1.0-39-amd64\",staged=\"6.1.0-40-amd64\"} 1\n";
        assert!(told.contains(both), "{told}");
        assert!(told.contains("unstall_reboot_required{} 1\n"), "{told}");
        let told = page(&metrics, &judge);
        let alone = "unstall_kernel{running=\"6.1.0-39-amd64\",staged=\"\"} 1\n";
        assert!(told.contains(alone) && !told.contains(both), "{told}");
        assert!(!told.contains("unstall_reboot_required{"), "{told}");
    }

    #[test]
    fn what_is_known_is_told_in_base_units() {
        let metrics = Metrics::default();
        let mut judge = Judge::default();
        judge.set_rules(vec![rule()], at(0));
        let mut seen = observation(1, Duration::from_millis(80));
        seen.surroundings.softirq_delay = Ok(Some(Duration::from_millis(95)));
        metrics.observe(&seen);
        metrics.wrote(true);
        let page = page(&metrics, &judge);
        for line in [
            "unstall_memory_stat_read_seconds_sum{cgroup=\"root\",clock=\"cpu\"} 0.08",
            "unstall_memory_stat_read_seconds_bucket{le=\"0.08192\",cgroup=\"root\",clock=\"cpu\"} 1",
            "unstall_memory_stat_read_seconds_count{cgroup=\"leaf\",clock=\"cpu\"} 1",
            "unstall_zombie_memcgs{} 1000",
            "unstall_softirq_delay_seconds{} 0.095",
            "unstall_verdict{verdict=\"Watch\"} 1",
            "unstall_verdict{verdict=\"Healthy\"} 0",
            "unstall_trigger{policy=\"kernel-stalls\",trigger=\"memcg-walk\",state=\"Unknown\"} 1",
            "unstall_probe_status_writes_total{result=\"success\"} 1",
            "unstall_probe_in_flight_seconds 1.5",
            "unstall_probe_actuator_available 1",
            "unstall_probe_cycle_cpu_seconds_total 0.08",
        ] {
            assert!(
                page.contains(&format!("{line}\n")),
                "{line} is not in\n{page}"
            );
        }
        assert!(page.contains("unstall_probe_build_info{version="), "{page}");
        assert!(page.ends_with("# EOF\n"));
    }

    #[test]
    fn what_is_not_known_is_absent_and_never_zero() {
        let metrics = Metrics::default();
        let mut seen = observation(1, Duration::from_millis(80));
        metrics.observe(&seen);
        let missing = || crate::sample::SampleError::MissingRow {
            path: "/proc/cgroups".into(),
            row: "memory",
            hint: "not told",
        };
        seen.zombies = Err(missing());
        seen.surroundings.irq_pressure = Err("no row full".into());
        metrics.observe(&seen);
        let page = page(&metrics, &Judge::default());
        for absent in [
            "\nunstall_zombie_memcgs{",
            "\nunstall_irq_pressure_ratio{",
            "\nunstall_trigger{",
        ] {
            assert!(!page.contains(absent), "{absent} is in\n{page}");
        }
        assert!(page.contains("unstall_signal_readable{signal=\"ZombieMemcgs\"} 0\n"));
        assert!(page.contains("unstall_signal_readable{signal=\"ZombieMemcgGrowth\"} 0\n"));
        assert!(page.contains("unstall_signal_readable{signal=\"MemoryStatReadCPU\"} 1\n"));
    }

    #[test]
    fn a_wait_of_many_seconds_is_told_whole() {
        let metrics = Metrics::default();
        let mut seen = observation(1, Duration::from_millis(80));
        seen.surroundings.softirq_delay = Ok(Some(Duration::from_millis(7_500)));
        metrics.observe(&seen);
        let page = page(&metrics, &Judge::default());
        assert!(
            page.contains("unstall_softirq_delay_seconds{} 7.5\n"),
            "{page}"
        );
    }

    #[test]
    fn a_rule_that_is_gone_has_no_state() {
        let metrics = Metrics::default();
        let mut judge = Judge::default();
        judge.set_rules(vec![rule()], at(0));
        assert!(page(&metrics, &judge).contains("trigger=\"memcg-walk\""));
        judge.set_rules(Vec::new(), at(1));
        assert!(!page(&metrics, &judge).contains("trigger=\"memcg-walk\""));
    }

    #[test]
    fn a_disturbed_sample_is_counted_and_in_no_histogram() {
        let metrics = Metrics::default();
        let mut seen = observation(1, Duration::from_millis(80));
        seen.interference.throttled = Some(1);
        metrics.observe(&seen);
        let page = page(&metrics, &Judge::default());
        let counted = "unstall_samples_untrusted_total{signal=\"MemoryStatReadCPU\"} 1\n";
        assert!(page.contains(counted), "{page}");
        assert!(
            !page.contains("read_seconds_count{cgroup=\"root\""),
            "{page}"
        );
    }
}
