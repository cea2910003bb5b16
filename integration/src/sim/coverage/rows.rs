//! What must have occurred in enough worlds: the table of faults, and all that a world can
//! come across.

use std::collections::BTreeMap;

use unstall_crds::condition::BlockedReason;

/// A row of the table of faults, and what was counted when it occurred.
pub struct Row {
    pub fault: &'static str,
    pub counted: &'static [&'static str],
}

const fn row(fault: &'static str, counted: &'static [&'static str]) -> Row {
    Row { fault, counted }
}

/// The faults that are played.
pub const ROWS: &[Row] = &[
    row(
        "crash before and after each kind of call",
        &[
            "crash/before Create noderemediations",
            "crash/after Create noderemediations",
            "crash/before Replace noderemediations/status",
            "crash/after Replace noderemediations/status",
            "crash/before Replace disruptionledgers/status",
            "crash/after Replace disruptionledgers/status",
            "crash/before Patch nodes",
            "crash/after Patch nodes",
            "crash/before Patch nodes/status",
            "crash/after Patch nodes/status",
            "crash/before Patch nodehealths",
            "crash/after Patch nodehealths",
            "crash/before Create pods/eviction",
            "crash/after Create pods/eviction",
            "crash/before Replace nodehealthpolicies/status",
            "crash/after Replace nodehealthpolicies/status",
            "crash/before Delete noderemediations",
            "crash/after Delete noderemediations",
        ],
    ),
    row(
        "answer lost after the commit",
        &[
            "lost/Create noderemediations",
            "lost/Replace noderemediations/status",
            "lost/Replace disruptionledgers/status",
            "lost/Patch nodes",
            "lost/Patch nodehealths",
            "lost/Create pods/eviction",
            "mark/left for the next pass: node has its slot since",
        ],
    ),
    row(
        "done long after anybody waited",
        &[
            "late/Replace disruptionledgers/status",
            "late/Patch nodehealths",
            "late/Patch nodes",
        ],
    ),
    row(
        "conflicts, and a storm of them",
        &["call/Conflict", "trouble/Conflicts"],
    ),
    row(
        "probes that are silent or lie, kubelets that are not heard, pods past a cordon",
        &[
            "trouble/Silence",
            "trouble/Lies",
            "trouble/LiesOfBoot",
            "trouble/Mute",
            "trouble/Intruder",
        ],
    ),
    row(
        "too many requests, refusals, silence",
        &["call/Throttled", "call/Failed", "call/Hangs"],
    ),
    row(
        "watches late, broken off, forgotten",
        &[
            "trouble/Stall",
            "watch/broken",
            "watch/gone",
            "trouble/Compact",
        ],
    ),
    row(
        "a leader frozen past its lease, then resumed",
        &["row/frozen past its lease"],
    ),
    row(
        "processes killed, cut off, told to end",
        &["trouble/Kill", "trouble/Cut", "trouble/Tell"],
    ),
    row(
        "clocks 10 minutes wrong at once, and bit by bit",
        &[
            "trouble/Clock",
            "trouble/HostClock",
            "trouble/Drift",
            "trouble/ClockStops",
            "trouble/HostDrift",
        ],
    ),
    row("nobody reaches the API server", &["trouble/ApiDown"]),
    row(
        "the actuator ends between journal and reboot",
        &["row/interrupted before the reboot"],
    ),
    row(
        "probe and actuator start again in the same boot",
        &["trouble/Restarts"],
    ),
    row(
        "a reboot that hangs, or comes late, a node that never returns",
        &["row/hangs", "row/goes down late", "row/never returns"],
    ),
    row(
        "a reboot by itself amid a drain",
        &["row/boots amid a drain"],
    ),
    row(
        "budgets, two of them, finalizers, webhooks",
        &[
            "evict/429",
            "evict/500",
            "evict/403",
            "row/stuck by a finalizer",
        ],
    ),
    row(
        "admission that refuses writes",
        &[
            "denied/Patch nodes",
            "denied/Patch nodehealths",
            "denied/Replace noderemediations/status",
            "denied/Replace disruptionledgers/status",
        ],
    ),
    row(
        "a human cordons or uncordons midway",
        &[
            "row/cordons amid an incident",
            "row/uncordons amid an incident",
        ],
    ),
    row(
        "an autoscaler takes the node midway",
        &[
            "row/removed amid an incident",
            "person/ScaleDown",
            "outcome/Superseded",
        ],
    ),
    row(
        "a node made again under its name",
        &["person/Rejoin", "person/Join"],
    ),
    row(
        "no image is to be had, the controller's other replicas lose power",
        &["trouble/NoImages", "row/another replica loses power"],
    ),
    row("every node reports sick", &["trouble/Outbreak"]),
    row(
        "half of the probes silent, a zone without power",
        &["trouble/Blackout", "trouble/ZoneDown"],
    ),
    row(
        "forged, copied and repeated commands",
        &[
            "trouble/Forged",
            "refusal/BadSignature",
            "refusal/OtherNode",
        ],
    ),
    row(
        "humans: pause, suspend, delete, release, skip, by hand, a later version",
        &[
            "person/Pause",
            "person/Suspend",
            "person/DeletePolicy",
            "person/Release",
            "person/DeleteIncident",
            "person/DeleteHealth",
            "person/Skip",
            "person/Resume",
            "person/AllowStorm",
            "person/ByHand",
            "person/Newer",
            "person/OpenGate",
            "person/Approve",
        ],
    ),
    row(
        "roll-outs",
        &[
            "person/NewKernel",
            "person/Patch",
            "row/a kernel that is worse",
        ],
    ),
    row(
        "alerts, and nobody who tells them",
        &["trouble/Alert", "trouble/Unanswered"],
    ),
    row(
        "phases",
        &[
            "phase/Pending",
            "phase/DroppingCaches",
            "phase/Verifying",
            "phase/Cordoning",
            "phase/Draining",
            "phase/Rebooting",
            "phase/Proving",
            "phase/Soaking",
            "phase/Uncordoning",
            "phase/Holding",
            "phase/HandedOver",
            "phase/Ended",
        ],
    ),
    row(
        "outcomes",
        &[
            "outcome/Fixed",
            "outcome/NotFixed",
            "outcome/Failed",
            "outcome/Aborted",
            "outcome/Superseded",
            "outcome/Recurred",
        ],
    ),
    row(
        "second looks that refuse",
        &[
            "mark/left for the next pass: node took a slot meanwhile",
            "mark/left for the next pass: node does not carry the",
            "mark/left for the next pass: pod came to node meanwhile",
            "mark/left for the next pass: node runs boot now, not",
            "mark/left for the next pass: the ledger was changed meanwhile",
            "mark/taking the command back",
            "mark/taking the node back",
            "mark/deleting the NodeHealth of an earlier node of this name",
            "mark/the lease was not renewed: cannot write the lease unstall-controller:",
        ],
    ),
];

/// Reasons that no world comes to: a ledger with 4,096 entries, and a Node that takes no
/// patch of ours for ever. Scenarios of the pure part hold both.
const ELSEWHERE: &[BlockedReason] = &[BlockedReason::LedgerFull, BlockedReason::MarksStay];

/// What should have occurred and did not.
pub fn missing(counts: &BTreeMap<String, u64>) -> Vec<String> {
    let counted = ROWS.iter().flat_map(|row| row.counted.iter());
    let counted = counted.map(|it| (*it).to_owned());
    let reasons = BlockedReason::ALL
        .iter()
        .filter(|it| !ELSEWHERE.contains(it));
    let reasons = reasons.map(|it| format!("reason/{it}"));
    counted
        .chain(reasons)
        .filter(|key| !counts.contains_key(key))
        .collect()
}
