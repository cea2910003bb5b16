//! (pure) Whether a signed command is obeyed: the signature over the payload's exact bytes first,
//! then whom it is for, then when, then how often.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::error::Error;
use std::time::Duration;

use jiff::Timestamp;
use ring::signature::{ED25519, UnparsedPublicKey};
use unstall_crds::command::{CommandAction, CommandPayload, SignedCommand};
use unstall_crds::health::RefusalReason;

use super::keys::{KeySet, PublicKey};
use super::limit::{self, Limits};
use super::outcome::Refusal;
use super::record::{Moment, Record};

/// The longest id that the node's status can hold.
const MAX_ID_BYTES: usize = 128;

/// Where reboots are not enabled.
pub(super) const REBOOTS_OFF: &str =
    "reboots are not enabled on this actuator: the chart's value is actuator.reboot.enabled";

/// What the actuator knows when a command arrives.
#[derive(Debug, Clone, Copy)]
pub struct Situation<'a> {
    /// The keys that may sign.
    pub keys: &'a KeySet,
    /// This node's name, from the downward API.
    pub node_name: &'a str,
    /// Now, on this boot.
    pub now: &'a Moment,
    /// What the journal remembers.
    pub record: &'a Record,
    /// The limits that no command can lift.
    pub limits: &'a Limits,
    /// Whether reboots are enabled here.
    pub reboots: bool,
    /// What keeps any new command from being begun now, as a sentence.
    pub busy: Option<&'a str>,
}

/// The judgement of one command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// What to do.
    pub decision: Decision,
    /// The epoch of a command that a configured key signed for this node, obeyed or not: from now
    /// on no lower one counts.
    pub genuine_epoch: Option<i64>,
}

/// What to do with a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Carry it out.
    Obey {
        /// What was signed.
        payload: Box<CommandPayload>,
        /// Which key signed it.
        key_id: String,
    },
    /// Its id is in the journal: answer with what stands there, do nothing.
    Replayed {
        /// The id.
        id: String,
    },
    /// Do nothing and say why.
    Refuse(Refusal),
}

/// Judges `command`. Anything but [`Decision::Obey`] must change nothing on the node.
#[must_use]
pub fn verify(command: &SignedCommand, situation: &Situation<'_>) -> Verdict {
    let refused = |refusal| Verdict {
        decision: Decision::Refuse(refusal),
        genuine_epoch: None,
    };
    let key_id = match signer(command, situation.keys) {
        Ok(key) => key.id.clone(),
        Err(refusal) => return refused(refusal),
    };
    let payload = match parse(&command.payload) {
        Ok(payload) => payload,
        Err(refusal) => return refused(refusal),
    };
    if let Err(refusal) = check_addressee(&payload, situation) {
        return refused(refusal);
    }
    let genuine_epoch = Some(payload.epoch);
    if situation.record.find(&payload.id).is_some() {
        return Verdict {
            decision: Decision::Replayed { id: payload.id },
            genuine_epoch,
        };
    }
    let decision = match check_rest(&payload, situation) {
        Ok(()) => Decision::Obey {
            payload: Box::new(payload),
            key_id,
        },
        Err(refusal) => Decision::Refuse(refusal),
    };
    Verdict {
        decision,
        genuine_epoch,
    }
}

/// Refuses where nobody's command could be verified.
pub(super) fn check_keys(keys: &KeySet) -> Result<(), Refusal> {
    if !keys.keys.is_empty() {
        return Ok(());
    }
    let mut message = "no usable public key is mounted: put the controller's as a *.pub file \
                       into the keys directory"
        .to_owned();
    for problem in &keys.problems {
        message.push_str("; ");
        message.push_str(problem);
    }
    Err(Refusal::new(RefusalReason::NoKeys, message))
}

fn signer<'k>(command: &SignedCommand, keys: &'k KeySet) -> Result<&'k PublicKey, Refusal> {
    check_keys(keys)?;
    let bad = |what: &str| {
        let known: Vec<_> = keys.keys.iter().map(|key| key.id.as_str()).collect();
        let message = format!("{what}; keys known here: {}", known.join(", "));
        Refusal::new(RefusalReason::BadSignature, message)
    };
    let signature = command
        .signature_bytes()
        .map_err(|error| bad(&error.to_string()))?;
    keys.keys
        .iter()
        .find(|key| {
            UnparsedPublicKey::new(&ED25519, &key.raw)
                .verify(command.payload.as_bytes(), &signature)
                .is_ok()
        })
        .ok_or_else(|| bad("no configured key made this signature over this payload"))
}

fn parse(text: &str) -> Result<CommandPayload, Refusal> {
    let malformed = |message| Refusal::new(RefusalReason::Malformed, message);
    let payload = CommandPayload::parse(text).map_err(|error| {
        malformed(match error.source() {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        })
    })?;
    match payload.id.len() {
        ..=MAX_ID_BYTES => Ok(payload),
        length => Err(malformed(format!(
            "the id has {length} bytes, more than {MAX_ID_BYTES}"
        ))),
    }
}

fn check_addressee(payload: &CommandPayload, situation: &Situation<'_>) -> Result<(), Refusal> {
    if payload.node_name != situation.node_name {
        return Err(Refusal::new(
            RefusalReason::OtherNode,
            format!(
                "made for node {:?}, this is {:?}",
                payload.node_name, situation.node_name
            ),
        ));
    }
    check_node_uid(situation.record, &payload.node_uid)
}

/// Refuses what is for another Node object than the one that this machine serves.
pub(super) fn check_node_uid(record: &Record, node_uid: &str) -> Result<(), Refusal> {
    match record.node_uid() {
        Some(pinned) if pinned != node_uid => Err(Refusal::new(
            RefusalReason::OtherNodeUID,
            format!(
                "made for the Node object {node_uid}, this machine serves {pinned} since its \
                 first command; if the Node was created anew, remove the journal on this node"
            ),
        )),
        _ => Ok(()),
    }
}

fn check_rest(payload: &CommandPayload, situation: &Situation<'_>) -> Result<(), Refusal> {
    if payload.action == CommandAction::Reboot && !situation.reboots {
        return Err(Refusal::new(RefusalReason::NotAvailable, REBOOTS_OFF));
    }
    if payload.expect_boot_id != situation.now.boot_id {
        return Err(Refusal::new(
            RefusalReason::OtherBoot,
            format!(
                "made for boot {}, this is boot {}",
                payload.expect_boot_id, situation.now.boot_id
            ),
        ));
    }
    check_times(payload, situation.now.wall, situation.limits)?;
    let highest = situation.record.highest_epoch();
    if payload.epoch < highest {
        return Err(Refusal::new(
            RefusalReason::StaleEpoch,
            format!(
                "epoch {} is below {highest}: a later leader has spoken",
                payload.epoch
            ),
        ));
    }
    if let Some(busy) = situation.busy {
        return Err(Refusal::new(RefusalReason::Busy, busy));
    }
    limit::check(situation.record.commands(), situation.now, situation.limits)
}

fn check_times(payload: &CommandPayload, now: Timestamp, limits: &Limits) -> Result<(), Refusal> {
    let (issued, expires) = (payload.issued_at.0, payload.expires_at.0);
    if seconds_after(issued, now) > whole_seconds(limits.max_skew) {
        return Err(Refusal::new(
            RefusalReason::NotYetValid,
            format!(
                "issued at {issued}, {} s in the future of this node's clock ({now}); {} s of \
                 skew are allowed",
                seconds_after(issued, now),
                limits.max_skew.as_secs()
            ),
        ));
    }
    if now >= expires {
        return Err(Refusal::new(
            RefusalReason::Expired,
            format!("expired at {expires}; this node's clock says {now}"),
        ));
    }
    if seconds_after(expires, issued) > whole_seconds(limits.max_lifetime) {
        return Err(Refusal::new(
            RefusalReason::NotYetValid,
            format!(
                "valid for {} s ({issued} to {expires}); this actuator allows {} s",
                seconds_after(expires, issued),
                limits.max_lifetime.as_secs()
            ),
        ));
    }
    Ok(())
}

/// By how many whole seconds, rounded up, `later` is after `earlier`; negative if it is before.
fn seconds_after(later: Timestamp, earlier: Timestamp) -> i64 {
    let span = later.duration_since(earlier);
    span.as_secs()
        .saturating_add(i64::from(span.subsec_nanos() > 0))
}

fn whole_seconds(span: Duration) -> i64 {
    i64::try_from(span.as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
