//! (pure) The hash that ties a trigger's state to what was judged.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::fmt::Write;

use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::Trigger;

/// Bytes of the digest that are kept: 64 bits, for telling apart the versions
/// of one trigger, not for security.
const KEPT_BYTES: usize = 8;

impl Trigger {
    /// A hash of what the trigger judges, in 16 hexadecimal digits: the signal,
    /// condition, kernel or rebootRequired block, corroboratedBy and
    /// onlyOnKernel.
    ///
    /// Nothing else is in it: neither the name nor the ladder, and nothing of
    /// the rest of the policy, so that `suspend` or another ladder resets no
    /// timer. It is stable across programs and versions as long as these
    /// blocks keep their JSON.
    #[must_use]
    pub fn signal_hash(&self) -> String {
        let judged = json!({
            "signal": self.signal,
            "condition": self.condition,
            "kernel": self.kernel,
            "rebootRequired": self.reboot_required,
            "corroboratedBy": self.corroborated_by,
            "onlyOnKernel": self.only_on_kernel,
        });
        let digest = Sha256::digest(canonical(&judged));
        digest
            .iter()
            .take(KEPT_BYTES)
            .fold(String::new(), |mut hex, byte| {
                // Writing to a String cannot fail.
                let _ = write!(hex, "{byte:02x}");
                hex
            })
    }
}

/// JSON with sorted keys and without absent values. Sorting is done here
/// because a crate elsewhere in the build may switch on serde_json's
/// `preserve_order`.
fn canonical(value: &Value) -> Vec<u8> {
    let mut text = Vec::with_capacity(256);
    append(&mut text, value);
    text
}

fn append(text: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().filter(|(_, v)| !v.is_null()).collect();
            fields.sort_by_key(|(key, _)| key.as_str());
            text.push(b'{');
            for (at, (key, value)) in fields.into_iter().enumerate() {
                if at > 0 {
                    text.push(b',');
                }
                plain(text, key);
                text.push(b':');
                append(text, value);
            }
            text.push(b'}');
        }
        Value::Array(items) => {
            text.push(b'[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    text.push(b',');
                }
                append(text, item);
            }
            text.push(b']');
        }
        scalar => plain(text, scalar),
    }
}

fn plain(text: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) {
    // Neither strings nor scalars can fail, nor can writing to memory.
    let _ = serde_json::to_writer(text, value);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trigger(fields: Value) -> Trigger {
        let mut trigger = json!({
            "name": "memcg-walk",
            "signal": {"name": "MemoryStatReadCPU", "statistic": "Min", "samples": 5,
                       "above": "100ms", "clearBelow": "20ms", "for": "5m"},
            "remedies": ["drop", "reboot"],
        });
        for (key, value) in fields.as_object().unwrap() {
            trigger[key] = value.clone();
        }
        serde_json::from_value(trigger).unwrap()
    }

    #[test]
    fn the_hash_is_known_so_that_no_release_changes_it_unnoticed() {
        assert_eq!(trigger(json!({})).signal_hash(), "dd0136d9dded1273");
    }

    #[test]
    fn name_and_ladder_are_not_in_it() {
        let hash = trigger(json!({})).signal_hash();
        assert_eq!(
            trigger(json!({"name": "other", "remedies": []})).signal_hash(),
            hash
        );
    }

    #[test]
    fn everything_that_is_judged_is_in_it() {
        let signal = |key: &str, value: Value| {
            let mut signal = serde_json::to_value(trigger(json!({})).signal).unwrap();
            signal[key] = value;
            json!({ "signal": signal })
        };
        let variants = [
            json!({}),
            signal("name", json!("MemoryStatReadWall")),
            signal("statistic", json!("P90")),
            signal("samples", json!(6)),
            signal("above", json!("101ms")),
            signal("clearBelow", json!("21ms")),
            signal("for", json!("6m")),
            json!({"corroboratedBy": ["NetworkStall"]}),
            json!({"onlyOnKernel": {"atLeast": "5.13"}}),
            json!({"onlyOnKernel": {"below": "5.13"}}),
            json!({"signal": null, "condition": {"type": "Ready"}}),
            json!({"signal": null, "condition": {"type": "Ready", "status": "False"}}),
            json!({"signal": null, "kernel": {"atLeast": "6.1"}}),
            json!({"signal": null, "kernel": {"atLeast": "6.1", "requireStaged": false}}),
            json!({"signal": null, "rebootRequired": {}}),
        ];
        let mut hashes: Vec<String> = variants
            .iter()
            .map(|v| trigger(v.clone()).signal_hash())
            .collect();
        hashes.sort();
        hashes.dedup();
        assert_eq!(hashes.len(), variants.len());
        assert!(
            hashes
                .iter()
                .all(|h| h.len() == 16 && h.bytes().all(|b| b.is_ascii_hexdigit()))
        );
    }
}
