//! Objects that exist for the length of a test.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use crate::api::Api;

/// The ledger has one name only: tests that need it take turns.
static LEDGER: Mutex<()> = Mutex::new(());

/// An object that was created for a test and goes with it. A ledger that
/// existed before, as on a cluster in use, is left as it is.
pub struct Existing<'a> {
    api: &'a Api,
    resource: String,
    name: String,
    ours: bool,
    _turn: Option<MutexGuard<'static, ()>>,
}

impl<'a> Existing<'a> {
    /// Creates the object with the status of the document, under its name with
    /// this ending: tests run side by side.
    pub fn create(api: &'a Api, document: &Value, ending: &str) -> Self {
        let mut document = document.clone();
        let kind = document["kind"].as_str().expect("a document has a kind");
        let resource = format!("{}.unstall.dev", kind.to_lowercase());
        let is_ledger = kind == "DisruptionLedger";
        let turn = is_ledger.then(|| LEDGER.lock().unwrap_or_else(PoisonError::into_inner));
        let mut name = document["metadata"]["name"]
            .as_str()
            .expect("it has a name")
            .to_owned();
        if !is_ledger {
            name = format!("{name}-{ending}");
            document["metadata"]["name"] = json!(name);
        }
        let ours = api.get(&resource, &name).is_none();
        assert!(
            ours || is_ledger,
            "{resource}/{name} was left behind: delete it"
        );
        let existing = Self {
            api,
            resource,
            name,
            ours,
            _turn: turn,
        };
        if ours {
            let mut object = api.must_send(&["create", "--validate=strict"], &document);
            if let Some(status) = document.get("status") {
                object["status"] = status.clone();
                api.must_send(
                    &["replace", "--subresource=status", "--validate=strict"],
                    &object,
                );
            }
        }
        existing
    }

    /// The object's resource, as kubectl takes it.
    pub fn resource(&self) -> &str {
        &self.resource
    }

    /// The object's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether the test made it.
    pub const fn ours(&self) -> bool {
        self.ours
    }

    /// The object as the server has it.
    pub fn live(&self) -> Value {
        self.api
            .get(&self.resource, &self.name)
            .expect("the object exists")
    }
}

impl Drop for Existing<'_> {
    fn drop(&mut self) {
        if self.ours {
            self.api
                .kubectl(&["delete", &self.resource, &self.name, "--ignore-not-found"]);
        }
    }
}
