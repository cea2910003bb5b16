//! What goes wrong in a world, and who does what in it.

use super::PEACE;
use crate::sim::api::kind::Kind;
use crate::sim::chance::Chance;
use crate::sim::world::{Cure, Deed, Forgery, Return, Task, Trouble, World};

/// By how many milliseconds clocks are wrong.
const AHEAD: [i64; 4] = [-600_000, -30_000, 30_000, 600_000];
/// By how many milliseconds clocks go more wrong in five minutes.
const DRIFT: [i64; 4] = [-5_000, -200, 200, 5_000];

/// The troubles of a world, at any time until there is peace.
pub fn troubles(world: &mut World, chance: &mut Chance, names: &Vec<String>, replicas: usize) {
    // Most of it comes together: at a few moments, about a few nodes.
    let most = PEACE.as_secs() - 1800;
    let moments: Vec<u64> = (0..2 + chance.below(3))
        .map(|_| 240 + chance.below(most))
        .collect();
    let hot: Vec<String> = (0..3).filter_map(|_| chance.pick(names).cloned()).collect();
    let mut enter = |chance: &mut Chance, trouble: Trouble| {
        let moment = chance.pick(&moments).copied().unwrap_or(240);
        let at = if chance.happens(600) {
            chance.seconds(moment, moment + 900)
        } else {
            chance.seconds(240, most)
        };
        world.after(at, Task::Trouble(trouble));
    };
    let any = |chance: &mut Chance| {
        let from = if chance.happens(500) { &hot } else { names };
        chance.pick(from).cloned().unwrap_or_default()
    };
    for _ in 0..3 + chance.below(5) {
        let cure = chance.of([
            Cure::DropCaches,
            Cure::DropCaches,
            Cure::Reboot,
            Cure::Relapses,
            Cure::Nothing,
        ]);
        let pause = chance.seconds(60, 240);
        let comes_back = chance.of([
            Return::After(pause),
            Return::After(pause),
            Return::After(pause),
            Return::Hangs,
            Return::Never,
        ]);
        let host = any(chance);
        enter(
            chance,
            Trouble::Slow {
                host,
                cure,
                comes_back,
            },
        );
    }
    if chance.happens(500) {
        let kernel = "6.12.0-1-played".to_owned();
        enter(chance, Trouble::Person(Deed::NewKernel { kernel }));
    }
    if chance.happens(300) {
        enter(chance, Trouble::Person(Deed::Patch));
    }
    let share = chance.of([0, 150, 500]);
    for number in 0..92 {
        if !chance.happens(share) {
            continue;
        }
        let host = any(chance);
        let process = usize::try_from(chance.below(3)).unwrap_or_default() % replicas;
        let trouble = any_trouble(chance, number, host, process);
        enter(chance, trouble);
    }
    world.after(PEACE, Task::Trouble(Trouble::Peace));
}

/// One of every kind, and of some more.
fn any_trouble(chance: &mut Chance, number: u64, host: String, process: usize) -> Trouble {
    match number % 46 {
        at @ 0..13 => of_a_node(chance, at, host),
        at @ 13..31 => of_the_rest(chance, at - 13, process),
        at => Trouble::Person(of_people(chance, at - 31, host)),
    }
}

fn of_a_node(chance: &mut Chance, at: u64, host: String) -> Trouble {
    match at {
        0 => Trouble::Silence {
            host,
            pause: chance.seconds(60, 7200),
        },
        1 => Trouble::Boots { host },
        2 => Trouble::HostClock {
            host,
            ahead: chance.of(AHEAD),
        },
        3 => Trouble::Lies { host },
        4 => Trouble::Mute {
            host,
            pause: chance.seconds(30, 1800),
        },
        5 => Trouble::Intruder { host },
        6 => Trouble::Breaks { host },
        7 => Trouble::Forged {
            host,
            how: chance.of([Forgery::Unsigned, Forgery::Anothers, Forgery::Old]),
        },
        8 => Trouble::Restarts { host },
        9 => Trouble::HostDrift {
            host,
            by: chance.of(DRIFT),
        },
        10 => Trouble::LiesOfBoot { host },
        11 => Trouble::Blackout {
            pause: chance.seconds(1800, 7200),
        },
        _ => Trouble::ZoneDown {
            zone: chance.of(["a", "b", "c"]).to_owned(),
            pause: chance.seconds(300, 3600),
        },
    }
}

fn of_the_rest(chance: &mut Chance, at: u64, process: usize) -> Trouble {
    let pause = chance.seconds(5, 400);
    match at {
        0 => Trouble::Kill { process },
        1 => Trouble::Freeze {
            process,
            pause: chance.seconds(5, 900),
        },
        2 => Trouble::Cut {
            process,
            pause: chance.seconds(5, 900),
        },
        3 => Trouble::Tell { process },
        4 => Trouble::Clock {
            process,
            ahead: chance.of(AHEAD),
        },
        5 | 6 => Trouble::Stall {
            process,
            kind: chance.of([
                Kind::Node,
                Kind::Health,
                Kind::Policy,
                Kind::Remediation,
                Kind::Ledger,
                Kind::Pod,
            ]),
            pause,
        },
        7 => Trouble::ApiDown {
            pause: chance.seconds(5, 180),
        },
        8 => Trouble::Compact,
        9 => Trouble::Outbreak {
            pause: chance.seconds(60, 5400),
        },
        10 => Trouble::Alert {
            pause: chance.seconds(60, 3600),
        },
        11 => Trouble::Unanswered {
            pause: chance.seconds(30, 1800),
        },
        12 => Trouble::NoImages {
            pause: chance.seconds(60, 3600),
        },
        13 => Trouble::Drift {
            process,
            by: chance.of(DRIFT),
        },
        14 => Trouble::ClockStops { process },
        15 => Trouble::Conflicts {
            pause: chance.seconds(5, 300),
        },
        16 => Trouble::Denies {
            kind: chance.of([Kind::Node, Kind::Health, Kind::Remediation, Kind::Ledger]),
            pause: chance.seconds(5, 1800),
        },
        _ => Trouble::Freeze {
            process,
            pause: chance.seconds(1, 30),
        },
    }
}

fn of_people(chance: &mut Chance, at: u64, host: String) -> Deed {
    let policy = chance.of(["cure", "roll", "patch"]).to_owned();
    let pause = chance.seconds(5, 400);
    match at {
        0 => Deed::Cordon { host },
        1 => Deed::Uncordon { host },
        2 => Deed::Pause {
            pause: chance.seconds(5, 7200),
        },
        3 => Deed::Suspend {
            policy,
            is_on: chance.happens(500),
        },
        4 => Deed::DeletePolicy { policy, pause },
        5 => Deed::Newer { policy, pause },
        6 => Deed::Release { host },
        7 => Deed::DeleteIncident { at: chance.any() },
        8 => Deed::DeleteHealth { host },
        9 => Deed::Rejoin { host },
        10 => Deed::ScaleDown { host },
        11 => Deed::ByHand {
            host,
            remedy: chance.of(["drop", "reboot", "hold"]).to_owned(),
        },
        12 => Deed::Resume,
        13 => Deed::AllowStorm {
            pause: chance.seconds(60, 7200),
        },
        _ => Deed::Skip {
            host,
            pause: chance.seconds(60, 7200),
        },
    }
}
