//! A `*.pub` file beside a good one.

use std::cell::RefCell;

use node_probe::actuator::keys::{PublicKey, read_keys};

use super::rig::{Rig, names};

const FILE_MAX: usize = 4_096;
const PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 0x21, 0];
const GOOD: &str = "Gb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=";

thread_local! {
    static RIG: RefCell<Rig> = RefCell::new(rig());
}

fn rig() -> Rig {
    let rig = Rig::new();
    rig.write("keys/good.pub", GOOD);
    rig
}

/// The 32 bytes of a key, in base64 alone or after what RFC 8410 puts before
/// them in a PEM block.
fn key(bytes: &[u8]) -> Option<[u8; 32]> {
    let text = std::str::from_utf8(bytes).ok()?.trim();
    if bytes.len() > FILE_MAX {
        return None;
    }
    let in_pem = text
        .strip_prefix("-----BEGIN PUBLIC KEY-----")
        .and_then(|rest| rest.strip_suffix("-----END PUBLIC KEY-----"));
    let decoded = base64(in_pem.unwrap_or(text))?;
    let raw = match in_pem {
        Some(_) => decoded.strip_prefix(&PREFIX)?,
        None => &decoded,
    };
    raw.try_into().ok()
}

/// Base64 with its padding, and no bits left over.
fn base64(text: &str) -> Option<Vec<u8>> {
    let letters: Vec<u8> = text.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
    let padding = letters
        .iter()
        .rev()
        .take_while(|letter| **letter == b'=')
        .count();
    let (data, _) = letters.split_at(letters.len() - padding);
    if !letters.len().is_multiple_of(4) || padding > 2 {
        return None;
    }
    let (mut bits, mut held, mut decoded) = (0_u32, 0, Vec::new());
    for letter in data {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        (bits, held) = ((bits << 6) | u32::from(value), held + 6);
        if held >= 8 {
            held -= 8;
            decoded.push(u8::try_from(bits >> held).ok()?);
            bits &= (1 << held) - 1;
        }
    }
    (bits == 0).then_some(decoded)
}

/// Feeds `bytes` to the reader.
pub fn check(bytes: &[u8]) {
    RIG.with_borrow(|rig| {
        rig.write("keys/fed.pub", bytes);
        let set = read_keys(&rig.path("keys"));
        let good = PublicKey::parse(GOOD).unwrap();
        assert_eq!(
            set.keys.last(),
            Some(&good),
            "a bad file took the good one with it"
        );
        match key(bytes) {
            Some(raw) => {
                assert_eq!(
                    (set.keys.len(), set.problems.len()),
                    (2, 0),
                    "{:?}",
                    set.problems
                );
                assert_eq!(set.keys[0], PublicKey::new(raw));
            }
            None => {
                assert_eq!(
                    (set.keys.len(), set.problems.len()),
                    (1, 1),
                    "{:?}",
                    set.keys
                );
                names("keys/fed.pub", &set.problems[0]);
            }
        }
    });
}
