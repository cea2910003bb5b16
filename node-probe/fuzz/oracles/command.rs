//! A command's payload, signed by the configured key as it is: obeyed if and
//! only if a second, slow reading of it finds every condition met. Unsigned it
//! is refused whatever it says.

use std::collections::BTreeSet;
use std::fmt::Formatter;
use std::time::Duration;

use jiff::Timestamp;
use node_probe::actuator::keys::{KeySet, PublicKey};
use node_probe::actuator::limit::Limits;
use node_probe::actuator::record::{Moment, Record};
use node_probe::actuator::verify::{Decision, Situation, verify};
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use unstall_crds::command::{CommandPayload, SignedCommand};
use unstall_crds::health::RefusalReason;

const SEED: [u8; 32] = [7; 32];
const LIMITS: Limits = Limits {
    min_interval: Duration::from_secs(60),
    daily_cap: 4,
    max_skew: Duration::from_secs(60),
    max_lifetime: Duration::from_secs(600),
};
const FIELDS: [&str; 9] = [
    "id",
    "epoch",
    "action",
    "level",
    "nodeName",
    "nodeUID",
    "expectBootID",
    "issuedAt",
    "expiresAt",
];

thread_local! {
    static KEY: Ed25519KeyPair = Ed25519KeyPair::from_seed_unchecked(&SEED).unwrap();
}

/// Feeds `bytes` to the reader, if they are text: JSON of the API is.
pub fn check(bytes: &[u8]) {
    let Ok(payload) = std::str::from_utf8(bytes) else {
        return;
    };
    let (signature, public) = KEY.with(|key| {
        let signature: [u8; 64] = key.sign(bytes).as_ref().try_into().unwrap();
        let public: [u8; 32] = key.public_key().as_ref().try_into().unwrap();
        (signature, public)
    });
    let mut record = Record::default();
    record.pin_node_uid("0b6c5a3e");
    record.raise_epoch(7);
    let now = Moment {
        wall: "2026-01-02T03:04:05Z".parse().unwrap(),
        boot_id: "boot-1".to_owned(),
        uptime: Duration::from_secs(100),
    };
    let keys = KeySet {
        keys: vec![PublicKey::new(public)],
        problems: Vec::new(),
    };
    let situation = Situation {
        keys: &keys,
        node_name: "node-7",
        now: &now,
        record: &record,
        limits: &LIMITS,
        reboots: true,
        busy: None,
    };
    let signed = SignedCommand::new(payload.to_owned(), &signature);
    let verdict = verify(&signed, &situation);
    match verdict.decision {
        Decision::Obey {
            payload: obeyed, ..
        } => {
            assert!(may_obey(payload, now.wall), "obeyed {payload}");
            assert_eq!(verdict.genuine_epoch, Some(obeyed.epoch));
            again(&obeyed);
        }
        Decision::Refuse(refusal) => {
            assert!(!may_obey(payload, now.wall), "refused: {}", refusal.message);
        }
        Decision::Replayed { id } => panic!("{id:?} was never begun"),
    }
    let mut other = signature;
    other[bytes.len() % 64] ^= 1;
    let forged = verify(&SignedCommand::new(payload.to_owned(), &other), &situation);
    let Decision::Refuse(refusal) = forged.decision else {
        panic!("obeyed a forged {payload}")
    };
    assert_eq!(
        (refusal.reason, forged.genuine_epoch),
        (RefusalReason::BadSignature, None)
    );
}

/// Every condition of the contract, read from the JSON by hand.
fn may_obey(text: &str, now: Timestamp) -> bool {
    let Ok(Pairs(pairs)) = serde_json::from_str(text) else {
        return false;
    };
    let names: BTreeSet<&str> = pairs.iter().map(|(name, _)| name.as_str()).collect();
    let known = names.iter().all(|name| FIELDS.contains(name));
    let is_once = names.len() == pairs.len();
    let object = Value::from_iter(pairs.clone());
    let words = |name: &str| object[name].as_str().unwrap_or_default();
    let time = |name: &str| words(name).parse::<Timestamp>().ok();
    let (Some(issued), Some(expires)) = (time("issuedAt"), time("expiresAt")) else {
        return false;
    };
    let nanos = |t: Timestamp| t.as_nanosecond();
    let second = 1_000_000_000;
    text.len() <= 2_048
        && known
        && is_once
        && (1..=128).contains(&words("id").len())
        && object["epoch"].as_i64().is_some_and(|epoch| epoch >= 7)
        && match words("action") {
            "DropCaches" => ["Auto", "PageCache", "Slab", "All"].contains(&words("level")),
            "Reboot" => object["level"].is_null(),
            _ => false,
        }
        && words("nodeName") == "node-7"
        && words("nodeUID") == "0b6c5a3e"
        && words("expectBootID") == "boot-1"
        && nanos(issued) - nanos(now) <= 60 * second
        && nanos(expires) > nanos(now)
        && nanos(expires) > nanos(issued)
        && nanos(expires) - nanos(issued) <= 600 * second
}

/// The fields of an object in their order: of one named twice, both.
struct Pairs(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Pairs(Vec::new()))
    }
}

impl<'de> Visitor<'de> for Pairs {
    type Value = Self;

    fn expecting(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Self, A::Error> {
        while let Some(pair) = map.next_entry()? {
            self.0.push(pair);
        }
        Ok(self)
    }
}

/// What was obeyed means the same once it is encoded again, to the second.
fn again(obeyed: &CommandPayload) {
    let text = obeyed.encode().unwrap();
    let parsed = CommandPayload::parse(&text).unwrap();
    assert_eq!(parsed.encode().unwrap(), text);
    assert_eq!((&parsed.id, parsed.epoch), (&obeyed.id, obeyed.epoch));
}
