//! What every misfortune needs: a sick node whose drain is held up as long as the
//! case wants, and the node well again afterwards.

use std::cell::Cell;

use serde_json::Value;
use unstall_integration::product::{NAMESPACE, left_on, list, text};
use unstall_integration::testing::real;
use unstall_integration::vm::VmNode;
use unstall_integration::vm_fleet::{Bed, Pages, Workload, make_zombies, node, remediation};

/// The node that falls ill.
pub const SICK: &str = "node-3";
const ZOMBIES: u32 = 2_000;
/// Its budget allows nothing until it is told to.
const ANCHOR: Workload = Workload {
    name: "anchor",
    replicas: 1,
    node: Some(SICK),
    min_available: 1,
};

pub struct Luck<'a> {
    pub bed: &'a Bed,
    name: &'a str,
    is_held: Cell<bool>,
}

impl<'a> Luck<'a> {
    pub fn new(bed: &'a Bed, name: &'a str) -> Self {
        Self {
            bed,
            name,
            is_held: Cell::new(false),
        }
    }

    /// The sick node's machine.
    pub fn sick(&self) -> &VmNode {
        self.bed.node(SICK)
    }

    /// Lets the node fall ill; gives the incident's name.
    pub fn strike(&self) -> String {
        // Whatever the last case left to be done is over before anything may begin.
        self.bed.until_clear(SICK);
        self.suspend(false);
        let before = self.newest();
        make_zombies(self.sick(), ZOMBIES, Pages::OfMemory).unwrap();
        let objects = self.bed.until("an incident that has begun", |objects| {
            let newest = remediation(objects, SICK);
            let phase = newest.and_then(|it| text(it, "/status/phase"));
            name_of(objects).is_some_and(|name| Some(name) != before.as_deref())
                && phase.is_some_and(|phase| phase != "Pending")
        });
        // This one goes on; no other begins when it has ended.
        self.suspend(true);
        name_of(&objects).unwrap().to_owned()
    }

    /// The same, with a drain that a budget holds up.
    pub fn strike_held_up(&self) -> String {
        ANCHOR.deploy(self.bed.fleet()).unwrap();
        self.is_held.set(true);
        let incident = self.strike();
        self.bed.until_blocked(SICK, "PodDisruptionBudget");
        incident
    }

    /// Moves the controllers to the other nodes, whose clocks are theirs then.
    pub fn without_controllers(&self) {
        self.bed.kubectl(&["cordon", SICK]);
        let here = format!("--field-selector=spec.nodeName={SICK}");
        let own = "-lapp.kubernetes.io/component=controller";
        self.bed
            .kubectl(&["delete", "pod", "-n", NAMESPACE, own, &here]);
        let rollout = [
            "rollout",
            "status",
            "-n",
            NAMESPACE,
            "deployment/unstall-controller",
        ];
        self.bed
            .kubectl(&[&rollout[..], &["--timeout=180s"]].concat());
        self.bed.kubectl(&["uncordon", SICK]);
    }

    /// Lets the drain go on.
    pub fn let_go(&self) {
        ANCHOR.allow(self.bed.fleet(), 0).unwrap();
    }

    /// Waits for the incident's end, which must be this one; gives it.
    pub fn ends_as(&self, incident: &str, outcome: &str) -> Value {
        let of = |objects: &[Value]| {
            let named = |it: &&Value| text(it, "/metadata/name") == Some(incident);
            let found = objects.iter().find(named)?;
            text(found, "/status/outcome")
                .is_some()
                .then(|| found.clone())
        };
        let objects = self
            .bed
            .until("the incident to end", |objects| of(objects).is_some());
        let ended = of(&objects).unwrap();
        let message = text(&ended, "/status/message").unwrap_or_default();
        real(&format!(
            "bad luck, {}: {}: {message}",
            self.name,
            text(&ended, "/status/outcome").unwrap()
        ));
        println!("{} {message}", text(&ended, "/status/outcome").unwrap());
        assert_eq!(text(&ended, "/status/outcome"), Some(outcome), "{ended:#}");
        ended
    }

    /// The node is well and given back: what made it ill goes, unless a reboot has
    /// taken it away.
    pub fn mend(&self) {
        self.cure();
        if self.is_held.get() {
            ANCHOR.remove(self.bed.fleet()).unwrap();
        }
        self.bed.until_given_back(SICK);
        self.nothing_left();
    }

    /// What made it ill goes.
    fn cure(&self) {
        self.sick().check("rm -f /dev/shm/zombies.*").unwrap();
        self.bed.until_clear(SICK);
    }

    /// A human looks after the node, and gives it back.
    pub fn release(&self) {
        self.cure();
        let patch = format!(r#"[{{"op":"add","path":"/spec/release","value":["{SICK}"]}}]"#);
        self.bed
            .kubectl(&["patch", "dl", "cluster", "--type=json", "-p", &patch]);
        self.bed.until_given_back(SICK);
    }

    fn nothing_left(&self) {
        let objects = self.bed.until("nothing of ours on the node", |objects| {
            node(objects, SICK).is_some_and(|it| left_on(it).is_empty())
        });
        let of_ledger = |it: &&Value| text(it, "/kind") == Some("DisruptionLedger");
        let ledger = objects.iter().find(of_ledger).unwrap();
        assert_eq!(list(ledger, "/status/slots").len(), 0, "{ledger:#}");
    }

    fn suspend(&self, is_suspended: bool) {
        let patch = format!(r#"{{"spec":{{"suspend":{is_suspended}}}}}"#);
        let policy = ["patch", "nhp", "memcg-stalls", "--type=merge", "-p", &patch];
        self.bed.kubectl(&policy);
    }

    fn newest(&self) -> Option<String> {
        name_of(&self.bed.now()).map(str::to_owned)
    }
}

fn name_of(objects: &[Value]) -> Option<&str> {
    text(remediation(objects, SICK)?, "/metadata/name")
}
