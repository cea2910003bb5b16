//! Lists of any length, of which no more than a page is held.

use std::fmt::Debug;

use anyhow::{Result, bail};
use kube::api::{Api, ListParams};
use kube::core::{ObjectList, TypeMeta};
use kube::{Error, Resource};
use serde::de::DeserializeOwned;

use crate::client::bounded;

/// Objects of one answer: with all that reading them takes, some tens of megabytes at
/// most.
const PAGE: u32 = 200;
/// How often a list is begun again whose place the API server has forgotten.
const TRIES: usize = 5;

/// What `keep` makes of every object; nothing where the kind is not there any more.
///
/// # Errors
/// When a page cannot be read.
pub async fn kept<K, T>(api: &Api<K>, keep: impl Fn(K) -> Option<T>) -> Result<Vec<T>>
where
    K: Resource + Clone + Debug + DeserializeOwned,
    K::DynamicType: Default,
{
    let kind = K::kind(&K::DynamicType::default()).into_owned();
    let what = format!("cannot list the {kind}s");
    for _ in 0..TRIES {
        if let Some(kept) = once(api, &what, &keep).await? {
            return Ok(kept);
        }
    }
    bail!(
        "{what}: the API server forgot {TRIES} times where it was in the list: run the cleanup again"
    )
}

/// The same, once; `None` where the API server has forgotten between two pages where
/// it was.
async fn once<K, T>(
    api: &Api<K>,
    what: &str,
    keep: impl Fn(K) -> Option<T>,
) -> Result<Option<Vec<T>>>
where
    K: Clone + Debug + DeserializeOwned,
{
    let mut params = ListParams::default().limit(PAGE);
    let mut kept = Vec::new();
    loop {
        let is_later = params.continue_token.is_some();
        let call = async {
            match api.list(&params).await {
                Err(Error::Api(status)) if status.code == 404 => Ok(Some(none())),
                Err(Error::Api(status)) if status.code == 410 && is_later => Ok(None),
                other => other.map(Some),
            }
        };
        let Some(page) = bounded(what, call).await? else {
            return Ok(None);
        };
        kept.extend(page.items.into_iter().filter_map(&keep));
        params.continue_token = page.metadata.continue_.filter(|token| !token.is_empty());
        if params.continue_token.is_none() {
            return Ok(Some(kept));
        }
    }
}

fn none<K: Clone>() -> ObjectList<K> {
    ObjectList {
        types: TypeMeta::default(),
        metadata: Default::default(),
        items: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, Mutex};

    use kube::ResourceExt;
    use serde_json::{Value, json};
    use unstall_crds::health::NodeHealth;

    use super::*;
    use crate::observe::Perhaps;
    use crate::testing::{refusal, served};

    fn page(names: &[&str], next: &str) -> Value {
        let items: Vec<Value> = names
            .iter()
            .map(|name| json!({"metadata": {"name": name}, "spec": {"nodeUID": "u"}}))
            .collect();
        json!({"metadata": {"continue": next}, "items": items})
    }

    /// The names of what a server lists that answers with `pages` in turn, and what it
    /// was asked.
    async fn listed(pages: Vec<(u16, Value)>) -> (Result<Vec<String>>, Vec<String>) {
        let (count, queries) = (AtomicUsize::new(0), Arc::new(Mutex::new(Vec::new())));
        let asked = Arc::clone(&queries);
        let client = served(move |it| {
            asked.lock().unwrap().push(it.query);
            let number = count.fetch_add(1, Ordering::SeqCst);
            std::future::ready(pages[number % pages.len()].clone())
        });
        let api: Api<Perhaps<NodeHealth>> = Api::all(client);
        let names = kept(&api, |it| Some(it.0.ok()?.name_any())).await;
        let queries = queries.lock().unwrap().clone();
        (names, queries)
    }

    #[tokio::test]
    async fn a_list_is_read_page_by_page() {
        let pages = vec![(200, page(&["a", "b"], "two")), (200, page(&["c"], ""))];
        let (names, queries) = listed(pages).await;
        assert_eq!(names.unwrap(), ["a", "b", "c"]);
        assert_eq!(queries.len(), 2, "{queries:?}");
        assert!(queries[0].ends_with("limit=200"), "{queries:?}");
        assert!(queries[1].contains("continue=two"), "{queries:?}");
    }

    #[tokio::test]
    async fn a_list_whose_place_is_forgotten_begins_again() {
        let forgotten = || (410, refusal(410, "Expired", "too old"));
        let pages = vec![
            (200, page(&["a", "b"], "two")),
            forgotten(),
            (200, page(&["b"], "")),
        ];
        let (names, queries) = listed(pages).await;
        assert_eq!(names.unwrap(), ["b"], "the old ones are not kept");
        assert!(!queries[2].contains("continue"), "{queries:?}");
        let (names, queries) = listed(vec![(200, page(&["a"], "two")), forgotten()]).await;
        let why = format!("{:#}", names.unwrap_err());
        assert!(
            why.starts_with("cannot list the NodeHealths: the API server forgot"),
            "{why}"
        );
        assert_eq!(queries.len(), 2 * TRIES);
    }

    #[tokio::test]
    async fn a_kind_that_is_gone_has_no_objects_and_a_refusal_is_none() {
        let gone = refusal(404, "NotFound", "no such kind");
        assert!(listed(vec![(404, gone)]).await.0.unwrap().is_empty());
        let refused = refusal(403, "Forbidden", "no right");
        let why = format!("{:#}", listed(vec![(403, refused)]).await.0.unwrap_err());
        assert!(
            why.contains("NodeHealths") && why.contains("no right"),
            "{why}"
        );
    }
}
