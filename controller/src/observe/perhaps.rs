//! An object that cannot be read must not end the list or the watch it is in.

use std::borrow::Cow;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// An object, or why it could not be read.
///
/// kube's `DeserializeGuard` holds the same. It makes a tree of each object, copies it and
/// reads the copy; this reads the text.
#[derive(Debug, Clone)]
pub struct Perhaps<K>(pub Result<K, Unread>);

/// An object that could not be read.
#[derive(Debug, Clone)]
pub struct Unread {
    /// Why.
    pub error: String,
    /// What it is called, as far as that can be read.
    pub metadata: ObjectMeta,
}

#[derive(Deserialize)]
struct Named {
    #[serde(default)]
    metadata: ObjectMeta,
}

impl<'de, K: DeserializeOwned> Deserialize<'de> for Perhaps<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Box::<RawValue>::deserialize(deserializer)?;
        match serde_json::from_str(text.get()) {
            Ok(object) => Ok(Self(Ok(object))),
            Err(why) => {
                let named: Named = serde_json::from_str(text.get()).map_err(D::Error::custom)?;
                Ok(Self(Err(Unread {
                    error: why.to_string(),
                    metadata: named.metadata,
                })))
            }
        }
    }
}

impl<K: Resource> Resource for Perhaps<K> {
    type DynamicType = K::DynamicType;
    type Scope = K::Scope;

    fn kind(dt: &K::DynamicType) -> Cow<'_, str> {
        K::kind(dt)
    }

    fn group(dt: &K::DynamicType) -> Cow<'_, str> {
        K::group(dt)
    }

    fn version(dt: &K::DynamicType) -> Cow<'_, str> {
        K::version(dt)
    }

    fn plural(dt: &K::DynamicType) -> Cow<'_, str> {
        K::plural(dt)
    }

    fn meta(&self) -> &ObjectMeta {
        match &self.0 {
            Ok(object) => object.meta(),
            Err(unread) => &unread.metadata,
        }
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        match &mut self.0 {
            Ok(object) => object.meta_mut(),
            Err(unread) => &mut unread.metadata,
        }
    }
}

#[cfg(test)]
mod tests {
    use kube::core::{ObjectList, WatchEvent};
    use unstall_crds::ledger::DisruptionLedger;

    use super::*;

    type Read = Perhaps<DisruptionLedger>;

    const BAD: &str = r#"{"metadata": {"name": "fleet", "resourceVersion": "7"}, "spec": "none"}"#;

    #[test]
    fn a_list_holds_what_can_be_read_beside_what_cannot() {
        let good = r#"{"metadata": {"name": "other"}, "spec": {}}"#;
        let list = format!(r#"{{"metadata": {{}}, "items": [{BAD}, {good}]}}"#);
        let list: ObjectList<Read> = serde_json::from_str(&list).unwrap();
        let bad = list.items[0].0.as_ref().unwrap_err();
        assert_eq!(bad.metadata.name.as_deref(), Some("fleet"));
        assert!(bad.error.contains("invalid type"), "{}", bad.error);
        assert_eq!(list.items[1].meta().name.as_deref(), Some("other"));
        assert!(list.items[1].0.is_ok());
    }

    #[test]
    fn so_does_a_watch() {
        let line = format!(r#"{{"type": "MODIFIED", "object": {BAD}}}"#);
        let event: WatchEvent<Read> = serde_json::from_str(&line).unwrap();
        let WatchEvent::Modified(object) = event else {
            unreachable!("{event:?}");
        };
        assert_eq!(object.meta().resource_version.as_deref(), Some("7"));
    }

    #[test]
    fn what_is_no_object_is_an_error() {
        let not = serde_json::from_str::<Read>("7");
        assert!(not.is_err());
    }
}
