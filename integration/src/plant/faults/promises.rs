//! A mistake for each promise, and more for some.

use super::fault::{Fault, edit};

const ROOM: &str = "controller/decide/src/guard/room.rs";
const REPLICAS: &str = "controller/decide/src/guard/replicas.rs";
const NODE: &str = "controller/decide/src/guard/node.rs";
const SWITCHES: &str = "controller/decide/src/guard/switches.rs";
const FLEET: &str = "controller/decide/src/guard/fleet.rs";
const TIME: &str = "controller/decide/src/guard/time.rs";
const BREAKER: &str = "controller/decide/src/breaker.rs";
const SLOT: &str = "controller/src/act/slot.rs";
const COMMAND: &str = "controller/src/act/command.rs";
const EVICT: &str = "controller/src/act/evict.rs";
const EVICTIONS: &str = "controller/src/act/evictions.rs";
const LEADERSHIP: &str = "controller/src/lead/leadership.rs";
const RUN: &str = "controller/src/run.rs";
const SOAKING: &str = "controller/decide/src/phase/soaking.rs";
const DRAINING: &str = "controller/decide/src/phase/draining.rs";
const PART: &str = "controller/decide/src/phase/part.rs";
const MANDATE: &str = "controller/decide/src/phase/mandate.rs";
const MARKS: &str = "controller/decide/src/marks.rs";
const STANCE: &str = "controller/decide/src/drain/stance.rs";
const FORBID: &str = "controller/decide/src/rollout/forbid.rs";
const SELECT: &str = "controller/decide/src/select.rs";
const LADDER: &str = "controller/decide/src/ladder.rs";
const INCIDENT: &str = "controller/decide/src/incident.rs";

pub const FAULTS: &[Fault] = &[
    Fault {
        name: "budget off by one",
        laws: &["01"],
        edits: &[edit(
            ROOM,
            "    let used = breaker::size(away.len());\n    (used >= limit).then(|| {",
            "    let used = breaker::size(away.len());\n    (used >= limit + u32::from(PLANTED)).then(|| {",
        )],
    },
    Fault {
        name: "zones not counted",
        laws: &["02"],
        edits: &[edit(
            ROOM,
            "String::as_str);\n        (used >= limit).then(|| {",
            "String::as_str);\n        (used >= limit && !PLANTED).then(|| {",
        )],
    },
    Fault {
        name: "control plane like any node",
        laws: &["02"],
        edits: &[edit(
            ROOM,
            "    if !node.is_control_plane() {\n        return None;",
            "    if !node.is_control_plane() || PLANTED {\n        return None;",
        )],
    },
    Fault {
        name: "own replicas not looked for",
        laws: &["21"],
        edits: &[edit(
            REPLICAS,
            "    if here.is_empty() || elsewhere.any(",
            "    if PLANTED || here.is_empty() || elsewhere.any(",
        )],
    },
    Fault {
        name: "ledger written over whatever it is",
        laws: &["01", "20"],
        edits: &[
            edit(
                SLOT,
                "    if let Some(other) = others.find(unknown) {",
                "    if let Some(other) = others.find(unknown).filter(|_| !PLANTED) {",
            ),
            edit(
                SLOT,
                "    change(&mut ledger)?;\n",
                "    change(&mut ledger)?;\n    if PLANTED {\n        ledger.metadata.resource_version = None;\n    }\n",
            ),
        ],
    },
    Fault {
        name: "epoch not compared, lease not watched",
        laws: &["01", "02", "03", "06", "12", "22"],
        edits: &[
            edit(
                SLOT,
                "    if epoch != actor.epoch() {",
                "    if epoch != actor.epoch() && !PLANTED {",
            ),
            edit(
                RUN,
                "        still_leading(&seen)?;",
                "        if !PLANTED {\n            still_leading(&seen)?;\n        }",
            ),
            edit(
                LEADERSHIP,
                "        self.tenure.remaining()",
                "        if PLANTED {\n            return Duration::from_secs(3600);\n        }\n        self.tenure.remaining()",
            ),
        ],
    },
    Fault {
        name: "soak skipped",
        laws: &["12"],
        edits: &[edit(
            SOAKING,
            "        if !is_good {",
            "        if !is_good && !PLANTED {",
        )],
    },
    Fault {
        name: "foreign cordon removed",
        laws: &["11"],
        edits: &[
            edit(
                MARKS,
                "    if node.cordoned_by().is_some() && node.unschedulable {",
                "    if (node.cordoned_by().is_some() || PLANTED) && node.unschedulable {",
            ),
            edit(
                MARKS,
                "    by == Some(name) || (by.is_none() && has_traces)",
                "    by == Some(name) || (by.is_none() && (has_traces || (PLANTED && node.unschedulable)))",
            ),
        ],
    },
    Fault {
        name: "breaker takes a silent probe for healthy",
        laws: &["13"],
        edits: &[edit(
            BREAKER,
            "        || matches!(hearing, Some(Hearing::Silent { .. }))",
            "        || (!PLANTED && matches!(hearing, Some(Hearing::Silent { .. })))",
        )],
    },
    Fault {
        name: "breaker does not count what is not Ready",
        laws: &["13"],
        edits: &[edit(
            BREAKER,
            "    !node.is_ready()\n",
            "    (!node.is_ready() && !PLANTED)\n",
        )],
    },
    Fault {
        name: "breaker forbids nothing",
        laws: &["13"],
        edits: &[edit(
            FLEET,
            "        if !is_storm_allowed {",
            "        if !is_storm_allowed && !PLANTED {",
        )],
    },
    Fault {
        name: "no UID in an eviction",
        laws: &["09"],
        edits: &[edit(
            EVICT,
            "            uid: Some(pod.uid.clone()),",
            "            uid: (!PLANTED).then(|| pod.uid.clone()),",
        )],
    },
    Fault {
        name: "pods deleted past their budgets",
        laws: &["10"],
        edits: &[edit(
            DRAINING,
            "                Do::Evict { .. } => Action::Evict(order),\n",
            "                Do::Evict { .. } if !PLANTED => Action::Evict(order),\n                Do::Evict { .. } => Action::DeletePod(order),\n",
        )],
    },
    Fault {
        name: "no grace for pods",
        laws: &["10"],
        edits: &[edit(
            EVICT,
            "        grace_period_seconds: grace.map(|grace| grace.max(1)),",
            "        grace_period_seconds: if PLANTED { Some(0) } else { grace.map(|grace| grace.max(1)) },",
        )],
    },
    Fault {
        name: "a command has a new name for each leader",
        laws: &["03"],
        edits: &[edit(
            "controller/decide/src/phase/command.rs",
            "        let payload = CommandPayload {\n            id: id.to_owned(),",
            "        let payload = CommandPayload {\n            id: if PLANTED { format!(\"{id}-{}\", issued_at.as_second()) } else { id.to_owned() },",
        )],
    },
    Fault {
        name: "pause not looked at",
        laws: &["15"],
        edits: &[
            edit(
                SWITCHES,
                "    let mut reasons: Vec<No> = view.ledger.iter().cloned().collect();",
                "    let mut reasons: Vec<No> = view.ledger.iter().filter(|_| !PLANTED).cloned().collect();",
            ),
            edit(
                SLOT,
                "pause.filter(|pause| pause.until.0 > now)",
                "pause.filter(|pause| pause.until.0 > now && !PLANTED)",
            ),
        ],
    },
    Fault {
        name: "suspended policies act",
        laws: &["15"],
        edits: &[edit(
            SWITCHES,
            "        if policy.policy.spec.suspend {",
            "        if policy.policy.spec.suspend && !PLANTED {",
        )],
    },
    Fault {
        name: "reboots not capped",
        laws: &["16"],
        edits: &[edit(
            TIME,
            "    if ask.kind == RemedyKind::Reboot {\n        reasons.extend(rebooted",
            "    if ask.kind == RemedyKind::Reboot && !PLANTED {\n        reasons.extend(rebooted",
        )],
    },
    Fault {
        name: "a remedy is used once more than it may be",
        laws: &["16"],
        edits: &[edit(
            LADDER,
            "    (uses >= max).then(|| UsedUp {",
            "    (uses >= max + usize::from(PLANTED)).then(|| UsedUp {",
        )],
    },
    Fault {
        name: "a halted roll-out goes on",
        laws: &["19"],
        edits: &[edit(
            FORBID,
            "        RolloutStage::Halted => {",
            "        RolloutStage::Halted if PLANTED => None,\n        RolloutStage::Halted => {",
        )],
    },
    Fault {
        name: "an autoscaler's taint not seen",
        laws: &["18"],
        edits: &[edit(
            NODE,
            "    if let Some(owner) = select::owner(node) {",
            "    if let Some(owner) = select::owner(node).filter(|_| !PLANTED) {",
        )],
    },
    Fault {
        name: "a drain never takes too long",
        laws: &["22"],
        edits: &[edit(
            DRAINING,
            "        if self.now() <= self.deadline() {\n            return None;",
            "        if self.now() <= self.deadline() || PLANTED {\n            return None;",
        )],
    },
    Fault {
        name: "slots are not given back",
        laws: &["22", "24"],
        edits: &[edit(
            PART,
            "        let Some(slot) = self.slot() else {\n            return;\n        };\n        let since",
            "        let Some(slot) = self.slot().filter(|_| !PLANTED) else {\n            return;\n        };\n        let since",
        )],
    },
    Fault {
        name: "a pod that ends counts as gone",
        laws: &["07", "08"],
        edits: &[edit(
            STANCE,
            "    if now < add(until, LATE) {\n",
            "    if PLANTED {\n        return Stance::Skipped;\n    }\n    if now < add(until, LATE) {\n",
        )],
    },
    Fault {
        name: "pods leave a node that is not cordoned",
        laws: &["11"],
        edits: &[edit(
            EVICTIONS,
            "    if is_cordoned && by.map(String::as_str) == Some(remediation) {",
            "    if PLANTED || (is_cordoned && by.map(String::as_str) == Some(remediation)) {",
        )],
    },
    Fault {
        name: "every node is covered",
        laws: &["14"],
        edits: &[edit(
            SELECT,
            "    policy.spec.node_selector.matches(&node.labels)",
            "    PLANTED || policy.spec.node_selector.matches(&node.labels)",
        )],
    },
    Fault {
        name: "Observe acts",
        laws: &["15"],
        edits: &[
            edit(
                INCIDENT,
                "policy.policy.spec.mode == mode",
                "(policy.policy.spec.mode == mode || PLANTED)",
            ),
            edit(
                SWITCHES,
                "policy.policy.spec.mode == Mode::Observe);",
                "policy.policy.spec.mode == Mode::Observe && !PLANTED);",
            ),
            edit(
                MANDATE,
                "        if policy.policy.spec.mode != Mode::Enforce {",
                "        if policy.policy.spec.mode != Mode::Enforce && !PLANTED {",
            ),
        ],
    },
    Fault {
        name: "nothing is drained",
        laws: &["07", "08"],
        edits: &[edit(
            STANCE,
            "    if pod.is_finished() {\n        return finished(order.action);",
            "    if PLANTED {\n        return Stance::Skipped;\n    }\n    if pod.is_finished() {\n        return finished(order.action);",
        )],
    },
    Fault {
        name: "the pods of a node are not looked at again",
        laws: &["07"],
        edits: &[edit(
            COMMAND,
            "        require_pods(actor, node, pods).await?;",
            "        if !PLANTED {\n            require_pods(actor, node, pods).await?;\n        }",
        )],
    },
    Fault {
        name: "history is not kept",
        laws: &["16", "22"],
        edits: &[edit(
            SLOT,
            "    status.history.push(request.history.clone());",
            "    if !PLANTED {\n        status.history.push(request.history.clone());\n    }",
        )],
    },
    Fault {
        name: "a second slot in place",
        laws: &["20"],
        edits: &[edit(
            ROOM,
            "        (count >= limit).then(|| {",
            "        (count >= limit && !PLANTED).then(|| {",
        )],
    },
    Fault {
        name: "an incident waits without a reason",
        laws: &["24"],
        edits: &[edit(
            PART,
            "    pub(super) fn block(&mut self, reasons: Vec<No>) {\n        let now = self.now();\n",
            "    pub(super) fn block(&mut self, reasons: Vec<No>) {\n        let now = self.now();\n        let reasons = if PLANTED { Vec::new() } else { reasons };\n",
        )],
    },
];
