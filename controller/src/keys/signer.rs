//! Ed25519 signing of commands.

use pem::Pem;
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair};
use unstall_crds::command::{CommandPayload, InvalidCommand, SignedCommand};

const PRIVATE: &str = "PRIVATE KEY";
const PUBLIC: &str = "PUBLIC KEY";
/// The DER of a `SubjectPublicKeyInfo` up to the 32 bytes of an Ed25519 key
/// (RFC 8410, section 4).
const SPKI_PREFIX: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];

/// Signs commands.
pub struct Signer {
    pair: Ed25519KeyPair,
}

/// Why a key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Not a PEM block.
    #[error("the signing key is not PEM: make one with `openssl genpkey -algorithm ed25519`")]
    NotPem(#[source] pem::PemError),
    /// Another kind of PEM block.
    #[error("the signing key is a PEM block {0:?} instead of \"PRIVATE KEY\" (PKCS#8)")]
    WrongBlock(String),
    /// Not an Ed25519 key.
    #[error(
        "the signing key is not an Ed25519 key in PKCS#8 ({0}): make one with `openssl genpkey -algorithm ed25519`"
    )]
    NotEd25519(ring::error::KeyRejected),
    /// The system gave no randomness.
    #[error("the system gave no random bytes for a new key")]
    NoRandomness,
}

impl Signer {
    /// Makes a new key; returns it as PKCS#8 PEM.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn generate_pem() -> Result<String, KeyError> {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new())
            .map_err(|_| KeyError::NoRandomness)?;
        Ok(pem::encode(&Pem::new(PRIVATE, document.as_ref())))
    }

    /// Reads a key from PKCS#8 PEM, made by us, OpenSSL or anything else.
    ///
    /// # Errors
    /// When it is not PEM or not an Ed25519 key.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        let block = pem::parse(text).map_err(KeyError::NotPem)?;
        if block.tag() != PRIVATE {
            return Err(KeyError::WrongBlock(block.tag().to_owned()));
        }
        // OpenSSL writes PKCS#8 version 1, without the public key to check
        // against; ring's strict reader takes version 2 alone.
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(block.contents())
            .map_err(KeyError::NotEd25519)?;
        Ok(Self { pair })
    }

    /// The public half, as PEM.
    #[must_use]
    pub fn public_pem(&self) -> String {
        pem::encode(&Pem::new(PUBLIC, self.public_der()))
    }

    /// Whether `text` is the public half, as PEM.
    #[must_use]
    pub fn is_public_half(&self, text: &str) -> bool {
        pem::parse(text)
            .is_ok_and(|block| block.tag() == PUBLIC && block.contents() == self.public_der())
    }

    fn public_der(&self) -> Vec<u8> {
        let mut der = SPKI_PREFIX.to_vec();
        der.extend_from_slice(self.pair.public_key().as_ref());
        der
    }

    /// The key's id as actuators log it: the first 16 hexadecimal digits of the
    /// SHA-256 of the public key's 32 bytes.
    #[must_use]
    pub fn key_id(&self) -> String {
        let hash = ring::digest::digest(&ring::digest::SHA256, self.pair.public_key().as_ref());
        hash.as_ref()
            .iter()
            .take(8)
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }

    /// Signs `payload`.
    ///
    /// # Errors
    /// When the payload contradicts itself.
    pub fn sign(&self, payload: &CommandPayload) -> Result<SignedCommand, InvalidCommand> {
        let text = payload.encode()?;
        let mut signature = [0; unstall_crds::command::SIGNATURE_BYTES];
        signature.copy_from_slice(self.pair.sign(text.as_bytes()).as_ref());
        Ok(SignedCommand::new(text, &signature))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_survives_its_own_pem() {
        let pem = Signer::generate_pem().unwrap();
        let (one, two) = (
            Signer::from_pem(&pem).unwrap(),
            Signer::from_pem(&pem).unwrap(),
        );
        assert_eq!(one.public_pem(), two.public_pem());
        assert_eq!(one.key_id().len(), 16);
    }

    #[test]
    fn a_key_made_by_openssl_is_read() {
        // `openssl genpkey -algorithm ed25519`, made for this test alone.
        let pem = "-----BEGIN PRIVATE KEY-----\n\
                   MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n\
                   -----END PRIVATE KEY-----\n";
        let signer = Signer::from_pem(pem).unwrap();
        // RFC 8032, section 7.1, test 1: the public key of this secret key.
        assert!(
            signer
                .public_pem()
                .contains("MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=")
        );
    }

    #[test]
    fn other_keys_are_refused_with_the_way_out() {
        let said = |text: &str| Signer::from_pem(text).err().unwrap().to_string();
        assert!(said("hello").contains("openssl genpkey"));
        let public = Signer::from_pem(&Signer::generate_pem().unwrap())
            .unwrap()
            .public_pem();
        assert!(said(&public).contains("\"PUBLIC KEY\""));
        let other = pem::encode(&Pem::new(PRIVATE, vec![1, 2, 3]));
        assert!(said(&other).contains("Ed25519"));
    }
}
