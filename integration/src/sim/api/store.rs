//! The objects, and what became of them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, OnceLock};

use hyper::body::Bytes;
use serde_json::{Value, json};

use super::kind::Kind;

/// How many changes of a kind a watch can go back.
const KEPT: usize = 300;

/// A change of an object.
#[derive(Debug)]
pub struct Change {
    pub version: u64,
    pub before: Option<Arc<Value>>,
    pub after: Option<Arc<Value>>,
    line: OnceLock<Bytes>,
}

/// All objects of one kind.
#[derive(Debug, Default)]
struct Table {
    live: BTreeMap<String, Arc<Value>>,
    changes: VecDeque<Arc<Change>>,
    /// The version of the latest change that is forgotten.
    forgotten: u64,
}

/// All objects.
#[derive(Debug)]
pub struct Store {
    tables: BTreeMap<Kind, Table>,
    version: u64,
}

/// Of an object: its namespace, if it has one, and its name.
pub fn key(namespace: Option<&str>, name: &str) -> String {
    match namespace {
        Some(namespace) => format!("{namespace}/{name}"),
        None => name.to_owned(),
    }
}

impl Default for Store {
    fn default() -> Self {
        Self {
            tables: Kind::ALL.map(|kind| (kind, Table::default())).into(),
            version: 1,
        }
    }
}

impl Store {
    /// The version of the latest change.
    pub const fn version(&self) -> u64 {
        self.version
    }

    pub fn get(&self, kind: Kind, key: &str) -> Option<&Arc<Value>> {
        self.table(kind).live.get(key)
    }

    pub fn all(&self, kind: Kind) -> impl Iterator<Item = (&String, &Arc<Value>)> {
        self.table(kind).live.iter()
    }

    /// Puts `object` in its place, with a version of its own.
    pub fn put(&mut self, kind: Kind, key: &str, mut object: Value) -> Arc<Value> {
        self.version += 1;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        let after = Arc::new(object);
        self.change(kind, key, Some(Arc::clone(&after)));
        after
    }

    /// Takes an object away.
    pub fn remove(&mut self, kind: Kind, key: &str) -> Option<Arc<Value>> {
        let old = self.table(kind).live.get(key)?;
        let mut last = old.as_ref().clone();
        self.version += 1;
        last["metadata"]["resourceVersion"] = json!(self.version.to_string());
        let last = Arc::new(last);
        self.change(kind, key, None);
        Some(last)
    }

    fn change(&mut self, kind: Kind, key: &str, after: Option<Arc<Value>>) {
        let version = self.version;
        let Some(table) = self.tables.get_mut(&kind) else {
            return;
        };
        let before = match &after {
            Some(after) => table.live.insert(key.to_owned(), Arc::clone(after)),
            None => table.live.remove(key),
        };
        table.changes.push_back(Arc::new(Change {
            version,
            before,
            after,
            line: OnceLock::new(),
        }));
        if table.changes.len() > KEPT
            && let Some(change) = table.changes.pop_front()
        {
            table.forgotten = change.version;
        }
    }

    /// The changes of a kind after `version`; `None` where some of them are
    /// forgotten.
    pub fn since(&self, kind: Kind, version: u64) -> Option<Vec<Arc<Change>>> {
        let table = self.table(kind);
        if version < table.forgotten {
            return None;
        }
        let first = table
            .changes
            .partition_point(|change| change.version <= version);
        Some(table.changes.range(first..).cloned().collect())
    }

    /// Forgets the changes of all kinds, as a compaction does.
    pub fn forget(&mut self) {
        for table in self.tables.values_mut() {
            if let Some(last) = table.changes.back() {
                table.forgotten = last.version;
            }
            table.changes.clear();
        }
    }

    fn table(&self, kind: Kind) -> &Table {
        // Every kind has one from the start.
        &self.tables[&kind]
    }
}

impl Change {
    /// What a watch is told that sees the objects for which `is_seen`.
    pub fn line(&self, is_seen: impl Fn(&Value) -> bool) -> Option<Bytes> {
        let seen = |object: &Option<Arc<Value>>| object.as_ref().is_some_and(|it| is_seen(it));
        let (before, after) = (seen(&self.before), seen(&self.after));
        match (before, after) {
            (false, false) => None,
            (true, false) => {
                let mut last = self.before.as_ref()?.as_ref().clone();
                last["metadata"]["resourceVersion"] = json!(self.version.to_string());
                Some(line("DELETED", &last))
            }
            (false, true) => Some(line("ADDED", self.after.as_ref()?)),
            (true, true) => {
                let object = self.after.as_ref()?;
                let line = self.line.get_or_init(|| line("MODIFIED", object));
                Some(line.clone())
            }
        }
    }
}

/// A line of a watch.
pub fn line(event: &str, object: &Value) -> Bytes {
    let mut text = format!(r#"{{"type":"{event}","object":"#).into_bytes();
    // A Value is always JSON.
    let _ = serde_json::to_writer(&mut text, object);
    text.extend_from_slice(b"}\n");
    Bytes::from(text)
}
