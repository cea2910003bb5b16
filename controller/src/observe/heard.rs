//! When each probe was heard last, by this process's own clock.

use std::collections::BTreeMap;

use jiff::Timestamp;
use kube::ResourceExt;
use unstall_crds::health::NodeHealth;

/// The last heartbeat of each probe and when it was first seen here. After a
/// start everything counts as heard just now: silence is then noticed three
/// report intervals later, and no healthy node is taken for a silent one.
#[derive(Debug, Default)]
pub struct Heard {
    seen: BTreeMap<String, (Timestamp, Timestamp)>,
}

impl Heard {
    /// Takes in what the probes say at `now`.
    pub fn update<'a>(&mut self, now: Timestamp, healths: impl Iterator<Item = &'a NodeHealth>) {
        let mut next = BTreeMap::new();
        for health in healths {
            let Some(beat) = health.status.as_ref().and_then(|s| s.heartbeat.as_ref()) else {
                continue;
            };
            let name = health.name_any();
            let seen = match self.seen.get(&name) {
                Some((known, at)) if *known == beat.0 => *at,
                _ => now,
            };
            next.insert(name, (beat.0, seen));
        }
        self.seen = next;
    }

    /// When each was heard.
    #[must_use]
    pub fn times(&self) -> BTreeMap<String, Timestamp> {
        self.seen
            .iter()
            .map(|(name, (_, at))| (name.clone(), *at))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    use serde_json::json;

    fn health(beat: i64) -> NodeHealth {
        let mut health: NodeHealth = serde_json::from_value(json!({
            "apiVersion": "unstall.dev/v1alpha1", "kind": "NodeHealth",
            "metadata": {"name": "n"}, "spec": {"nodeUID": "u"}, "status": {},
        }))
        .unwrap();
        health.status.as_mut().unwrap().heartbeat = Some(Time(at(beat)));
        health
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_wrong_clock_on_the_node_is_heard_all_the_same() {
        let mut heard = Heard::default();
        heard.update(at(1000), [health(5)].iter());
        heard.update(at(1010), [health(5)].iter());
        assert_eq!(heard.times()["n"], at(1000), "nothing new was said");
        heard.update(at(1020), [health(4)].iter());
        assert_eq!(
            heard.times()["n"],
            at(1020),
            "it spoke, whatever its clock says"
        );
        heard.update(at(1030), [].iter());
        assert!(heard.times().is_empty());
    }
}
