//! Objects as tests look at them, several times a second: a kubectl for each look kept
//! every CPU busy.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use kube::Client;
use kube::api::{Api, DynamicObject, ListParams};
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};

use crate::testing::client;

/// How long an answer may take.
const LIMIT: Duration = Duration::from_secs(20);

/// Plural, group, version, kind, and whether objects of it live in namespaces.
const KINDS: [(&str, &str, &str, &str, bool); 10] = [
    ("nodes", "", "v1", "Node", false),
    ("pods", "", "v1", "Pod", true),
    ("deployments", "apps", "v1", "Deployment", true),
    ("leases", "coordination.k8s.io", "v1", "Lease", true),
    ("events", "events.k8s.io", "v1", "Event", true),
    ("fences", "example.org", "v1", "Fence", true),
    (
        "nodehealthpolicies",
        "unstall.dev",
        "v1alpha1",
        "NodeHealthPolicy",
        false,
    ),
    (
        "nodehealths",
        "unstall.dev",
        "v1alpha1",
        "NodeHealth",
        false,
    ),
    (
        "noderemediations",
        "unstall.dev",
        "v1alpha1",
        "NodeRemediation",
        false,
    ),
    (
        "disruptionledgers",
        "unstall.dev",
        "v1alpha1",
        "DisruptionLedger",
        false,
    ),
];

/// Reads objects with a cluster's administrator's rights.
#[derive(Clone)]
pub struct Reader {
    runtime: Arc<Runtime>,
    client: Client,
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Reader").finish_non_exhaustive()
    }
}

impl Reader {
    /// One for the API server of `kubeconfig`.
    ///
    /// # Errors
    /// When that file is not valid.
    pub fn new(kubeconfig: &Path) -> Result<Self> {
        let mut runtime = Builder::new_multi_thread();
        let runtime = runtime.worker_threads(1).enable_all().build()?;
        let client = runtime.block_on(client(kubeconfig))?;
        let runtime = Arc::new(runtime);
        Ok(Self { runtime, client })
    }

    /// All objects of these kinds, by their plural, whatever their namespace.
    ///
    /// # Errors
    /// When the API server does not tell.
    pub fn list(&self, kinds: &[&str]) -> Result<Vec<Value>> {
        let mut all = Vec::new();
        for plural in kinds {
            let resource = resource(plural)?.0;
            let api: Api<DynamicObject> = Api::all_with(self.client.clone(), &resource);
            let params = ListParams::default();
            let list = self.ask(plural, api.list(&params))?;
            for item in list {
                all.push(named(item, &resource)?);
            }
        }
        Ok(all)
    }

    /// One object; of a kind with namespaces, the one in `default`.
    ///
    /// # Errors
    /// When the API server does not tell, or there is none.
    pub fn get(&self, plural: &str, name: &str) -> Result<Value> {
        let (resource, namespaced) = resource(plural)?;
        let client = self.client.clone();
        let api: Api<DynamicObject> = if namespaced {
            Api::namespaced_with(client, "default", &resource)
        } else {
            Api::all_with(client, &resource)
        };
        let object = self.ask(&format!("{plural}/{name}"), api.get(name))?;
        named(object, &resource)
    }

    fn ask<T>(&self, what: &str, asked: impl Future<Output = kube::Result<T>>) -> Result<T> {
        let answered = async { tokio::time::timeout(LIMIT, asked).await };
        let answer = self.runtime.block_on(answered);
        let answer = answer.with_context(|| format!("{what}: no answer in {LIMIT:?}"))?;
        answer.with_context(|| what.to_owned())
    }
}

fn resource(plural: &str) -> Result<(ApiResource, bool)> {
    let found = KINDS.iter().find(|it| it.0 == plural);
    let (_, group, version, kind, namespaced) =
        found.with_context(|| format!("no kind {plural} is read here"))?;
    let kind = GroupVersionKind::gvk(group, version, kind);
    let resource = ApiResource::from_gvk_with_plural(&kind, plural);
    Ok((resource, *namespaced))
}

/// With its kind, which the items of most lists lack.
fn named(object: DynamicObject, resource: &ApiResource) -> Result<Value> {
    let mut value = serde_json::to_value(object)?;
    value["apiVersion"] = resource.api_version.clone().into();
    value["kind"] = resource.kind.clone().into();
    Ok(value)
}
