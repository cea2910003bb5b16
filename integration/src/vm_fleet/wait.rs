//! Waiting for what the API server tells, and reading it.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use serde_json::Value;

use super::fleet::Fleet;
use crate::product::{NAMESPACE, text};

const LOOK_EVERY: Duration = Duration::from_millis(500);
const KINDS: [&str; 5] = [
    "nodes",
    "nodehealthpolicies",
    "nodehealths",
    "noderemediations",
    "disruptionledgers",
];

/// Waits on one fleet for what must come within a time.
#[derive(Clone, Copy, Debug)]
pub struct Until<'a> {
    /// Whose objects.
    pub fleet: &'a Fleet,
    /// How long.
    pub limit: Duration,
}

impl Until<'_> {
    /// The nodes and the product's objects, once `reached` says so of them. An
    /// API server that does not answer is asked again.
    ///
    /// # Errors
    /// When that does not come in time; the message holds all of them, and what
    /// the product's pods logged last.
    pub fn see(&self, what: &str, mut reached: impl FnMut(&[Value]) -> bool) -> Result<Vec<Value>> {
        let until = Instant::now() + self.limit;
        let mut last = Vec::new();
        loop {
            if let Ok(objects) = objects(self.fleet) {
                if reached(&objects) {
                    return Ok(objects);
                }
                last = objects;
            }
            if Instant::now() > until {
                let shown: String = last.iter().map(|object| format!("{object}\n")).collect();
                bail!(
                    "{what}: not within {:?}\n{shown}\n{}",
                    self.limit,
                    self.logs()
                );
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// What the product's pods logged last, read on the nodes themselves: no
    /// machine lets anybody in.
    fn logs(&self) -> String {
        let script = format!(
            "for log in /var/log/pods/{NAMESPACE}_*/*/*.log; do echo \"--- $log\"; tail -n 25 \"$log\"; done"
        );
        let of = |node: &crate::vm::VmNode| match node.run(&script) {
            Ok(ran) => format!("=== {}\n{}", node.name(), ran.stdout),
            Err(error) => format!("=== {}: {error:#}\n", node.name()),
        };
        self.fleet.nodes().iter().map(of).collect()
    }
}

/// The nodes and the product's objects.
///
/// # Errors
/// When the API server does not tell.
pub fn objects(fleet: &Fleet) -> Result<Vec<Value>> {
    fleet.cluster().reader()?.list(&KINDS)
}

/// The Node called `name`.
#[must_use]
pub fn node<'a>(objects: &'a [Value], name: &str) -> Option<&'a Value> {
    objects
        .iter()
        .find(|it| text(it, "/kind") == Some("Node") && text(it, "/metadata/name") == Some(name))
}

/// The newest incident of the node called `name`.
#[must_use]
pub fn remediation<'a>(objects: &'a [Value], name: &str) -> Option<&'a Value> {
    objects
        .iter()
        .filter(|it| text(it, "/kind") == Some("NodeRemediation"))
        .filter(|it| text(it, "/spec/nodeName") == Some(name))
        .max_by_key(|it| text(it, "/metadata/creationTimestamp").map(str::to_owned))
}
