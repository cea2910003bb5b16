//! Three processes race for one lease, and whatever befalls them, at no moment do
//! two of them lead. Each step is a part of one call: what stands between two steps
//! (a frozen process, a slow network, a lost answer) may take any time.

use std::time::Duration;

use jiff::Timestamp;
use proptest::prelude::*;

use super::lease::{Candidate, Decision, Record, Terms, released, renewal};

const TERMS: Terms = Terms {
    duration: Duration::from_secs(15),
    renew_deadline: Duration::from_secs(10),
    retry: Duration::from_secs(2),
};
const PROCESSES: usize = 3;

/// The API server: one lease with its version.
#[derive(Default)]
struct Server {
    version: u64,
    record: Option<Record>,
}

impl Server {
    fn swap(&mut self, based_on: u64, record: &Record) -> bool {
        let is_newest = self.version == based_on;
        if is_newest {
            self.version += 1;
            self.record = Some(record.clone());
        }
        is_newest
    }
}

/// What a process does at the moment.
#[derive(Clone)]
enum Doing {
    Nothing,
    /// The server has read; the answer is under way.
    Reading(u64, Option<Record>),
    /// The write is under way; since when, on the process's clock.
    Writing(u64, Record, Duration),
    /// The server has answered the write.
    Written(bool, Record, Duration),
}

struct Process {
    name: String,
    candidate: Candidate,
    /// Its clock runs this many thousandths fast, and began at another time.
    skew: (u64, Duration),
    doing: Doing,
    /// Until when it leads, on its own clock.
    until: Option<Duration>,
    /// Calls that it gave up and that may be carried out yet.
    stray: Vec<(u64, Record)>,
}

impl Process {
    fn new(number: usize, skew: (u64, Duration)) -> Self {
        let name = format!("process-{number}");
        Self {
            candidate: Candidate::new(name.clone(), TERMS),
            name,
            skew,
            doing: Doing::Nothing,
            until: None,
            stray: Vec::new(),
        }
    }

    fn clock(&self, time: Duration) -> Duration {
        let millis = u64::try_from(time.as_millis()).unwrap();
        self.skew.1 + Duration::from_millis(millis * self.skew.0 / 1000)
    }

    fn leads(&self, time: Duration) -> bool {
        self.until.is_some_and(|until| self.clock(time) < until)
    }

    /// Ends and starts anew, under another name.
    fn restart(&mut self, number: usize) {
        let (skew, stray) = (self.skew, std::mem::take(&mut self.stray));
        *self = Self::new(number, skew);
        self.stray = stray;
    }

    fn step(
        &mut self,
        server: &mut Server,
        time: Duration,
        wall: Timestamp,
        loses: bool,
        number: usize,
    ) {
        let now = self.clock(time);
        self.doing = match std::mem::replace(&mut self.doing, Doing::Nothing) {
            Doing::Nothing if self.until.is_some_and(|until| until <= now) => {
                // It ends: a new process takes its place.
                self.restart(number);
                Doing::Nothing
            }
            Doing::Nothing => Doing::Reading(server.version, server.record.clone()),
            Doing::Reading(..) if loses => Doing::Nothing,
            Doing::Reading(version, seen) => self.decide(version, seen.as_ref(), now, wall),
            Doing::Writing(version, record, _) if loses => {
                self.stray.push((version, record));
                Doing::Nothing
            }
            Doing::Writing(version, record, since) => {
                let taken = server.swap(version, &record);
                Doing::Written(taken, record, since)
            }
            Doing::Written(..) if loses => Doing::Nothing,
            Doing::Written(taken, record, since) => {
                let deadline = since + TERMS.renew_deadline;
                if taken && record.holder == self.name && now < deadline {
                    let is_over = self.until.is_some_and(|until| until <= now);
                    self.until = Some(deadline).filter(|_| !is_over);
                }
                Doing::Nothing
            }
        };
    }

    fn decide(
        &mut self,
        version: u64,
        seen: Option<&Record>,
        now: Duration,
        wall: Timestamp,
    ) -> Doing {
        let record = if self.until.is_some() {
            let Some(record) = renewal(&self.name, TERMS, seen, wall) else {
                self.until = Some(Duration::ZERO);
                return Doing::Nothing;
            };
            record
        } else {
            match self.candidate.decide(seen, now, wall) {
                Decision::Wait { .. } => return Doing::Nothing,
                Decision::Write(record) => record,
            }
        };
        Doing::Writing(version, record, now)
    }

    /// Gives the lease up, after the call at hand, and ends.
    fn give_up(&mut self, server: &mut Server, number: usize) {
        if !matches!(self.doing, Doing::Nothing) {
            return;
        }
        if self.until.is_some()
            && let Some(record) = released(&self.name, server.record.as_ref())
        {
            server.swap(server.version, &record);
        }
        self.restart(number);
    }
}

/// What happens next, and how much later.
#[derive(Debug, Clone)]
enum Event {
    Step {
        process: usize,
        loses: bool,
    },
    /// A call that was given up is carried out after all.
    Stray {
        process: usize,
    },
    Release {
        process: usize,
    },
    Kill {
        process: usize,
    },
}

fn event() -> impl Strategy<Value = Event> {
    let process = 0..PROCESSES;
    prop_oneof![
        90 => (process.clone(), prop::bool::weighted(0.05))
            .prop_map(|(process, loses)| Event::Step { process, loses }),
        5 => process.clone().prop_map(|process| Event::Stray { process }),
        1 => process.clone().prop_map(|process| Event::Release { process }),
        1 => process.prop_map(|process| Event::Kill { process }),
    ]
}

/// Most things follow each other closely; now and then somebody is frozen.
fn pause() -> impl Strategy<Value = u64> {
    prop_oneof![60 => 0..200_u64, 3 => 200..4_000_u64, 1 => 4_000..40_000_u64]
}

fn skew() -> impl Strategy<Value = (u64, Duration)> {
    // Clocks of machines run alike to some hundred millionths; this is far more.
    (950..=1_050_u64, 0..1_000_000_u64)
        .prop_map(|(speed, began)| (speed, Duration::from_secs(began)))
}

fn wall() -> impl Strategy<Value = Timestamp> {
    (0..4_000_000_000_i64).prop_map(|second| Timestamp::from_second(second).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]
    #[test]
    fn at_no_moment_do_two_lead(
        skews in prop::collection::vec(skew(), PROCESSES),
        events in prop::collection::vec((event(), pause(), wall()), 100..800),
    ) {
        let mut processes: Vec<Process> =
            skews.into_iter().enumerate().map(|(i, skew)| Process::new(i, skew)).collect();
        let mut server = Server::default();
        let mut time = Duration::ZERO;
        for (index, (event, pause, wall)) in events.into_iter().enumerate() {
            let number = PROCESSES + index;
            time += Duration::from_millis(pause);
            match event {
                Event::Step { process, loses } =>
                    processes[process].step(&mut server, time, wall, loses, number),
                Event::Stray { process } => {
                    if let Some((version, record)) = processes[process].stray.pop() {
                        server.swap(version, &record);
                    }
                }
                Event::Release { process } => processes[process].give_up(&mut server, number),
                Event::Kill { process } => processes[process].restart(number),
            }
            let leading = processes.iter().filter(|it| it.leads(time)).count();
            prop_assert!(leading <= 1, "{leading} lead at {time:?}");
        }
    }
}

#[test]
fn somebody_leads_when_nothing_goes_wrong_any_more() {
    let mut processes: Vec<Process> = (0..PROCESSES)
        .map(|i| Process::new(i, (1_000, Duration::ZERO)))
        .collect();
    let mut server = Server::default();
    let held = Record {
        holder: "long gone".to_owned(),
        ..Record::default()
    };
    server.swap(0, &held);
    let mut time = Duration::ZERO;
    let mut since = None;
    while time < Duration::from_secs(60) {
        time += Duration::from_millis(500);
        for process in &mut processes {
            process.step(&mut server, time, Timestamp::UNIX_EPOCH, false, 0);
        }
        let leading = processes.iter().filter(|it| it.leads(time)).count();
        match since {
            None if leading == 1 => since = Some(time),
            None => {}
            Some(_) => assert_eq!(leading, 1, "at {time:?}"),
        }
    }
    let since = since.unwrap();
    assert!(since < Duration::from_secs(20), "{since:?}");
}
