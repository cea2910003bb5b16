//! When each probe was heard last, by this process's own clock.

use std::collections::BTreeMap;

use jiff::Timestamp;
use kube::ResourceExt;
use unstall_crds::health::NodeHealth;

/// The last heartbeat of each probe and when it was first seen here. What is
/// seen first, after a start, may be old: then the probe's own clock says when
/// it was. Where that runs behind, its node counts as silent until it reports
/// again, and nothing is done to it meanwhile.
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
                Some(_) => now,
                None => now.min(beat.0),
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
    fn what_was_said_before_our_start_is_as_old_as_it_says() {
        let mut heard = Heard::default();
        heard.update(at(1000), [health(400)].iter());
        assert_eq!(heard.times()["n"], at(400));
        heard.update(at(1010), [health(1009)].iter());
        assert_eq!(heard.times()["n"], at(1010));
    }

    #[test]
    fn a_wrong_clock_on_the_node_is_heard_all_the_same() {
        let mut heard = Heard::default();
        heard.update(at(1000), [health(5000)].iter());
        heard.update(at(1010), [health(5000)].iter());
        assert_eq!(heard.times()["n"], at(1000), "nothing new was said");
        heard.update(at(1015), [health(5)].iter());
        assert_eq!(heard.times()["n"], at(1015), "it spoke");
        heard.update(at(1020), [health(4)].iter());
        assert_eq!(heard.times()["n"], at(1020), "it spoke again");
        heard.update(at(1030), [health(3)].iter());
        assert_eq!(heard.times()["n"], at(1030), "whatever its clock says");
        heard.update(at(1040), [].iter());
        assert!(heard.times().is_empty());
    }
}
