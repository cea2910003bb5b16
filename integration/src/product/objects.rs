//! The product's objects on a cluster with one node, as JSON.

use anyhow::Result;
use serde_json::Value;

use crate::cluster::Cluster;

/// All of them at one moment.
#[derive(Debug, Clone)]
pub struct Objects(Vec<Value>);

static NOTHING: Value = Value::Null;

impl Objects {
    /// Asks the API server.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn read(cluster: &Cluster) -> Result<Self> {
        let kinds = [
            "nodehealthpolicies",
            "nodehealths",
            "noderemediations",
            "disruptionledgers",
        ];
        cluster.reader()?.list(&kinds).map(Self)
    }

    /// The policy, the only one or the first.
    #[must_use]
    pub fn policy(&self) -> &Value {
        self.of("NodeHealthPolicy").next().unwrap_or(&NOTHING)
    }

    /// What the node's probe says.
    #[must_use]
    pub fn health(&self) -> &Value {
        self.of("NodeHealth").next().unwrap_or(&NOTHING)
    }

    /// The ledger.
    #[must_use]
    pub fn ledger(&self) -> &Value {
        self.of("DisruptionLedger").next().unwrap_or(&NOTHING)
    }

    /// The incidents.
    pub fn remediations(&self) -> impl Iterator<Item = &Value> {
        self.of("NodeRemediation")
    }

    /// The incident that ended, or the open one, or nothing.
    #[must_use]
    pub fn remediation(&self) -> &Value {
        let ended = self
            .remediations()
            .find(|r| text(r, "/status/outcome").is_some());
        ended
            .or_else(|| self.remediations().next())
            .unwrap_or(&NOTHING)
    }

    fn of<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Value> {
        self.0
            .iter()
            .filter(move |object| text(object, "/kind") == Some(kind))
    }
}

/// The string at a JSON pointer.
#[must_use]
pub fn text<'a>(value: &'a Value, path: &str) -> Option<&'a str> {
    value.pointer(path).and_then(Value::as_str)
}

/// The list at a JSON pointer; empty where there is none.
#[must_use]
pub fn list<'a>(value: &'a Value, path: &str) -> &'a [Value] {
    value
        .pointer(path)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// What an incident left on a Node: marks, conditions, a cordon.
#[must_use]
pub fn left_on(node: &Value) -> Vec<String> {
    let keys = |path: &str| -> Vec<String> {
        let fields = node.pointer(path).and_then(Value::as_object);
        fields.map_or_else(Vec::new, |it| it.keys().cloned().collect())
    };
    let marks = keys("/metadata/annotations")
        .into_iter()
        .chain(keys("/metadata/labels"));
    let ours = marks.filter(|key| {
        key.starts_with("unstall.dev/")
            || key.contains("scale-down-disabled")
            || key.contains("exclude-from-external-load-balancers")
    });
    let conditions = list(node, "/status/conditions").iter();
    let conditions = conditions.filter_map(|it| text(it, "/type"));
    let conditions = conditions
        .filter(|it| it.starts_with("Maintenance") || it.starts_with("Drain"))
        .map(ToOwned::to_owned);
    let cordon = node
        .pointer("/spec/unschedulable")
        .map(|_| "a cordon".to_owned());
    let taints = list(node, "/spec/taints").iter().map(Value::to_string);
    let taints = taints.filter(|it| it.contains("unstall.dev/"));
    ours.chain(conditions).chain(cordon).chain(taints).collect()
}
