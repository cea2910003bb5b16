//! Whatever a read costs, the sampling thread uses at most 1 % of a CPU.

use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use node_probe::pace::{Mode, Pace};
use node_probe::sample::{Observation, Observer, Roots};
use node_probe::sampler::{Measure, Sampler};

const READS: [Duration; 3] = [
    Duration::from_millis(1),
    Duration::from_millis(50),
    Duration::from_millis(230),
];
/// Delays seen of each, so one sample more.
const CYCLES: usize = 10;
/// Ten delays of 230 ms times 100, a fifth more for the jitter, and a machine that does other things.
const PATIENCE: Duration = Duration::from_secs(400);

/// The real cycle and, as if the kernel were that slow, CPU time besides.
struct Slow(Observer, Duration);

impl Measure for Slow {
    fn observe(&mut self) -> Observation {
        let end = cpu() + self.1;
        while cpu() < end {}
        let mut observation = self.0.observe();
        observation.cost += self.1;
        observation
    }

    fn tick(&mut self) {
        self.0.tick();
    }
}

/// Where the sampling thread stood at the end of a cycle.
struct Lap {
    wall: Duration,
    cpu: Duration,
}

pub fn run() {
    let runs = READS.map(|read| (read, start(read)));
    for (read, (sampler, laps)) in runs {
        let mut seen = Vec::new();
        while seen.len() <= CYCLES {
            let Ok(lap) = laps.recv_timeout(PATIENCE) else {
                break;
            };
            seen.push(lap);
        }
        sampler.stop();
        tell(read, &seen);
    }
}

fn start(read: Duration) -> (Sampler, Receiver<Lap>) {
    let (send, laps) = channel();
    let open = move || Slow(Observer::open(Roots::under(Path::new("/"))), read);
    let sampler = Sampler::measure(open, Pace::default(), move |_| {
        // The bench may have seen enough.
        let _ = send.send(Lap {
            wall: now(ClockId::CLOCK_MONOTONIC),
            cpu: cpu(),
        });
    })
    .unwrap();
    sampler.set_mode(Mode::Fast);
    (sampler, laps)
}

fn tell(read: Duration, laps: &[Lap]) {
    let [first, .., last] = laps else {
        println!("{read:?} a read: fewer than two cycles");
        return;
    };
    let wall = last.wall - first.wall;
    let cpu = last.cpu - first.cpu;
    let mut between: Vec<_> = laps
        .windows(2)
        .map(|pair| pair[1].wall - pair[0].wall)
        .collect();
    between.sort_unstable();
    println!(
        "{:>4} ms a read: {} cycles in {:>6.2} s, {:>8.3} ms of CPU: duty {:.3} %; between cycles {:.2} to {:.2} s",
        read.as_millis(),
        laps.len() - 1,
        wall.as_secs_f64(),
        cpu.as_secs_f64() * 1e3,
        cpu.as_secs_f64() / wall.as_secs_f64() * 100.0,
        between[0].as_secs_f64(),
        between[between.len() - 1].as_secs_f64(),
    );
}

fn cpu() -> Duration {
    now(ClockId::CLOCK_THREAD_CPUTIME_ID)
}

fn now(clock: ClockId) -> Duration {
    clock_gettime(clock).unwrap().into()
}
