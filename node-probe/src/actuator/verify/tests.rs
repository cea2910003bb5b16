//! One test per refusal, named after it: each check taken away turns one of them red.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use proptest::prelude::*;
use ring::signature::{Ed25519KeyPair, KeyPair};
use unstall_crds::command::{DropLevel, SIGNATURE_BYTES};
use unstall_crds::health::CommandState;

use super::*;
use crate::actuator::outcome::Ending;
use crate::actuator::record::Entry;

const NODE: &str = "node-7";
const UID: &str = "0b6c5a3e-6a0e-4d83-8f2e-0a4f7d1f6a11";
const BOOT: &str = "5d7c8a52-2c1c-4c7c-9d7a-6a2b7f0f7c11";

const LIMITS: Limits = Limits {
    min_interval: Duration::from_mins(1),
    daily_cap: 2,
    max_skew: Duration::from_mins(1),
    max_lifetime: Duration::from_mins(10),
};

/// A node on which the payload below is obeyed, until a test changes one thing.
struct Case {
    signer: Ed25519KeyPair,
    keys: KeySet,
    node_name: &'static str,
    now: Moment,
    record: Record,
    reboots: bool,
    busy: Option<&'static str>,
    payload: CommandPayload,
}

fn key(seed: u8) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap()
}

fn public(pair: &Ed25519KeyPair) -> PublicKey {
    PublicKey::new(pair.public_key().as_ref().try_into().unwrap())
}

fn wall() -> Timestamp {
    "2026-11-23T12:00:30Z".parse().unwrap()
}

impl Default for Case {
    fn default() -> Self {
        let signer = key(1);
        let mut record = Record::default();
        record.pin_node_uid(UID);
        record.raise_epoch(100);
        Self {
            keys: KeySet {
                keys: vec![public(&signer)],
                problems: Vec::new(),
            },
            signer,
            node_name: NODE,
            now: Moment {
                wall: wall(),
                boot_id: BOOT.to_owned(),
                uptime: Duration::from_secs(5_000),
            },
            record,
            reboots: false,
            busy: None,
            payload: CommandPayload {
                id: "node-7-3-1".to_owned(),
                epoch: 100,
                action: CommandAction::DropCaches,
                level: Some(DropLevel::Auto),
                node_name: NODE.to_owned(),
                node_uid: UID.to_owned(),
                expect_boot_id: BOOT.to_owned(),
                issued_at: Time("2026-11-23T12:00:00Z".parse().unwrap()),
                expires_at: Time("2026-11-23T12:02:00Z".parse().unwrap()),
            },
        }
    }
}

impl Case {
    fn text(&self) -> String {
        serde_json::to_string(&self.payload).unwrap()
    }

    fn sign(&self, text: &str) -> SignedCommand {
        let signature = self.signer.sign(text.as_bytes());
        let bytes: [u8; SIGNATURE_BYTES] = signature.as_ref().try_into().unwrap();
        SignedCommand::new(text.to_owned(), &bytes)
    }

    fn verdict_on(&self, command: &SignedCommand) -> Verdict {
        let situation = Situation {
            keys: &self.keys,
            node_name: self.node_name,
            now: &self.now,
            record: &self.record,
            limits: &LIMITS,
            reboots: self.reboots,
            busy: self.busy,
        };
        verify(command, &situation)
    }

    fn verdict(&self) -> Verdict {
        self.verdict_on(&self.sign(&self.text()))
    }

    /// The refusal's reason; its message must hold each of `words`.
    fn refused_for(&self, command: &SignedCommand, words: &[&str]) -> RefusalReason {
        match self.verdict_on(command).decision {
            Decision::Refuse(refusal) => {
                for word in words {
                    assert!(
                        refusal.message.contains(word),
                        "{word:?} in {:?}",
                        refusal.message
                    );
                }
                refusal.reason
            }
            other => panic!("not refused: {other:?}"),
        }
    }

    fn refused(&self, words: &[&str]) -> RefusalReason {
        self.refused_for(&self.sign(&self.text()), words)
    }

    /// A command of this id was begun that long ago.
    fn begun(&mut self, id: &str, seconds_ago: u64) {
        let ago = Duration::from_secs(seconds_ago);
        let entry = Entry {
            id: id.to_owned(),
            epoch: 100,
            action: CommandAction::DropCaches,
            key_id: "k".to_owned(),
            boot_id: "an-earlier-boot".to_owned(),
            started_at: self.now.wall - ago,
            uptime_milliseconds: 0,
            asked_at: None,
            ending: Some(Ending {
                state: CommandState::Succeeded,
                message: String::new(),
                passes: Vec::new(),
                reclaimed: None,
                finished_at: self.now.wall - ago,
            }),
        };
        self.record.begin(entry, &self.now);
    }
}

fn changed(change: impl FnOnce(&mut Case)) -> Case {
    let mut case = Case::default();
    change(&mut case);
    case
}

#[test]
fn obeys_a_genuine_command() {
    let case = Case::default();
    let verdict = case.verdict();
    assert_eq!(verdict.genuine_epoch, Some(100));
    let Decision::Obey { payload, key_id } = verdict.decision else {
        panic!("{:?}", verdict.decision)
    };
    assert_eq!(*payload, case.payload);
    assert_eq!(key_id, public(&case.signer).id);
}

#[test]
fn obeys_the_first_command_whatever_its_node_uid() {
    let case = changed(|case| case.record = Record::default());
    assert!(matches!(case.verdict().decision, Decision::Obey { .. }));
}

#[test]
fn obeys_every_configured_key_during_a_rotation() {
    let mut case = Case::default();
    case.keys.keys = vec![public(&key(2)), public(&key(1))];
    for seed in [1, 2] {
        case.signer = key(seed);
        assert!(
            matches!(case.verdict().decision, Decision::Obey { .. }),
            "{seed}"
        );
    }
}

#[test]
fn refuses_when_no_key_is_configured() {
    let problem = "keys/a.pub: it holds 5 bytes".to_owned();
    let case = changed(|case| {
        case.keys = KeySet {
            keys: Vec::new(),
            problems: vec![problem],
        }
    });
    assert_eq!(
        case.refused(&["*.pub", "keys/a.pub"]),
        RefusalReason::NoKeys
    );
}

#[test]
fn refuses_unknown_key() {
    let case = changed(|case| case.signer = key(2));
    let known = case.keys.keys[0].id.clone();
    assert_eq!(
        case.refused(&["no configured key", &known]),
        RefusalReason::BadSignature
    );
}

#[test]
fn refuses_another_commands_signature() {
    let case = Case::default();
    let mut command = case.sign(&case.text());
    command.payload = command.payload.replace("node-7-3-1", "node-7-3-2");
    assert_eq!(case.refused_for(&command, &[]), RefusalReason::BadSignature);
    // The same JSON in other bytes is another payload.
    command.payload = case.text().replace("{\"id\"", "{ \"id\"");
    assert_eq!(case.refused_for(&command, &[]), RefusalReason::BadSignature);
}

#[test]
fn refuses_bad_signature_before_anything_else() {
    // Everything else is wrong too; and nothing is learnt from what nobody signed.
    let case = changed(|case| {
        case.payload.node_name = "other".to_owned();
        case.payload.epoch = 999;
        case.signer = key(2);
    });
    let verdict = case.verdict();
    assert_eq!(verdict.genuine_epoch, None);
    assert_eq!(case.refused(&[]), RefusalReason::BadSignature);
    let not_json = case.sign("not json");
    assert_eq!(
        case.refused_for(&not_json, &[]),
        RefusalReason::BadSignature
    );
}

#[test]
fn refuses_malformed_payload() {
    let case = Case::default();
    let text = case.text();
    for (bad, word) in [
        ("{}".to_owned(), "missing field"),
        ("not json".to_owned(), "no JSON object"),
        (
            text.replace("\"epoch\":100", "\"epoch\":\"100\""),
            "expected i64",
        ),
        (text.replace("{\"id\"", "{\"more\":1,\"id\""), "more"),
        (text.replace("{\"id\"", "{\"epoch\":1,\"id\""), "duplicate"),
        (text.replace("\"node-7-3-1\"", "\"\""), "id is empty"),
        (
            text.replace("node-7-3-1", &"x".repeat(129)),
            "129 bytes, more than 128",
        ),
    ] {
        assert_ne!(bad, text);
        assert_eq!(
            case.refused_for(&case.sign(&bad), &[word]),
            RefusalReason::Malformed,
            "{bad}"
        );
    }
}

#[test]
fn refuses_unknown_action() {
    let case = Case::default();
    let text = case.text().replace("DropCaches", "Exec");
    assert_eq!(
        case.refused_for(&case.sign(&text), &["`Exec`", "`DropCaches`"]),
        RefusalReason::Malformed
    );
}

#[test]
fn refuses_reboot_unless_enabled() {
    let mut case = changed(|case| {
        case.payload.action = CommandAction::Reboot;
        case.payload.level = None;
    });
    assert_eq!(
        case.refused(&["reboots are not enabled on this actuator"]),
        RefusalReason::NotAvailable
    );
    case.reboots = true;
    assert!(matches!(case.verdict().decision, Decision::Obey { .. }));
}

#[test]
fn refuses_wrong_node() {
    let case = changed(|case| case.payload.node_name = "node-8".to_owned());
    assert_eq!(
        case.refused(&["\"node-8\"", "\"node-7\""]),
        RefusalReason::OtherNode
    );
    assert_eq!(case.verdict().genuine_epoch, None);
}

#[test]
fn refuses_wrong_node_uid() {
    let case = changed(|case| case.payload.node_uid = "another".to_owned());
    assert_eq!(
        case.refused(&["another", UID, "remove the journal"]),
        RefusalReason::OtherNodeUID
    );
    assert_eq!(case.verdict().genuine_epoch, None);
}

#[test]
fn refuses_wrong_boot_id() {
    let case = changed(|case| case.payload.expect_boot_id = "an-earlier-boot".to_owned());
    assert_eq!(
        case.refused(&["an-earlier-boot", BOOT]),
        RefusalReason::OtherBoot
    );
}

#[test]
fn refuses_command_from_the_future() {
    let at = |seconds| {
        changed(|case| {
            case.payload.issued_at = Time(wall() + SignedDuration::from_secs(seconds));
            case.payload.expires_at = Time(wall() + SignedDuration::from_secs(seconds + 120));
        })
    };
    assert_eq!(
        at(61).refused(&["61 s in the future", "60 s of skew"]),
        RefusalReason::NotYetValid
    );
    assert!(matches!(at(60).verdict().decision, Decision::Obey { .. }));
}

#[test]
fn refuses_expired_command() {
    let at = |seconds| {
        changed(|case| {
            case.payload.expires_at = Time(wall() + SignedDuration::from_secs(seconds));
        })
    };
    assert_eq!(
        at(0).refused(&["expired at 2026-11-23T12:00:30Z"]),
        RefusalReason::Expired
    );
    assert_eq!(at(-1).refused(&[]), RefusalReason::Expired);
    assert!(matches!(at(1).verdict().decision, Decision::Obey { .. }));
}

#[test]
fn refuses_too_long_a_lifetime() {
    let of = |seconds| {
        changed(|case| {
            let issued = case.payload.issued_at.0;
            case.payload.expires_at = Time(issued + SignedDuration::from_secs(seconds));
        })
    };
    assert_eq!(
        of(601).refused(&["601 s", "600 s"]),
        RefusalReason::NotYetValid
    );
    assert!(matches!(of(600).verdict().decision, Decision::Obey { .. }));
}

#[test]
fn refuses_stale_epoch() {
    let case = changed(|case| case.payload.epoch = 99);
    assert_eq!(case.refused(&["99", "100"]), RefusalReason::StaleEpoch);
    let later = changed(|case| case.payload.epoch = 101);
    assert!(matches!(later.verdict().decision, Decision::Obey { .. }));
}

#[test]
fn a_refused_command_still_tells_of_a_later_leader() {
    let case = changed(|case| {
        case.payload.epoch = 101;
        case.payload.expect_boot_id = "an-earlier-boot".to_owned();
    });
    assert_eq!(case.verdict().genuine_epoch, Some(101));
}

#[test]
fn does_not_act_twice_on_one_id() {
    // Long ago and expired since: still answered from the journal.
    let case = changed(|case| {
        case.begun("node-7-3-1", 100_000);
        case.payload.expires_at = Time(wall());
    });
    let id = "node-7-3-1".to_owned();
    assert_eq!(case.verdict().decision, Decision::Replayed { id });
}

#[test]
fn refuses_while_busy() {
    let case = changed(|case| case.busy = Some("command \"x\" is being carried out"));
    assert_eq!(case.refused(&["\"x\""]), RefusalReason::Busy);
}

#[test]
fn refuses_too_soon() {
    let case = changed(|case| case.begun("before", 59));
    assert_eq!(case.refused(&["59 s ago", "60 s"]), RefusalReason::TooSoon);
    let case = changed(|case| case.begun("before", 60));
    assert!(matches!(case.verdict().decision, Decision::Obey { .. }));
}

#[test]
fn refuses_beyond_the_daily_cap() {
    let case = changed(|case| {
        case.begun("one", 80_000);
        case.begun("two", 40_000);
    });
    assert_eq!(
        case.refused(&["2 actions", "allows 2"]),
        RefusalReason::DailyCap
    );
}

proptest! {
    #[test]
    fn any_flipped_bit_of_the_payload_refuses(place in any::<prop::sample::Index>(), bit in 0..7) {
        let case = Case::default();
        let mut command = case.sign(&case.text());
        let mut bytes = command.payload.clone().into_bytes();
        let place = place.index(bytes.len());
        bytes[place] ^= 1_u8 << bit;
        command.payload = String::from_utf8(bytes).unwrap();
        prop_assert_eq!(case.refused_for(&command, &[]), RefusalReason::BadSignature);
    }

    #[test]
    fn any_other_character_in_the_signature_refuses(
        place in any::<prop::sample::Index>(),
        other in "[A-Za-z0-9+/=\\-_ \n]",
    ) {
        let case = Case::default();
        let mut command = case.sign(&case.text());
        let place = place.index(command.signature.len());
        prop_assume!(!command.signature[place..].starts_with(&other));
        command.signature.replace_range(place..=place, &other);
        prop_assert_eq!(case.refused_for(&command, &[]), RefusalReason::BadSignature);
    }

    #[test]
    fn any_flipped_bit_of_the_signature_refuses(byte in 0..SIGNATURE_BYTES, bit in 0..8) {
        let case = Case::default();
        let text = case.text();
        let mut signature: [u8; SIGNATURE_BYTES] =
            case.signer.sign(text.as_bytes()).as_ref().try_into().unwrap();
        signature[byte] ^= 1_u8 << bit;
        let command = SignedCommand::new(text, &signature);
        prop_assert_eq!(case.refused_for(&command, &[]), RefusalReason::BadSignature);
    }

    #[test]
    fn any_text_signed_or_not_is_judged_without_a_panic(text in ".{0,300}", signature in ".{0,90}") {
        let case = Case::default();
        let forged = SignedCommand { payload: text.clone(), signature };
        prop_assert_eq!(case.refused_for(&forged, &[]), RefusalReason::BadSignature);
        let reason = case.refused_for(&case.sign(&text), &[]);
        prop_assert_eq!(reason, RefusalReason::Malformed);
    }
}
