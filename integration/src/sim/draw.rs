//! A world of a seed: its shape, its policies, its troubles.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use node_probe::actuator::keys::{KeySet, PublicKey};
use serde_json::{Value, json};
use unstall_controller::Looks;
use unstall_controller::keys::Signer;
use unstall_controller::lead::lease::Terms;

use super::api::kind::Kind;
use super::chance::Chance;
use super::law::Law;
use super::world::{
    Cure, Deed, Faults, Host, Parts, Process, Return, Settings, Sim, Task, Trouble, Workload,
};

/// How long a world lasts,
pub const LASTS: Duration = Duration::from_hours(12);
/// and until when things go wrong in it.
pub const PEACE: Duration = Duration::from_hours(8);

/// What stands before the 32 bytes of an Ed25519 key in its PKCS#8 (RFC 8410, section 7).
const PKCS8_PREFIX: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

/// Makes the world of `seed`.
///
/// # Errors
/// When no key can be made.
pub fn draw(seed: u64, is_loud: bool) -> anyhow::Result<Arc<Sim>> {
    let mut chance = Chance::new(seed);
    let signing_key = signing_key();
    let public = Signer::from_pem(&signing_key)?.public_pem();
    let key = PublicKey::parse(&public).map_err(|error| anyhow::anyhow!("{error}"))?;
    let replicas = 2 + usize::from(chance.happens(200));
    let kernel = "6.1.0-40-played";
    let sim = Sim::new(Parts {
        settings: settings(&mut chance, signing_key),
        faults: Faults::draw(&mut chance),
        law: Law::of(kernel),
        keys: KeySet {
            keys: vec![key],
            problems: Vec::new(),
        },
        processes: (0..replicas)
            .map(|number| Process::new(&format!("ctrl-{number}")))
            .collect(),
        workloads: workloads(&mut chance, replicas),
        chance: chance.fork(),
    });
    sim.with(|world| {
        world.trace.is_loud = is_loud;
        let nodes = 12 + chance.below(13);
        let names: Vec<String> = (1..=nodes).map(|number| format!("n{number:02}")).collect();
        for (number, name) in names.iter().enumerate() {
            let zone = ["a", "b", "c"][number % 3];
            let mut host = Host::new(name, zone, kernel);
            host.is_control_plane = number < 3;
            world.join(host);
        }
        world.deploy();
        for policy in policies(&mut chance) {
            world.apply(policy);
        }
        troubles(world, &mut chance, &names, replicas);
        let mut look = Duration::from_mins(10);
        while look < LASTS {
            world.after(look, Task::Look);
            look += Duration::from_mins(10);
        }
    });
    Ok(sim)
}

fn signing_key() -> String {
    let mut der = PKCS8_PREFIX.to_vec();
    der.extend([7_u8; 32]);
    let text = STANDARD.encode(der);
    format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n")
}

fn settings(chance: &mut Chance, signing_key: String) -> Settings {
    let seconds = Duration::from_secs;
    let (duration, renew_deadline, retry) =
        chance.of([(60, 40, 10), (120, 80, 20), (300, 200, 60)]);
    Settings {
        signing_key,
        terms: Terms {
            duration: seconds(duration),
            renew_deadline: seconds(renew_deadline),
            retry: seconds(retry),
        },
        looks: Looks {
            at_work: seconds(chance.of([2, 5])),
            at_rest: seconds(chance.of([30, 60, 120])),
        },
    }
}

fn workloads(chance: &mut Chance, own: usize) -> Vec<Workload> {
    let mut all = vec![Workload {
        name: "unstall-controller".to_owned(),
        namespace: "unstall-system".to_owned(),
        replicas: own,
        min_available: Some(1),
        is_ours: true,
        ..Workload::default()
    }];
    for number in 0..1 + chance.below(3) {
        let replicas = 3 + chance.below(12);
        let kept = replicas - chance.of([0, 1, 1, 2]);
        all.push(Workload {
            name: format!("web-{number}"),
            namespace: "default".to_owned(),
            replicas: usize::try_from(replicas).unwrap_or(3),
            min_available: chance
                .happens(700)
                .then(|| i64::try_from(kept).unwrap_or_default()),
            ends_after: chance.of([
                Duration::ZERO,
                Duration::from_secs(25),
                Duration::from_secs(300),
            ]),
            is_stuck: chance.happens(60),
            ..Workload::default()
        });
    }
    all
}

fn policies(chance: &mut Chance) -> Vec<Value> {
    let disruption = |chance: &mut Chance| {
        json!({
            "maxUnavailable": chance.pick(&[json!(1), json!(2), json!("20%")]),
            "stopWhenUnhealthy": chance.of(["20%", "40%", "100%"]),
            "pauseBetween": chance.of(["0s", "2m"]),
            "cooldownPerNode": chance.of(["0s", "10m", "1h"]),
            "maxRebootsPerNodePer24h": chance.of([1, 2, 6]),
            "perTopology": [{"key": "topology.kubernetes.io/zone", "maxUnavailable": 1}],
        })
    };
    let ladder = chance.of([
        &["drop", "reboot"][..],
        &["reboot"],
        &["drop"],
        &["drop", "hold"],
    ]);
    let zones = chance.of([&["a", "b", "c"][..], &["a", "b", "c"], &["a", "b"]]);
    let cure = json!({
        "metadata": {"name": "cure"},
        "spec": {
            "mode": chance.of(["Enforce", "Enforce", "Enforce", "Observe"]),
            "nodeSelector": {"matchExpressions": [
                {"key": "topology.kubernetes.io/zone", "operator": "In", "values": zones},
            ]},
            "triggers": [{
                "name": "slow", "remedies": ladder,
                "signal": {"name": "MemoryStatReadCPU", "above": "100ms", "clearBelow": "20ms", "for": "1m"},
            }],
            "remedies": [
                {"name": "drop", "dropCaches": {}, "settle": "30s"},
                {"name": "reboot", "reboot": {"timeout": "10m"}, "settle": "30s"},
                {"name": "hold", "cordon": {}, "settle": "30s"},
            ],
            "drain": {
                "timeout": chance.of(["5m", "15m", "1h"]),
                "onTimeout": chance.of(["Abort", "Abort", "Proceed"]),
            },
            "disruption": disruption(chance),
            "afterFailure": chance.of(["KeepCordoned", "Uncordon"]),
            "soak": {"for": chance.of(["1m", "5m"]), "timeout": "30m"},
        },
    });
    let roll = json!({
        "metadata": {"name": "roll"},
        "spec": {
            "mode": "Enforce",
            "nodeSelector": {"matchLabels": {"kubernetes.io/os": "linux"}},
            "triggers": [{"name": "kernel", "remedies": ["reboot"], "kernel": {"atLeast": "6.1.0-40"}}],
            "remedies": [{"name": "reboot", "reboot": {"timeout": "10m"}, "settle": "30s"}],
            "drain": {"timeout": "15m"},
            "disruption": disruption(chance),
            "soak": {"for": "1m", "timeout": "30m"},
            "rollout": {"canaries": chance.of([0, 1, 2]), "bake": chance.of(["5m", "30m"])},
        },
    });
    let mut all = vec![cure];
    if chance.happens(500) {
        all.push(roll);
    }
    all
}

/// The troubles of a world, at any time until there is peace.
fn troubles(
    world: &mut super::world::World,
    chance: &mut Chance,
    names: &[String],
    replicas: usize,
) {
    let mut enter = |chance: &mut Chance, trouble: Trouble| {
        let at = chance.seconds(240, PEACE.as_secs() - 600);
        world.after(at, Task::Trouble(trouble));
    };
    let any = |chance: &mut Chance| chance.pick(names).cloned().unwrap_or_default();
    for _ in 0..3 + chance.below(5) {
        let cure = chance.of([
            Cure::DropCaches,
            Cure::DropCaches,
            Cure::Reboot,
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
    if chance.happens(400) {
        let kernel = "6.12.0-1-played".to_owned();
        enter(chance, Trouble::Person(Deed::NewKernel { kernel }));
    }
    let share = chance.of([0, 150, 500]);
    for number in 0..40 {
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
    match number % 26 {
        0 => Trouble::Silence {
            host,
            pause: chance.seconds(60, 7200),
        },
        1 => Trouble::Boots { host },
        2 => Trouble::HostClock { host, ahead },
        3 => Trouble::Lies { host },
        4 => Trouble::Kill { process },
        5 => Trouble::Freeze { process, pause },
        6 => Trouble::Cut { process, pause },
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
        15 => person(Deed::Pause { pause }),
        16 => person(Deed::Suspend {
            policy: "cure".to_owned(),
            is_on: chance.happens(500),
        }),
        17 => person(Deed::DeletePolicy {
            policy: chance.of(["cure", "roll"]).to_owned(),
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
        _ => Trouble::Freeze {
            process,
            pause: chance.seconds(1, 30),
        },
    }
}
