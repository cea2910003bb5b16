//! The metrics' names, units and help texts.

use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use super::labels::{Alone, Build, OfKernel, OfResult, OfSignal, OfTrigger, OfVerdict, Read};
use crate::cli::version;

/// A gauge of seconds, a ratio or a count.
pub type Value = Gauge<f64, AtomicU64>;
/// A counter of seconds.
pub type Seconds = Counter<f64, AtomicU64>;

/// From 10 us, a read at rest, by a factor of two to 5.2 s.
fn read_histogram() -> Histogram {
    Histogram::new(exponential_buckets(10e-6, 2.0, 20))
}

/// All of them.
#[derive(Debug)]
pub struct Families {
    pub reads: Family<Read, Histogram, fn() -> Histogram>,
    pub untrusted: Family<OfSignal, Counter>,
    pub readable: Family<OfSignal, Gauge>,
    pub zombies: Family<Alone, Gauge>,
    pub softirq_delay: Family<Alone, Value>,
    pub squeezed: Counter,
    pub dropped: Counter,
    pub memory_pressure: Family<Alone, Value>,
    pub irq_pressure: Family<Alone, Value>,
    pub steal: Family<Alone, Value>,
    pub cycle_cpu: Seconds,
    pub in_flight: Value,
    pub verdict: Family<OfVerdict, Gauge>,
    pub trigger: Family<OfTrigger, Gauge>,
    pub writes: Family<OfResult, Counter>,
    pub actuator: Gauge,
    pub kernel: Family<OfKernel, Gauge>,
    pub reboot_required: Family<Alone, Gauge>,
}

impl Families {
    /// All of them, known to `registry`.
    pub fn registered(registry: &mut Registry) -> Self {
        let build = Build {
            version: version::VERSION,
            commit: version::COMMIT,
        };
        registry.register(
            "unstall_probe_build",
            "The build of this probe",
            Info::new(build),
        );
        let families = Self {
            reads: Family::new_with_constructor(read_histogram),
            untrusted: Family::default(),
            readable: Family::default(),
            zombies: Family::default(),
            softirq_delay: Family::default(),
            squeezed: Counter::default(),
            dropped: Counter::default(),
            memory_pressure: Family::default(),
            irq_pressure: Family::default(),
            steal: Family::default(),
            cycle_cpu: Seconds::default(),
            in_flight: Value::default(),
            verdict: Family::default(),
            trigger: Family::default(),
            writes: Family::default(),
            actuator: Gauge::default(),
            kernel: Family::default(),
            reboot_required: Family::default(),
        };
        families.register_measured(registry);
        families.register_surroundings(registry);
        families.register_said(registry);
        families.register_next_boot(registry);
        families
    }

    fn register_measured(&self, registry: &mut Registry) {
        registry.register_with_unit(
            "unstall_memory_stat_read",
            "Trusted reads of memory.stat, of the root cgroup and of a leaf for comparison",
            Unit::Seconds,
            self.reads.clone(),
        );
        registry.register(
            "unstall_samples_untrusted",
            "Samples left out because something disturbed them, or for want of an earlier one",
            self.untrusted.clone(),
        );
        registry.register(
            "unstall_signal_readable",
            "Whether this kernel gives the signal (1) or not (0)",
            self.readable.clone(),
        );
        registry.register(
            "unstall_zombie_memcgs",
            "Removed memory cgroups that are still held; absent while not known",
            self.zombies.clone(),
        );
        registry.register_with_unit(
            "unstall_probe_cycle_cpu",
            "CPU time of all measuring",
            Unit::Seconds,
            self.cycle_cpu.clone(),
        );
        registry.register_with_unit(
            "unstall_probe_in_flight",
            "For how long the measurement in hand has lasted, 0 between two",
            Unit::Seconds,
            self.in_flight.clone(),
        );
    }

    fn register_surroundings(&self, registry: &mut Registry) {
        registry.register_with_unit(
            "unstall_softirq_delay",
            "The longest that a ksoftirqd waited for its CPU since the last sample; absent while not known",
            Unit::Seconds,
            self.softirq_delay.clone(),
        );
        registry.register(
            "unstall_softnet_squeezed",
            "Times that receive processing ran out of its budget, since this probe started",
            self.squeezed.clone(),
        );
        registry.register(
            "unstall_softnet_dropped",
            "Packets dropped because a CPU's backlog was full, since this probe started",
            self.dropped.clone(),
        );
        let ratios = [
            (
                "unstall_memory_pressure",
                "Share of time in which some task waited for memory; absent while not known",
                &self.memory_pressure,
            ),
            (
                "unstall_irq_pressure",
                "Share of time that interrupts took from tasks; absent while not known",
                &self.irq_pressure,
            ),
            (
                "unstall_cpu_steal",
                "Share of CPU time that the hypervisor gave to others; absent while not known",
                &self.steal,
            ),
        ];
        for (name, help, family) in ratios {
            registry.register_with_unit(
                name,
                help,
                Unit::Other("ratio".to_owned()),
                family.clone(),
            );
        }
    }

    fn register_said(&self, registry: &mut Registry) {
        registry.register(
            "unstall_verdict",
            "What the node is like, by the built-in levels: 1 for the one that holds",
            self.verdict.clone(),
        );
        registry.register(
            "unstall_trigger",
            "The state of each trigger of the policies that cover this node: 1 for the one that holds",
            self.trigger.clone(),
        );
        registry.register(
            "unstall_probe_status_writes",
            "Writes of the node's NodeHealth",
            self.writes.clone(),
        );
        registry.register(
            "unstall_probe_actuator_available",
            "Whether an actuator answers beside this probe",
            self.actuator.clone(),
        );
    }

    fn register_next_boot(&self, registry: &mut Registry) {
        registry.register(
            "unstall_kernel",
            "The running kernel and the one that the next boot would run, always 1; staged is empty while not known",
            self.kernel.clone(),
        );
        registry.register(
            "unstall_reboot_required",
            "Whether the distribution asks for a reboot (1) or not (0); absent while not known",
            self.reboot_required.clone(),
        );
    }
}
