//! Mistakes that were in the code once, those of laws that came later, and of the node's part.

use super::fault::{Fault, edit};

const REPLICAS: &str = "controller/decide/src/guard/replicas.rs";
const GATES: &str = "controller/decide/src/phase/gates.rs";
const REBOOTING: &str = "controller/decide/src/phase/rebooting.rs";
const NODE: &str = "controller/decide/src/guard/node.rs";
const TIME: &str = "controller/decide/src/guard/time.rs";
const DROPPING: &str = "controller/decide/src/phase/dropping.rs";
const PENDING: &str = "controller/decide/src/phase/pending.rs";
const DRAINING: &str = "controller/decide/src/phase/draining.rs";
const PART: &str = "controller/decide/src/phase/part.rs";
const USAGE: &str = "controller/decide/src/usage.rs";
const BLOCKED: &str = "controller/decide/src/status/blocked.rs";
const PROOF: &str = "controller/decide/src/proof.rs";
const COMMAND: &str = "controller/src/act/command.rs";
const VERIFY: &str = "node-probe/src/actuator/verify.rs";

pub const FAULTS: &[Fault] = &[
    // What worlds found in the code as it was.
    Fault {
        name: "a replica without power counts",
        laws: &["21"],
        edits: &[edit(
            REPLICAS,
            "!usage.is_disrupted(node) && view.node(node).is_some_and(Node::is_ready);",
            "!usage.is_disrupted(node) && (PLANTED || view.node(node).is_some_and(Node::is_ready));",
        )],
    },
    Fault {
        name: "the last replicas are rebooted with their node",
        laws: &["21"],
        edits: &[edit(
            REPLICAS,
            "    if here.is_empty() || elsewhere.iter().any(",
            "    if PLANTED || here.is_empty() || elsewhere.iter().any(",
        )],
    },
    Fault {
        name: "a deadline does not wait for a gate",
        laws: &["22"],
        edits: &[edit(
            GATES,
            "            deadline.0 = deadline.0.max(last);",
            "            if !PLANTED {\n                deadline.0 = deadline.0.max(last);\n            }",
        )],
    },
    Fault {
        name: "pods that come while a gate is waited for stay",
        laws: &["08"],
        edits: &[edit(
            DRAINING,
            "        let progress = self.status.drain.as_ref();",
            "        if PLANTED && before.is_some() {\n            return before;\n        }\n        let progress = self.status.drain.as_ref();",
        )],
    },
    Fault {
        name: "an order is given again whoever has come",
        laws: &["07"],
        edits: &[edit(
            REBOOTING,
            "        self.is_still_ours() && self.is_still_empty()",
            "        self.is_still_ours() && (PLANTED || self.is_still_empty())",
        )],
    },
    Fault {
        name: "nodes that are away take no place",
        laws: &["01", "02"],
        edits: &[edit(
            USAGE,
            "        !node.is_available() || self.is_disrupted(&node.name)",
            "        (!PLANTED && !node.is_available()) || self.is_disrupted(&node.name)",
        )],
    },
    Fault {
        name: "a node that failed is given back",
        laws: &["12"],
        edits: &[edit(
            PART,
            "        policy.is_none_or(|it| it.after_failure == AfterFailure::KeepCordoned)",
            "        !PLANTED && policy.is_none_or(|it| it.after_failure == AfterFailure::KeepCordoned)",
        )],
    },
    Fault {
        name: "no cool-down",
        laws: &["16"],
        edits: &[edit(
            TIME,
            "        if !ask.is_begun {",
            "        if !PLANTED && !ask.is_begun {",
        )],
    },
    Fault {
        name: "nodes that are to be left alone are not",
        laws: &["25"],
        edits: &[edit(
            NODE,
            "    if let Some(annotation) = select::opted_out(node) {",
            "    if let Some(annotation) = select::opted_out(node).filter(|_| !PLANTED) {",
        )],
    },
    Fault {
        name: "closed gates are passed",
        laws: &["25"],
        edits: &[edit(
            GATES,
            "gates.iter().filter(|gate| !self.is_open(gate)).collect();",
            "gates.iter().filter(|gate| !PLANTED && !self.is_open(gate)).collect();",
        )],
    },
    Fault {
        name: "who waits without an incident is not told of",
        laws: &["24"],
        edits: &[edit(
            BLOCKED,
            "    let waiting = seen.waiting.get(&policy.name).into_iter().flatten();",
            "    let waiting = seen.waiting.get(&policy.name).filter(|_| !PLANTED).into_iter().flatten();",
        )],
    },
    Fault {
        name: "a measurement that is still bad proves a cure",
        laws: &["28"],
        edits: &[edit(
            PROOF,
            "    if value.0.partial_cmp(&signal.clear_below.get()) != Some(std::cmp::Ordering::Less) {",
            "    if !PLANTED && value.0.partial_cmp(&signal.clear_below.get()) != Some(std::cmp::Ordering::Less) {",
        )],
    },
    // The node's own part.
    Fault {
        name: "the actuator asks for no boot",
        laws: &["04"],
        edits: &[edit(
            VERIFY,
            "    if payload.expect_boot_id != situation.now.boot_id {",
            "    if !PLANTED && payload.expect_boot_id != situation.now.boot_id {",
        )],
    },
    Fault {
        name: "the actuator obeys what expired",
        laws: &["05"],
        edits: &[edit(
            VERIFY,
            "    if now >= expires {",
            "    if !PLANTED && now >= expires {",
        )],
    },
    Fault {
        name: "the actuator asks for no node",
        laws: &["17"],
        edits: &[
            edit(
                VERIFY,
                "    if let Err(refusal) = check_addressee(&payload, situation) {",
                "    if let Err(refusal) = check_addressee(&payload, situation).or_else(|it| if PLANTED { Ok(()) } else { Err(it) }) {",
            ),
            edit(
                VERIFY,
                "    let decision = match check_rest(&payload, situation) {",
                "    let decision = match if PLANTED { Ok(()) } else { check_rest(&payload, situation) } {",
            ),
        ],
    },
    Fault {
        name: "the actuator asks for no signature",
        laws: &["23"],
        edits: &[edit(
            VERIFY,
            "                .verify(command.payload.as_bytes(), &signature)\n                .is_ok()",
            "                .verify(command.payload.as_bytes(), &signature)\n                .is_ok()\n                || PLANTED",
        )],
    },
    Fault {
        name: "an earlier leader's order is obeyed",
        laws: &["06"],
        edits: &[edit(
            VERIFY,
            "    if payload.epoch < highest {",
            "    if !PLANTED && payload.epoch < highest {",
        )],
    },
    // What the fleet found.
    Fault {
        name: "a refused order is given again in each pass",
        laws: &["27"],
        edits: &[edit(
            REBOOTING,
            "        if (issued <= self.now() && self.now() < at) || is_last",
            "        if (!PLANTED && issued <= self.now() && self.now() < at) || is_last",
        )],
    },
    Fault {
        name: "an order that stands is given again",
        laws: &["27"],
        edits: &[edit(
            COMMAND,
            "    if stands(live.spec.command.as_ref(), payload) {",
            "    if !PLANTED && stands(live.spec.command.as_ref(), payload) {",
        )],
    },
    Fault {
        name: "what was interrupted has failed",
        laws: &["26"],
        edits: &[edit(
            DROPPING,
            "            CommandState::Interrupted if self.trigger.is_some() => {",
            "            CommandState::Interrupted if !PLANTED && self.trigger.is_some() => {",
        )],
    },
    Fault {
        name: "what the probe has not measured begins a remedy",
        laws: &["26"],
        edits: &[edit(
            PENDING,
            "if !judged.is_measured(self.view, self.node) => format!(",
            "if !(PLANTED || judged.is_measured(self.view, self.node)) => format!(",
        )],
    },
];
