//! The shape of a world.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use node_probe::actuator::keys::{KeySet, PublicKey};
use unstall_controller::Looks;
use unstall_controller::keys::Signer;
use unstall_controller::lead::lease::Terms;

use super::policies::policies;
use super::troubles::troubles;
use super::workloads::workloads;
use crate::sim::Telling;
use crate::sim::chance::Chance;
use crate::sim::law::Law;
use crate::sim::world::{Faults, Host, Others, Parts, Process, Settings, Sim, Task};

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
pub fn draw(seed: u64, telling: Telling) -> anyhow::Result<Arc<Sim>> {
    let mut chance = Chance::new(seed);
    let signing_key = signing_key();
    let public = Signer::from_pem(&signing_key)?.public_pem();
    let key = PublicKey::parse(&public).map_err(|error| anyhow::anyhow!("{error}"))?;
    let replicas = chance.of([1, 2, 2, 2, 2, 2, 2, 2, 3, 3]);
    let kernel = "6.1.0-40-played";
    let sim = Sim::new(Parts {
        settings: settings(&mut chance, signing_key),
        faults: Faults::draw(&mut chance),
        law: Law::of(kernel),
        others: Others::draw(&mut chance),
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
        world.trace.telling = telling;
        let unable = chance.of([0, 0, 0, 100]);
        // Few of many nodes: what is found needs three zones, and every node costs.
        let more = if chance.happens(125) { 13 } else { 4 };
        let nodes = 12 + chance.below(more);
        let names: Vec<String> = (1..=nodes).map(|number| format!("n{number:02}")).collect();
        for (number, name) in names.iter().enumerate() {
            let zone = ["a", "b", "c"][number % 3];
            let mut host = Host::new(name, zone, kernel);
            host.is_control_plane = number < 3;
            host.reboots = !chance.happens(unable);
            world.join(host);
        }
        world.deploy();
        world.add_template();
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
    // No longer than the command line takes: others do not believe in what lasts more. Most
    // last so long, for nothing else is asked for as often.
    let short = chance.happens(100);
    let (duration, renew_deadline, retry) = if short { (60, 40, 10) } else { (300, 200, 90) };
    Settings {
        signing_key,
        terms: Terms {
            duration: seconds(duration),
            renew_deadline: seconds(renew_deadline),
            retry: seconds(retry),
        },
        // Three that are missed are silence.
        pace_of_probes: chance.of([100, 200, 280]),
        looks: Looks {
            at_work: seconds(chance.of([5, 10, 15, 20])),
            at_rest: seconds(chance.of([120, 300, 300])),
        },
    }
}
