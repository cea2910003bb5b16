//! What the API server answers.

use hyper::body::Bytes;
use serde_json::{Value, json};

/// An answer.
#[derive(Debug, Clone)]
pub struct Reply {
    pub code: u16,
    pub body: Bytes,
}

impl Reply {
    pub fn object(code: u16, object: &Value) -> Self {
        Self {
            code,
            // A Value is always JSON.
            body: Bytes::from(serde_json::to_vec(object).unwrap_or_default()),
        }
    }

    /// A refusal.
    pub fn refused(code: u16, reason: &str, message: &str) -> Self {
        Self::because(code, reason, message, json!({}))
    }

    /// The same with details.
    pub fn because(code: u16, reason: &str, message: &str, details: Value) -> Self {
        let status = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": message, "reason": reason, "details": details, "code": code,
        });
        Self::object(code, &status)
    }

    pub fn not_found(what: &str) -> Self {
        Self::refused(404, "NotFound", &format!("{what} not found"))
    }

    pub fn conflict(message: &str) -> Self {
        Self::refused(409, "Conflict", message)
    }

    pub fn invalid(message: &str) -> Self {
        Self::refused(422, "Invalid", message)
    }

    pub const fn is_good(&self) -> bool {
        self.code < 300
    }
}
