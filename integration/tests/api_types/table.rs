//! Tables of bad documents: each case changes a good one.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use crate::json::parse_yaml;

/// Cases that start from the same good document.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// The good document: a file in `data/good`.
    pub base: String,
    /// How the changed document reaches the server.
    pub via: Via,
    /// The cases.
    pub cases: Vec<Case>,
}

/// How a changed document reaches the server.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    /// As a new object.
    Create,
    /// As a change of the good document, which exists.
    Replace,
    /// As a change of the status of the good document, which exists.
    ReplaceStatus,
}

/// One bad document, and how it is refused.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// What is bad about it.
    pub name: String,
    /// Values to set, by JSON pointer.
    #[serde(default)]
    pub set: BTreeMap<String, Value>,
    /// JSON pointers to remove.
    #[serde(default)]
    pub remove: Vec<String>,
    /// The field that the server must name.
    pub field: String,
    /// How the answer must end: for a rule of ours, the whole message.
    pub says: String,
    /// Further causes that cannot be avoided. There are no others.
    #[serde(default)]
    pub also: Vec<Further>,
}

/// A further cause.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Further {
    pub field: String,
    pub says: String,
}

impl Table {
    /// Reads `data/refused/<name>.yaml`.
    pub fn read(name: &str) -> Self {
        let path = data(&format!("refused/{name}.yaml"));
        serde_json::from_value(parse_yaml(&path))
            .unwrap_or_else(|e| panic!("{}: {e}", path.display()))
    }

    /// The good document.
    pub fn good(&self) -> Value {
        parse_yaml(&data(&format!("good/{}.yaml", self.base)))
    }
}

impl Case {
    /// The bad document, made from a good one.
    pub fn apply(&self, good: &Value) -> Value {
        let mut bad = good.clone();
        for (pointer, value) in &self.set {
            let (parent, key) = split(pointer);
            match self.parent(&mut bad, parent) {
                Value::Object(fields) => {
                    fields.insert(key, value.clone());
                }
                Value::Array(items) => match key.parse::<usize>() {
                    Ok(index) if index < items.len() => items[index] = value.clone(),
                    Ok(index) if index == items.len() => items.push(value.clone()),
                    _ => panic!("{}: {pointer} is not an item of the list", self.name),
                },
                _ => panic!("{}: {parent} is neither object nor list", self.name),
            }
        }
        for pointer in &self.remove {
            let (parent, key) = split(pointer);
            let removed = self
                .parent(&mut bad, parent)
                .as_object_mut()
                .and_then(|o| o.remove(&key));
            assert!(removed.is_some(), "{}: {pointer} is not there", self.name);
        }
        assert!(bad != *good, "{} changes nothing", self.name);
        bad
    }

    fn parent<'a>(&self, document: &'a mut Value, pointer: &str) -> &'a mut Value {
        document
            .pointer_mut(pointer)
            .unwrap_or_else(|| panic!("{}: {pointer} is not there", self.name))
    }
}

fn split(pointer: &str) -> (&str, String) {
    let (parent, key) = pointer
        .rsplit_once('/')
        .expect("a JSON pointer begins with /");
    (parent, key.replace("~1", "/").replace("~0", "~"))
}

fn data(path: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(path)
}
