//! Objects of other remediators, looked at while an incident is handed over.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kube::api::{Api, DynamicObject};
use kube::core::GroupVersionKind;
use kube::{Client, discovery};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use unstall_crds::names::annotation;
use unstall_crds::policy::TemplateReference;
use unstall_decide::{HandedOver, Wanted, template_key};

use crate::machine;

/// How often they are looked at.
const EVERY: Duration = Duration::from_secs(10);
/// How often a template is that is there: nobody waits for it.
const TEMPLATE_EVERY: Duration = Duration::from_mins(5);
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

/// What was found, by incident or by template.
#[derive(Debug, Default)]
pub struct Sights {
    inner: Mutex<Inner>,
    wake: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    found: BTreeMap<String, HandedOver>,
    /// Why the object of an incident could not be made.
    refused: BTreeMap<String, String>,
    /// Counts what was forgotten: a look that began before saw the time before.
    forgotten: u64,
}

impl Sights {
    /// Forgets what was found of an incident, whose object is being made or deleted,
    /// and looks again.
    pub fn forget(&self, incident: &str) {
        let mut inner = self.lock();
        inner.found.remove(incident);
        inner.forgotten += 1;
        drop(inner);
        self.wake.notify_one();
    }

    /// Keeps why the object of an incident could not be made.
    pub fn refuse(&self, incident: &str, why: String) {
        self.lock().refused.insert(incident.to_owned(), why);
        self.wake.notify_one();
    }

    /// What was found, and what was refused of that which is not there.
    fn all(&self) -> BTreeMap<String, HandedOver> {
        let inner = self.lock();
        let mut all = inner.found.clone();
        for (incident, why) in &inner.refused {
            if let Some(state) = all.get_mut(incident)
                && *state == HandedOver::Absent
            {
                *state = HandedOver::Refused(why.clone());
            }
        }
        all
    }

    fn forgotten(&self) -> u64 {
        self.lock().forgotten
    }

    /// Keeps what a look that began at `forgotten` found, and says whether that is news;
    /// `None` when something was forgotten meanwhile.
    fn keep(&self, forgotten: u64, found: BTreeMap<String, HandedOver>) -> Option<bool> {
        let mut inner = self.lock();
        if inner.forgotten != forgotten {
            return None;
        }
        let is_new = inner.found != found;
        inner.found = found;
        Some(is_new)
    }

    fn retain(&self, keys: &BTreeSet<&str>) {
        let mut inner = self.lock();
        inner.found.retain(|key, _| keys.contains(key.as_str()));
        inner.refused.retain(|key, _| keys.contains(key.as_str()));
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Objects of other remediators.
pub struct HandOvers {
    client: Client,
    targets: BTreeSet<Target>,
    sights: Arc<Sights>,
    task: Option<JoinHandle<()>>,
}

impl HandOvers {
    /// Looks at nothing yet.
    #[must_use]
    pub fn new(client: Client, sights: Arc<Sights>) -> Self {
        Self {
            client,
            targets: BTreeSet::new(),
            sights,
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
        let keys = targets.iter().map(|target| target.key.as_str()).collect();
        self.sights.retain(&keys);
        if targets.is_empty() {
            return;
        }
        let (client, sights) = (self.client.clone(), Arc::clone(&self.sights));
        let changed = Arc::clone(changed);
        self.task = Some(machine::spawn(async move {
            let mut looker = Looker::new(client);
            loop {
                let forgotten = sights.forgotten();
                let found = looker.all(&targets).await;
                if let Some(is_new) = sights.keep(forgotten, found) {
                    if is_new {
                        changed.notify_one();
                    }
                    tokio::select! {
                        biased;
                        () = sights.wake.notified() => looker.templates.clear(),
                        () = tokio::time::sleep(EVERY) => {}
                    }
                }
            }
        }));
    }

    /// What was found, by incident or by template.
    #[must_use]
    pub fn all(&self) -> BTreeMap<String, HandedOver> {
        self.sights.all()
    }

    fn stop(&mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
        }
    }
}

impl Drop for HandOvers {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Looks at targets: at templates seldom, once they are there.
struct Looker {
    client: Client,
    /// When each template was seen.
    templates: BTreeMap<String, Instant>,
}

impl Looker {
    const fn new(client: Client) -> Self {
        Self {
            client,
            templates: BTreeMap::new(),
        }
    }

    async fn all(&mut self, targets: &BTreeSet<Target>) -> BTreeMap<String, HandedOver> {
        let mut found = BTreeMap::new();
        for target in targets {
            let seen = self.templates.get(&target.key);
            if seen.is_some_and(|at| at.elapsed() < TEMPLATE_EVERY) {
                found.insert(target.key.clone(), HandedOver::Present);
                continue;
            }
            let Some(state) = look(&self.client, target).await else {
                continue;
            };
            if target.is_template && state == HandedOver::Present {
                self.templates.insert(target.key.clone(), Instant::now());
            }
            found.insert(target.key.clone(), state);
        }
        found
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
        let (api_version, kind) = (&target.api_version, &target.kind);
        let api = api(client, api_version, kind, target.namespace.as_deref()).await?;
        api.get_metadata_opt(&target.name).await
    };
    let found = tokio::time::timeout(LIMIT, look).await.ok()?;
    match found {
        Ok(None) if target.is_template => Some(HandedOver::NoTemplate),
        Ok(None) => Some(HandedOver::Absent),
        Ok(Some(found)) => {
            let of = found.metadata.annotations.unwrap_or_default();
            let is_ours = of.get(annotation::REMEDIATION) == Some(&target.key);
            match target.is_template || is_ours {
                true => Some(HandedOver::Present),
                false => Some(HandedOver::Foreign),
            }
        }
        Err(error) if is_unknown_kind(&error) => Some(HandedOver::NoTemplate),
        Err(kube::Error::Api(status)) if status.is_forbidden() => Some(HandedOver::Forbidden),
        Err(error) => {
            tracing::warn!(kind = target.kind, name = target.name, %error, "cannot look");
            None
        }
    }
}

/// Whether the API server does not know a kind, or not any more.
#[must_use]
pub fn is_unknown_kind(error: &kube::Error) -> bool {
    match error {
        kube::Error::Discovery(_) => true,
        kube::Error::Api(status) => status.is_not_found(),
        _ => false,
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_seen_before_a_deed_is_not_kept_after_it() {
        let sights = Sights::default();
        let found = |state| BTreeMap::from([("n1-1".to_owned(), state)]);
        let began = sights.forgotten();
        assert_eq!(sights.keep(began, found(HandedOver::Absent)), Some(true));
        let again = sights.keep(began, found(HandedOver::Absent));
        assert_eq!(again, Some(false), "the same is no news");
        let began = sights.forgotten();
        sights.forget("n1-1");
        assert!(sights.lock().found.is_empty());
        assert_eq!(sights.keep(began, found(HandedOver::Absent)), None);
        assert!(sights.lock().found.is_empty());
        let later = sights.keep(sights.forgotten(), found(HandedOver::Present));
        assert_eq!(later, Some(true));
        sights.retain(&BTreeSet::from(["n1-1"]));
        assert_eq!(sights.lock().found, found(HandedOver::Present));
        sights.retain(&BTreeSet::new());
        assert!(sights.lock().found.is_empty());
    }

    #[test]
    fn what_was_refused_is_told_of_what_is_not_there() {
        let sights = Sights::default();
        let found = |state| BTreeMap::from([("n1-1".to_owned(), state)]);
        sights.refuse("n1-1", "no".to_owned());
        assert_eq!(sights.all(), BTreeMap::new(), "nobody has looked yet");
        sights.keep(0, found(HandedOver::Absent));
        assert_eq!(sights.all(), found(HandedOver::Refused("no".to_owned())));
        sights.keep(0, found(HandedOver::Present));
        assert_eq!(sights.all(), found(HandedOver::Present));
        sights.retain(&BTreeSet::new());
        sights.keep(0, found(HandedOver::Absent));
        assert_eq!(sights.all(), found(HandedOver::Absent), "another remedy");
    }
}
