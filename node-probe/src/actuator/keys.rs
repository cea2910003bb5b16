//! The public keys that commands are checked against: every `*.pub` file of a directory, read at
//! each command, so that a rotated key counts as soon as the kubelet has written it.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// An Ed25519 public key file is about 120 bytes.
const MAX_KEY_FILE_BYTES: u64 = 4096;

/// Two keys are enough for a rotation.
const MAX_KEYS: usize = 16;

/// What stands before the 32 bytes of a key in its `SubjectPublicKeyInfo` (RFC 8410, section 4).
const ED25519_SPKI_PREFIX: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];

/// One Ed25519 public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    /// The first 16 hexadecimal digits of the SHA-256 of the 32 bytes.
    pub id: String,
    /// The 32 bytes.
    pub raw: [u8; 32],
}

impl PublicKey {
    /// Names the key by its hash.
    #[must_use]
    pub fn new(raw: [u8; 32]) -> Self {
        let hash = ring::digest::digest(&ring::digest::SHA256, &raw);
        let mut id = String::with_capacity(16);
        for byte in hash.as_ref().iter().take(8) {
            // Writing to a String cannot fail.
            let _ = write!(id, "{byte:02x}");
        }
        Self { id, raw }
    }

    /// Reads a key from a PEM `PUBLIC KEY` block or from the base64 of its 32 bytes.
    ///
    /// # Errors
    /// When the text is neither.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let text = text.trim();
        let pem = text
            .strip_prefix("-----BEGIN PUBLIC KEY-----")
            .and_then(|rest| rest.strip_suffix("-----END PUBLIC KEY-----"));
        let encoded: String = pem
            .unwrap_or(text)
            .chars()
            .filter(|c| !c.is_ascii_whitespace())
            .collect();
        let bytes = STANDARD.decode(encoded).map_err(|_| KeyError::Encoding)?;
        let raw = match pem {
            Some(_) => bytes
                .strip_prefix(&ED25519_SPKI_PREFIX)
                .ok_or(KeyError::NotEd25519)?,
            None => &bytes,
        };
        Ok(Self::new(
            raw.try_into().map_err(|_| KeyError::Length(raw.len()))?,
        ))
    }
}

/// Why one file gives no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read.
    #[error("it cannot be read: {0}")]
    Read(io::Error),
    /// Longer than any key.
    #[error("it is longer than {MAX_KEY_FILE_BYTES} bytes")]
    TooLong,
    /// No base64 in it.
    #[error("it is neither a PEM block \"PUBLIC KEY\" nor base64")]
    Encoding,
    /// A key of another kind.
    #[error("its PEM block holds no Ed25519 key")]
    NotEd25519,
    /// Not the size of an Ed25519 key.
    #[error("it holds {0} bytes; an Ed25519 public key has 32")]
    Length(usize),
}

/// What the directory holds.
#[derive(Debug, Default)]
pub struct KeySet {
    /// The usable keys, by file name.
    pub keys: Vec<PublicKey>,
    /// A sentence for each file, or the directory itself, that gave none.
    pub problems: Vec<String>,
}

/// Reads every `*.pub` file in `dir`. A bad file does not take the good ones with it.
#[must_use]
pub fn read_keys(dir: &Path) -> KeySet {
    let mut set = KeySet::default();
    let mut paths = match key_files(dir) {
        Ok(paths) => paths,
        Err(error) => {
            set.problems
                .push(format!("{} cannot be listed: {error}", dir.display()));
            return set;
        }
    };
    paths.sort();
    if paths.len() > MAX_KEYS {
        set.problems.push(format!(
            "{} holds {} *.pub files; only the first {MAX_KEYS} by name count",
            dir.display(),
            paths.len()
        ));
        paths.truncate(MAX_KEYS);
    }
    for path in paths {
        match read_key(&path) {
            Ok(key) => set.keys.push(key),
            Err(error) => set.problems.push(format!("{}: {error}", path.display())),
        }
    }
    set
}

fn key_files(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "pub") {
            paths.push(path);
        }
    }
    Ok(paths)
}

fn read_key(path: &Path) -> Result<PublicKey, KeyError> {
    let mut text = String::new();
    let file = File::open(path).map_err(KeyError::Read)?;
    file.take(MAX_KEY_FILE_BYTES + 1)
        .read_to_string(&mut text)
        .map_err(KeyError::Read)?;
    if text.len() as u64 > MAX_KEY_FILE_BYTES {
        return Err(KeyError::TooLong);
    }
    PublicKey::parse(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8410, section 10.1: the example public key.
    const PEM: &str = "-----BEGIN PUBLIC KEY-----\n\
        MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n\
        -----END PUBLIC KEY-----\n";
    const RAW: &str = "Gb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=";

    #[test]
    fn pem_and_base64_give_the_same_key() {
        let key = PublicKey::parse(PEM).unwrap();
        assert_eq!(key, PublicKey::parse(RAW).unwrap());
        assert_eq!(key.raw[..4], [0x19, 0xbf, 0x44, 0x09]);
        assert_eq!(key.id.len(), 16);
    }

    #[test]
    fn what_is_no_key_says_why() {
        let rsa = PEM.replace("MCowBQYDK2Vw", "MCowBQYDK2Vx");
        for (text, want) in [
            ("", "holds 0 bytes"),
            ("hello!", "neither"),
            ("aGVsbG8=", "holds 5 bytes"),
            (rsa.as_str(), "no Ed25519"),
        ] {
            let error = PublicKey::parse(text).unwrap_err().to_string();
            assert!(error.contains(want), "{text:?}: {error}");
        }
    }

    #[test]
    fn a_bad_file_leaves_the_good_ones() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a.pub"), PEM).unwrap();
        fs::write(dir.path().join("b.pub"), "broken").unwrap();
        fs::write(dir.path().join("c.pub"), "x".repeat(5_000)).unwrap();
        fs::write(dir.path().join("private.key"), RAW).unwrap();
        let set = read_keys(dir.path());
        assert_eq!(set.keys.len(), 1);
        assert_eq!(set.problems.len(), 2, "{:?}", set.problems);
        assert!(set.problems.iter().any(|p| p.contains("b.pub")));
    }

    #[test]
    fn an_absent_directory_is_a_problem_and_no_key() {
        let set = read_keys(Path::new("/absent"));
        assert!(set.keys.is_empty());
        assert!(set.problems.iter().any(|p| p.contains("/absent")));
    }
}
