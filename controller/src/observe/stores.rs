//! What is always watched: nodes, and our own kinds.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail};
use kube::runtime::watcher;
use kube::{Api, Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use tokio::sync::Notify;
use tokio::time::Instant;
use unstall_crds::health::NodeHealth;
use unstall_crds::ledger::DisruptionLedger;
use unstall_crds::policy::NodeHealthPolicy;
use unstall_crds::remediation::NodeRemediation;
use unstall_decide::Node;

use super::node;
use super::perhaps::Perhaps;
use super::same;
use super::table::{MAY_FAIL_FOR, Table};
use super::watch::{Kept, Told, Watch, watch};
use crate::metrics::Metrics;

/// How often it is looked whether all lists are there.
const LOOK: Duration = Duration::from_millis(50);

/// How many kinds are always watched.
const KINDS: usize = 5;

/// An object of ours, or why it could not be read.
pub type Readable<K> = Result<Arc<K>, String>;

/// The latest objects of every kind that decisions always need.
pub struct Stores {
    /// Nodes.
    pub nodes: Arc<Table<Node>>,
    /// Policies.
    pub policies: Arc<Table<Readable<NodeHealthPolicy>>>,
    /// What probes say.
    pub healths: Arc<Table<Readable<NodeHealth>>>,
    /// Incidents.
    pub remediations: Arc<Table<Readable<NodeRemediation>>>,
    /// The ledger.
    pub ledgers: Arc<Table<Readable<DisruptionLedger>>>,
    changed: Arc<Notify>,
    _watches: Vec<Watch>,
}

impl Stores {
    /// Starts the watches.
    #[must_use]
    pub fn start(client: &Client, metrics: &Arc<Metrics>) -> Self {
        let changed = Arc::new(Notify::new());
        let told = Told {
            changed: Arc::clone(&changed),
            metrics: Arc::clone(metrics),
        };
        let nodes = Arc::default();
        let (policies, of_policies) =
            ours(client, &told, Kept::new("nodehealthpolicies", readable));
        let (healths, of_healths) = ours(
            client,
            &told,
            Kept::new("nodehealths", readable).quiet_if(same::health),
        );
        let (remediations, of_remediations) =
            ours(client, &told, Kept::new("noderemediations", readable));
        let (ledgers, of_ledgers) = ours(client, &told, Kept::new("disruptionledgers", readable));
        let of_nodes = watch(
            Api::all(client.clone()),
            watcher::Config::default(),
            &nodes,
            &told,
            Kept::new("nodes", node::plain).quiet_if(same::node),
        );
        Self {
            nodes,
            policies,
            healths,
            remediations,
            ledgers,
            changed,
            _watches: vec![
                of_nodes,
                of_policies,
                of_healths,
                of_remediations,
                of_ledgers,
            ],
        }
    }

    /// Waits until every kind was listed once: nothing is decided on a part.
    /// `waits` is told at every look.
    ///
    /// # Errors
    /// When no list has come further `within` that time.
    pub async fn synced(&self, within: Duration, waits: impl Fn()) -> Result<()> {
        let mut furthest = [0; KINDS];
        let mut since = Instant::now();
        loop {
            let kinds = self.kinds();
            if kinds.iter().all(|kind| kind.is_listed) {
                return Ok(());
            }
            if come_further(&mut furthest, &kinds) {
                since = Instant::now();
            } else if since.elapsed() >= within {
                bail!(
                    "not listed, and no further in {} s: {}; are the right to list them and \
                     their definitions there?",
                    within.as_secs(),
                    unlisted(kinds)
                )
            }
            waits();
            tokio::time::sleep(LOOK).await;
        }
    }

    /// What has not been heard of for too long, and why.
    #[must_use]
    pub fn stale(&self) -> Option<String> {
        self.kinds()
            .into_iter()
            .find_map(|Kind { name, failing, .. }| {
                let (_, why) = failing.filter(|(time, _)| *time > MAY_FAIL_FOR)?;
                Some(format!(
                    "{name} cannot be watched, what is seen of them may be old: {why}"
                ))
            })
    }

    fn kinds(&self) -> [Kind; KINDS] {
        [
            Kind::of("Nodes", &self.nodes),
            Kind::of("NodeHealthPolicies", &self.policies),
            Kind::of("NodeHealths", &self.healths),
            Kind::of("NodeRemediations", &self.remediations),
            Kind::of("the DisruptionLedger", &self.ledgers),
        ]
    }

    /// Waits until something changed since the last call.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// What tells [`Stores::changed`], for watches beside these.
    #[must_use]
    pub fn notify(&self) -> Arc<Notify> {
        Arc::clone(&self.changed)
    }
}

/// How the watch of a kind goes.
struct Kind {
    name: &'static str,
    is_listed: bool,
    /// How many a list that is being read has told.
    read: usize,
    failing: Option<(Duration, String)>,
}

impl Kind {
    fn of<T>(name: &'static str, table: &Table<T>) -> Self {
        Self {
            name,
            is_listed: table.is_listed(),
            read: table.read(),
            failing: table.failing(),
        }
    }
}

/// Whether a list has come further than ever. One that begins anew and breaks off where it
/// did before has not: it might do so for ever.
fn come_further(furthest: &mut [usize; KINDS], kinds: &[Kind; KINDS]) -> bool {
    let mut is_further = false;
    for (furthest, kind) in furthest.iter_mut().zip(kinds) {
        let now = if kind.is_listed {
            usize::MAX
        } else {
            kind.read
        };
        is_further |= now > *furthest;
        *furthest = now.max(*furthest);
    }
    is_further
}

/// What was not listed yet, and why.
fn unlisted(kinds: [Kind; KINDS]) -> String {
    let kinds = kinds.into_iter().filter(|kind| !kind.is_listed);
    let each = kinds.map(|kind| match (kind.failing, kind.read) {
        (Some((_, why)), _) => format!("{} ({why})", kind.name),
        (None, 0) => format!("{} (no answer to the end)", kind.name),
        (None, read) => format!("{} (still being read, {read} so far)", kind.name),
    });
    each.collect::<Vec<_>>().join(", ")
}

/// Watches one of our kinds. An object that cannot be read, as one from a newer
/// version, must not end the watch of all the others.
fn ours<K>(
    client: &Client,
    told: &Told,
    kept: Kept<Perhaps<K>, Readable<K>>,
) -> (Arc<Table<Readable<K>>>, Watch)
where
    K: Resource<Scope = k8s_openapi::ClusterResourceScope>
        + Clone
        + std::fmt::Debug
        + DeserializeOwned
        + Send
        + Sync
        + 'static,
    K::DynamicType: Default + Clone,
{
    let table = Arc::default();
    let api: Api<Perhaps<K>> = Api::all(client.clone());
    let config = watcher::Config::default();
    let watch = watch(api, config, &table, told, kept);
    (table, watch)
}

fn readable<K: Resource>(object: Perhaps<K>) -> (String, Readable<K>) {
    match object.0 {
        Ok(mut object) => {
            object.meta_mut().managed_fields = None;
            (object.name_any(), Ok(Arc::new(object)))
        }
        Err(broken) => {
            let name = broken.metadata.name.unwrap_or_default();
            (name, Err(broken.error))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::metrics::Calls;
    use crate::testing::{Asked, empty, refusal, served};

    const WITHIN: Duration = Duration::from_mins(2);
    /// The pages of the list of NodeHealths.
    const PAGES: u64 = 4;

    /// Waits for the lists of a cluster, of which the page of NodeHealths that begins
    /// at the number `answer`s so.
    async fn synced<F>(answer: impl Fn(u64) -> F + Clone + Send + Sync + 'static) -> Result<()>
    where
        F: Future<Output = (u16, Value)> + Send + 'static,
    {
        let client = served(move |it: Asked| {
            let answer = answer.clone();
            async move {
                let is_page = it.path.ends_with("/nodehealths") && !it.query.contains("watch=");
                if !is_page {
                    return empty(&it);
                }
                let from = it.query.split("&continue=").nth(1);
                answer(from.map_or(0, |it| it.parse().unwrap())).await
            }
        });
        let metrics = Arc::new(Metrics::new(&Calls::default()));
        Stores::start(&client, &metrics).synced(WITHIN, || ()).await
    }

    fn page(number: u64) -> (u16, Value) {
        let next = number + 1;
        let next = (next < PAGES).then(|| next.to_string());
        let items = json!([{"metadata": {"name": format!("n{number}")}}]);
        let metadata = json!({"resourceVersion": "7", "continue": next});
        (200, json!({"metadata": metadata, "items": items}))
    }

    #[tokio::test(start_paused = true)]
    async fn lists_that_go_on_are_waited_for() {
        let began = Instant::now();
        let slow = |number| async move {
            tokio::time::sleep(WITHIN * 3 / 4).await;
            page(number)
        };
        synced(slow).await.unwrap();
        assert!(began.elapsed() > 2 * WITHIN);
    }

    #[tokio::test(start_paused = true)]
    async fn a_list_that_stands_still_is_told_apart_from_one_without_an_answer() {
        let began = Instant::now();
        let stands = |number| async move {
            match number {
                2 => std::future::pending().await,
                number => page(number),
            }
        };
        let why = synced(stands).await.unwrap_err().to_string();
        assert!(began.elapsed() < WITHIN * 5 / 4);
        let told = "not listed, and no further in 120 s: NodeHealths (still being read, 2 so far);";
        assert!(why.starts_with(told), "{why}");
        let why = synced(|_| std::future::pending()).await.unwrap_err();
        let why = why.to_string();
        assert!(why.contains("NodeHealths (no answer to the end)"), "{why}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_list_that_breaks_off_at_the_same_place_comes_no_further() {
        let began = Instant::now();
        let breaks = |number| async move {
            match number {
                2 => (503, refusal(503, "ServiceUnavailable", "too much")),
                number => page(number),
            }
        };
        let why = synced(breaks).await.unwrap_err().to_string();
        assert!(began.elapsed() < WITHIN * 5 / 4);
        assert!(why.contains("too much"), "{why}");
    }
}
