//! What goes wrong in a world, and who does what in it.

use super::PEACE;
use crate::sim::api::kind::Kind;
use crate::sim::chance::Chance;
use crate::sim::world::{Cure, Deed, Forgery, Return, Task, Trouble, World};

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
    for number in 0..72 {
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
    let pause = chance.seconds(5, 400);
    let ahead = chance.of([-600_000, -30_000, 30_000, 600_000]);
    let person = Trouble::Person;
    match number % 36 {
        0 => Trouble::Silence {
            host,
            pause: chance.seconds(60, 7200),
        },
        1 => Trouble::Boots { host },
        2 => Trouble::HostClock { host, ahead },
        3 => Trouble::Lies { host },
        4 => Trouble::Kill { process },
        5 => Trouble::Freeze {
            process,
            pause: chance.seconds(5, 900),
        },
        6 => Trouble::Cut {
            process,
            pause: chance.seconds(5, 900),
        },
        7 => Trouble::Tell { process },
        8 => Trouble::Clock { process, ahead },
        9 => Trouble::Stall {
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
        10 => Trouble::ApiDown {
            pause: chance.seconds(5, 180),
        },
        11 => Trouble::Compact,
        12 => Trouble::Outbreak { pause },
        13 => person(Deed::Cordon { host }),
        14 => person(Deed::Uncordon { host }),
        15 => person(Deed::Pause {
            pause: chance.seconds(5, 7200),
        }),
        16 => person(Deed::Suspend {
            policy: chance.of(["cure", "roll", "patch"]).to_owned(),
            is_on: chance.happens(500),
        }),
        17 => person(Deed::DeletePolicy {
            policy: chance.of(["cure", "roll", "patch"]).to_owned(),
            pause,
        }),
        18 => person(Deed::Release { host }),
        19 => person(Deed::DeleteIncident { at: chance.any() }),
        20 => person(Deed::DeleteHealth { host }),
        21 => person(Deed::Rejoin { host }),
        22 => person(Deed::ScaleDown { host }),
        23 => Trouble::Mute {
            host,
            pause: chance.seconds(30, 1800),
        },
        24 => Trouble::Intruder { host },
        25 => Trouble::Breaks { host },
        26 => Trouble::Alert {
            pause: chance.seconds(60, 3600),
        },
        27 => Trouble::Unanswered {
            pause: chance.seconds(30, 1800),
        },
        28 => Trouble::Forged {
            host,
            how: chance.of([Forgery::Unsigned, Forgery::Anothers, Forgery::Old]),
        },
        29 => person(Deed::ByHand {
            host,
            remedy: chance.of(["drop", "reboot", "hold"]).to_owned(),
        }),
        30 => person(Deed::Skip {
            host,
            pause: chance.seconds(60, 7200),
        }),
        31 => person(Deed::Newer {
            policy: chance.of(["cure", "roll", "patch"]).to_owned(),
            pause,
        }),
        32 => Trouble::Blackout {
            pause: chance.seconds(1800, 7200),
        },
        34 => Trouble::Restarts { host },
        33 => Trouble::ZoneDown {
            zone: chance.of(["a", "b", "c"]).to_owned(),
            pause: chance.seconds(300, 3600),
        },
        _ => Trouble::Freeze {
            process,
            pause: chance.seconds(1, 30),
        },
    }
}
