//! Objects that exist for the length of a test.

use serde_json::Value;

use crate::api::Api;

/// An object that was created for a test and goes with it. One that existed
/// before, such as the ledger of a cluster in use, is left as it is.
pub struct Existing<'a> {
    api: &'a Api,
    resource: String,
    name: String,
    ours: bool,
}

impl<'a> Existing<'a> {
    /// Makes sure that the object exists, with the status of the document.
    pub fn create(api: &'a Api, document: &Value) -> Self {
        let text = |pointer: &str| {
            document
                .pointer(pointer)
                .unwrap()
                .as_str()
                .unwrap()
                .to_owned()
        };
        let (resource, name) = (
            format!("{}.unstall.dev", text("/kind").to_lowercase()),
            text("/metadata/name"),
        );
        let ours = api.get(&resource, &name).is_none();
        if ours {
            let mut object = api.must_send(&["create", "--validate=strict"], document);
            if let Some(status) = document.get("status") {
                object["status"] = status.clone();
                api.must_send(
                    &["replace", "--subresource=status", "--validate=strict"],
                    &object,
                );
            }
        }
        Self {
            api,
            resource,
            name,
            ours,
        }
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
                .kubectl(&["delete", &self.resource, &self.name, "--wait=false"]);
        }
    }
}
