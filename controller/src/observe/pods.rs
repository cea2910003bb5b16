//! Pods of the nodes that are worked on, and nothing else of all the pods.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod as KubePod;
use kube::runtime::watcher;
use kube::{Api, Client};
use unstall_decide::Pod;

use super::pod;
use super::table::Table;
use super::watch::{Kept, Told, Watch, watch};

/// A watch for each node that is asked for.
pub struct NodePods {
    client: Client,
    told: Told,
    nodes: BTreeMap<String, (Arc<Table<Pod>>, Watch)>,
}

impl NodePods {
    /// Watches nothing yet.
    #[must_use]
    pub fn new(client: Client, told: Told) -> Self {
        Self {
            client,
            told,
            nodes: BTreeMap::new(),
        }
    }

    /// Watches the pods of `nodes`, and of no other node any more.
    pub fn want(&mut self, nodes: &BTreeSet<String>) {
        self.nodes.retain(|name, _| nodes.contains(name));
        for name in nodes {
            if !self.nodes.contains_key(name) {
                let config = of_node(name);
                let started = start(&self.client, config, &self.told);
                self.nodes.insert(name.clone(), started);
            }
        }
    }

    /// The pods of each node, of those whose pods are known.
    #[must_use]
    pub fn all(&self) -> BTreeMap<String, Vec<Pod>> {
        let known = self.nodes.iter();
        known
            .filter_map(|(name, (table, _))| Some((name.clone(), listed(table)?)))
            .collect()
    }
}

/// A watch of the pods that have no node.
pub fn unplaced(client: &Client, told: &Told) -> (Arc<Table<Pod>>, Watch) {
    start(client, of_node(""), told)
}

/// What is in a table, if it is known.
#[must_use]
pub fn listed(table: &Table<Pod>) -> Option<Vec<Pod>> {
    let all = table.known()?;
    Some(all.values().map(|pod| pod.as_ref().clone()).collect())
}

/// The API server has an index of pods by node: such a watch costs it no scan.
fn of_node(name: &str) -> watcher::Config {
    watcher::Config::default().fields(&format!("spec.nodeName={name}"))
}

fn kept(it: KubePod) -> (String, Pod) {
    let pod = pod::from_kube(&it);
    (pod.path(), pod)
}

fn start(client: &Client, config: watcher::Config, told: &Told) -> (Arc<Table<Pod>>, Watch) {
    let table = Arc::default();
    let api: Api<KubePod> = Api::all(client.clone());
    let watch = watch(api, config, &table, told, Kept::new("pods", kept));
    (table, watch)
}
