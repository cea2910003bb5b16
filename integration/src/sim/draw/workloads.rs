//! What runs on the nodes, and what guards it.

use std::time::Duration;

use crate::sim::chance::Chance;
use crate::sim::world::{Ties, Workload};

/// The controller's own pods, and a few workloads of others.
pub fn workloads(chance: &mut Chance, own: usize) -> Vec<Workload> {
    let mut all = vec![Workload {
        name: "unstall-controller".to_owned(),
        namespace: "unstall-system".to_owned(),
        replicas: own,
        min_available: Some(1),
        is_ours: true,
        huddles: chance.happens(150),
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
            has_two_budgets: chance.happens(40),
            ends_after: chance.of([
                Duration::ZERO,
                Duration::from_secs(25),
                Duration::from_secs(300),
            ]),
            is_stuck: chance.happens(60),
            ties: match chance.below(20) {
                0 => Ties::EmptyDir,
                1 => Ties::Bare,
                2 => Ties::Precious,
                _ => Ties::None,
            },
            is_denied: chance.happens(40),
            ..Workload::default()
        });
    }
    all
}
