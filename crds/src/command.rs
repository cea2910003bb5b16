//! (pure) The signed command: what the controller orders an actuator to do.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::string_enum::string_enum;

/// The longest payload, in bytes: twice what the longest names need.
pub const MAX_PAYLOAD_BYTES: usize = 2048;

/// The length of an Ed25519 signature, in bytes.
pub const SIGNATURE_BYTES: usize = 64;

string_enum! {
    /// What an actuator can do: two verbs, no more.
    pub enum CommandAction {
        /// Sync, then drop kernel caches.
        DropCaches,
        /// Ask the host's logind to reboot.
        Reboot,
    }
}

string_enum! {
    /// Which kernel caches are dropped.
    pub enum DropLevel = Auto {
        /// What frees zombie memory cgroups on the running kernel: the slab caches below Linux 5.9, the page cache from there on. Where the chart mounts memory.reclaim, cold page cache goes in small steps first, and the rest only if that was not enough.
        Auto,
        /// Clean pages of the page cache (1).
        PageCache,
        /// Reclaimable slab: dentries and inodes (2).
        Slab,
        /// Both (3).
        All,
    }
}

/// A command with its signature, as the controller hands it to one node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SignedCommand {
    /// The command as one line of JSON: id, epoch, action, level, nodeName,
    /// nodeUID, expectBootID, issuedAt, expiresAt. At most 2048 characters.
    #[schemars(length(min = 2, max = 2048))]
    pub payload: String,

    /// The Ed25519 signature of exactly the bytes of the payload, in base64.
    #[schemars(regex(pattern = "^[A-Za-z0-9+/]{86}==$"), length(max = 88))]
    pub signature: String,
}

/// What a command says. A field more or less makes it invalid: the actuator
/// obeys nothing that it does not fully understand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CommandPayload {
    /// Unique for ever; an actuator obeys an id once.
    pub id: String,
    /// The epoch of the leader that ordered it; an actuator refuses a lower one
    /// than it has seen.
    pub epoch: i64,
    /// What to do.
    pub action: CommandAction,
    /// Which caches; with `DropCaches` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<DropLevel>,
    /// The name of the node that must do it.
    pub node_name: String,
    /// The UID of that node.
    #[serde(rename = "nodeUID")]
    pub node_uid: String,
    /// The boot in which it must be done; any other boot voids the command.
    #[serde(rename = "expectBootID")]
    pub expect_boot_id: String,
    /// When it was ordered, to the second.
    pub issued_at: Time,
    /// From when on it is void, to the second.
    pub expires_at: Time,
}

/// Why a text is not a command.
#[derive(Debug, thiserror::Error)]
pub enum InvalidCommand {
    /// The payload is longer than [`MAX_PAYLOAD_BYTES`].
    #[error("the payload has {0} bytes, more than the {MAX_PAYLOAD_BYTES} that are allowed")]
    TooLong(usize),
    /// The payload is not the JSON of a command.
    #[error("the payload is not a command")]
    Malformed(#[source] serde_json::Error),
    /// A field contradicts another or holds nothing.
    #[error("the payload's {field} {problem}")]
    Field {
        /// The field's name in JSON.
        field: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The signature is not base64 of 64 bytes.
    #[error("the signature is not base64 of {SIGNATURE_BYTES} bytes")]
    Signature,
}

impl CommandPayload {
    /// The payload's exact text: the bytes that are signed.
    ///
    /// # Errors
    /// When a time lies outside of what RFC 3339 can say, or a field
    /// contradicts another.
    pub fn encode(&self) -> Result<String, InvalidCommand> {
        self.check()?;
        let text = serde_json::to_string(self).map_err(InvalidCommand::Malformed)?;
        if text.len() > MAX_PAYLOAD_BYTES {
            return Err(InvalidCommand::TooLong(text.len()));
        }
        Ok(text)
    }

    /// Parses a payload whose signature was verified.
    ///
    /// # Errors
    /// When it is too long, is not the JSON of a command, has unknown, missing
    /// or repeated fields, or a field contradicts another.
    pub fn parse(text: &str) -> Result<Self, InvalidCommand> {
        if text.len() > MAX_PAYLOAD_BYTES {
            return Err(InvalidCommand::TooLong(text.len()));
        }
        // serde would take a list too, and each value by its place alone.
        if !text.trim_start().starts_with('{') {
            let error = serde::de::Error::custom("it is no JSON object");
            return Err(InvalidCommand::Malformed(error));
        }
        let payload: Self = serde_json::from_str(text).map_err(InvalidCommand::Malformed)?;
        payload.check()?;
        Ok(payload)
    }

    fn check(&self) -> Result<(), InvalidCommand> {
        let problem = |field, problem| Err(InvalidCommand::Field { field, problem });
        for (field, value) in [
            ("id", &self.id),
            ("nodeName", &self.node_name),
            ("nodeUID", &self.node_uid),
            ("expectBootID", &self.expect_boot_id),
        ] {
            if value.is_empty() {
                return problem(field, "is empty");
            }
        }
        if self.epoch < 1 {
            return problem("epoch", "is not positive");
        }
        if self.expires_at <= self.issued_at {
            return problem("expiresAt", "is not after issuedAt");
        }
        match (self.action, self.level) {
            (CommandAction::DropCaches, None) => problem("level", "is missing for DropCaches"),
            (CommandAction::Reboot, Some(_)) => problem("level", "does not belong to Reboot"),
            _ => Ok(()),
        }
    }
}

impl SignedCommand {
    /// A command whose payload carries this signature.
    #[must_use]
    pub fn new(payload: String, signature: &[u8; SIGNATURE_BYTES]) -> Self {
        Self {
            payload,
            signature: BASE64_STANDARD.encode(signature),
        }
    }

    /// The signature's bytes. They say nothing until they are verified against
    /// the payload's bytes.
    ///
    /// # Errors
    /// When it is not base64 of 64 bytes.
    pub fn signature_bytes(&self) -> Result<[u8; SIGNATURE_BYTES], InvalidCommand> {
        BASE64_STANDARD
            .decode(&self.signature)
            .ok()
            .and_then(|bytes| bytes.try_into().ok())
            .ok_or(InvalidCommand::Signature)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload() -> CommandPayload {
        CommandPayload {
            id: "node-7-3-1".to_owned(),
            epoch: 1_764_000_000,
            action: CommandAction::DropCaches,
            level: Some(DropLevel::PageCache),
            node_name: "node-7".to_owned(),
            node_uid: "0b6c5a3e-6a0e-4d83-8f2e-0a4f7d1f6a11".to_owned(),
            expect_boot_id: "5d7c8a52-2c1c-4c7c-9d7a-6a2b7f0f7c11".to_owned(),
            issued_at: Time("2026-11-23T12:00:00Z".parse().unwrap()),
            expires_at: Time("2026-11-23T12:02:00Z".parse().unwrap()),
        }
    }

    const TEXT: &str = r#"{"id":"node-7-3-1","epoch":1764000000,"action":"DropCaches","level":"PageCache","nodeName":"node-7","nodeUID":"0b6c5a3e-6a0e-4d83-8f2e-0a4f7d1f6a11","expectBootID":"5d7c8a52-2c1c-4c7c-9d7a-6a2b7f0f7c11","issuedAt":"2026-11-23T12:00:00Z","expiresAt":"2026-11-23T12:02:00Z"}"#;

    #[test]
    fn the_text_is_exact_and_read_back() {
        assert_eq!(payload().encode().unwrap(), TEXT);
        assert_eq!(CommandPayload::parse(TEXT).unwrap(), payload());
    }

    #[test]
    fn unknown_repeated_and_missing_fields_are_refused() {
        for (from, to) in [
            (r#"{"id""#, r#"{"force":true,"id""#),
            (r#"{"id""#, r#"{"epoch":1,"id""#),
            (r#""epoch":1764000000,"#, ""),
            (r#""epoch":1764000000"#, r#""epoch":"1764000000""#),
            ("DropCaches", "Exec"),
            ("12:00:00Z", "soon"),
        ] {
            let text = TEXT.replacen(from, to, 1);
            assert_ne!(text, TEXT);
            let error = CommandPayload::parse(&text).unwrap_err();
            assert!(
                matches!(error, InvalidCommand::Malformed(_)),
                "{text}: {error}"
            );
        }
        let list = r#"["a",1,"DropCaches","Auto","n","u","b","2026-11-23T12:00:00Z","2026-11-23T12:02:00Z"]"#;
        serde_json::from_str::<CommandPayload>(list).expect("serde takes it");
        let error = CommandPayload::parse(list).unwrap_err();
        assert!(matches!(error, InvalidCommand::Malformed(_)), "{error}");
        let long = TEXT.replace("node-7-3-1", &"x".repeat(MAX_PAYLOAD_BYTES));
        assert!(matches!(
            CommandPayload::parse(&long),
            Err(InvalidCommand::TooLong(_))
        ));
        let long = CommandPayload {
            id: "x".repeat(MAX_PAYLOAD_BYTES),
            ..payload()
        };
        assert!(matches!(long.encode(), Err(InvalidCommand::TooLong(_))));
    }

    #[test]
    fn contradictions_are_refused_both_ways() {
        type Break = fn(&mut CommandPayload);
        let breaks: [(&str, Break); 8] = [
            ("id", |p| p.id.clear()),
            ("nodeName", |p| p.node_name.clear()),
            ("nodeUID", |p| p.node_uid.clear()),
            ("expectBootID", |p| p.expect_boot_id.clear()),
            ("epoch", |p| p.epoch = 0),
            ("expiresAt", |p| p.expires_at = p.issued_at.clone()),
            ("level", |p| p.level = None),
            ("level", |p| p.action = CommandAction::Reboot),
        ];
        for (field, break_it) in breaks {
            let mut broken = payload();
            break_it(&mut broken);
            let text = serde_json::to_string(&broken).unwrap();
            for error in [
                broken.encode().unwrap_err(),
                CommandPayload::parse(&text).unwrap_err(),
            ] {
                assert!(
                    error
                        .to_string()
                        .starts_with(&format!("the payload's {field} ")),
                    "{error}"
                );
            }
        }
    }

    #[test]
    fn a_signature_is_64_bytes_of_base64() {
        let command = SignedCommand::new(TEXT.to_owned(), &[7; SIGNATURE_BYTES]);
        assert_eq!(command.signature.len(), 88);
        assert_eq!(command.signature_bytes().unwrap(), [7; SIGNATURE_BYTES]);
        for signature in ["", "not base64!", "AAAA"] {
            let command = SignedCommand {
                signature: signature.to_owned(),
                ..command.clone()
            };
            assert!(matches!(
                command.signature_bytes(),
                Err(InvalidCommand::Signature)
            ));
        }
    }
}
