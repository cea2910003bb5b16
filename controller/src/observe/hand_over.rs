//! Objects of other remediators, looked at while an incident is handed over.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kube::api::{Api, DynamicObject};
use kube::core::GroupVersionKind;
use kube::{Client, discovery};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use unstall_crds::policy::TemplateReference;
use unstall_decide::{HandedOver, Wanted, template_key};

/// How often they are looked at.
const EVERY: Duration = Duration::from_secs(10);
/// How long one look may take.
const LIMIT: Duration = Duration::from_secs(10);

/// What is looked for: its key, the kind, the namespace, the name, and whether it
/// is a template.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Target {
    key: String,
    api_version: String,
    kind: String,
    namespace: Option<String>,
    name: String,
    is_template: bool,
}

/// Objects of other remediators.
pub struct HandOvers {
    client: Client,
    targets: BTreeSet<Target>,
    found: Arc<Mutex<BTreeMap<String, HandedOver>>>,
    task: Option<JoinHandle<()>>,
}

impl HandOvers {
    /// Looks at nothing yet.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self {
            client,
            targets: BTreeSet::new(),
            found: Arc::default(),
            task: None,
        }
    }

    /// Looks at what is `wanted`.
    pub fn want(&mut self, wanted: &Wanted, changed: &Arc<Notify>) {
        let objects = wanted.handed_over.iter().map(|(incident, node, template)| {
            target(incident.clone(), template, node.clone(), false)
        });
        let templates = wanted
            .templates
            .iter()
            .map(|it| target(template_key(it), it, it.name.clone(), true));
        let targets: BTreeSet<Target> = objects.chain(templates).collect();
        if targets == self.targets {
            return;
        }
        self.stop();
        self.targets.clone_from(&targets);
        if targets.is_empty() {
            return;
        }
        let (client, found) = (self.client.clone(), Arc::clone(&self.found));
        let changed = Arc::clone(changed);
        self.task = Some(tokio::spawn(async move {
            loop {
                let mut seen = BTreeMap::new();
                for target in &targets {
                    if let Some(state) = look(&client, target).await {
                        seen.insert(target.key.clone(), state);
                    }
                }
                *found.lock().unwrap_or_else(PoisonError::into_inner) = seen;
                changed.notify_one();
                tokio::time::sleep(EVERY).await;
            }
        }));
    }

    /// What was found, by incident or by template.
    #[must_use]
    pub fn all(&self) -> BTreeMap<String, HandedOver> {
        let found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        found.clone()
    }

    fn stop(&mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
        }
        self.found
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }
}

impl Drop for HandOvers {
    fn drop(&mut self) {
        self.stop();
    }
}

fn target(key: String, it: &TemplateReference, name: String, is_template: bool) -> Target {
    let kind = if is_template {
        it.kind.clone()
    } else {
        it.kind.trim_end_matches("Template").to_owned()
    };
    Target {
        key,
        api_version: it.api_version.clone(),
        kind,
        namespace: it.namespace.clone(),
        name,
        is_template,
    }
}

/// Whether a target is there; `None` when nobody answers.
async fn look(client: &Client, target: &Target) -> Option<HandedOver> {
    let look = async {
        let api = match api(
            client,
            &target.api_version,
            &target.kind,
            target.namespace.as_deref(),
        )
        .await
        {
            Ok(api) => api,
            Err(kube::Error::Discovery(_)) => return Some(HandedOver::NoTemplate),
            Err(kube::Error::Api(status)) if status.code == 404 => {
                return Some(HandedOver::NoTemplate);
            }
            Err(error) => {
                tracing::warn!(kind = target.kind, %error, "cannot look for the kind");
                return None;
            }
        };
        match api.get_metadata_opt(&target.name).await {
            Ok(Some(_)) => Some(HandedOver::Present),
            Ok(None) if target.is_template => Some(HandedOver::NoTemplate),
            Ok(None) => Some(HandedOver::Absent),
            Err(error) => {
                tracing::warn!(kind = target.kind, name = target.name, %error, "cannot look");
                None
            }
        }
    };
    tokio::time::timeout(LIMIT, look).await.ok().flatten()
}

/// The API of a kind that only the cluster knows.
///
/// # Errors
/// When the API server does not answer, or does not know the kind.
pub async fn api(
    client: &Client,
    api_version: &str,
    kind: &str,
    namespace: Option<&str>,
) -> Result<Api<DynamicObject>, kube::Error> {
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let gvk = GroupVersionKind::gvk(group, version, kind);
    let (resource, _) = discovery::pinned_kind(client, &gvk).await?;
    Ok(match namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    })
}
