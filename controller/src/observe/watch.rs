//! One watch.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Resource};
use serde::de::DeserializeOwned;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::table::Table;
use crate::machine;
use crate::metrics::Metrics;

/// A watch that tells nothing for so long after it failed is begun anew with a list: one
/// that went on where it was may have nothing to tell, and does not say that it goes on.
const SILENT_FOR: Duration = Duration::from_secs(40);

/// Who is told of what watches see.
#[derive(Clone)]
pub struct Told {
    /// Woken when something changed.
    pub changed: Arc<Notify>,
    /// Counts interruptions.
    pub metrics: Arc<Metrics>,
}

/// A watch that goes on until this is dropped.
#[derive(Debug)]
pub struct Watch {
    task: JoinHandle<()>,
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What is kept of what a watch tells.
pub struct Kept<K, T> {
    name: &'static str,
    convert: fn(K) -> (String, T),
    is_same: fn(&T, &T) -> bool,
}

impl<K, T> Kept<K, T> {
    /// `name` is what the watch is called in metrics, `convert` makes a key of an object
    /// and what is kept of it.
    pub fn new(name: &'static str, convert: fn(K) -> (String, T)) -> Self {
        Self {
            name,
            convert,
            is_same: |_, _| false,
        }
    }

    /// What `is_same` calls the same is kept, and wakes nobody.
    pub fn quiet_if(self, is_same: fn(&T, &T) -> bool) -> Self {
        Self { is_same, ..self }
    }
}

/// Keeps `table` as the watch tells, and says when it `changed`.
pub fn watch<K, T>(
    api: Api<K>,
    config: watcher::Config,
    table: &Arc<Table<T>>,
    told: &Told,
    kept: Kept<K, T>,
) -> Watch
where
    K: Resource + Clone + Debug + DeserializeOwned + Send + 'static,
    K::DynamicType: Default,
    T: Send + Sync + 'static,
{
    let (table, told) = (Arc::clone(table), told.clone());
    let begin = move || {
        let events = watcher(api.clone(), config.clone());
        events.default_backoff().boxed()
    };
    let task = machine::spawn(async move {
        let mut events = begin();
        loop {
            let next = match table.failing() {
                None => Ok(events.next().await),
                Some(_) => tokio::time::timeout(SILENT_FOR, events.next()).await,
            };
            let event = match next {
                Ok(Some(event)) => event,
                Ok(None) => return,
                Err(_) => {
                    events = begin();
                    continue;
                }
            };
            match event {
                Ok(event) => {
                    if table.take_in(event, kept.convert, kept.is_same) {
                        told.changed.notify_one();
                    }
                }
                Err(error) => {
                    let kind = K::kind(&K::DynamicType::default()).into_owned();
                    tracing::warn!(kind, %error, "watch interrupted");
                    told.metrics.watch_restarted(kept.name);
                    table.fail(error.to_string());
                    told.changed.notify_one();
                }
            }
        }
    });
    Watch { task }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use http_body_util::{BodyExt, Full, StreamBody};
    use hyper::body::{Bytes, Frame};
    use hyper::{Request, Response};
    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::client::Body;
    use kube::{Client, ResourceExt};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_watch_that_goes_on_in_silence_is_not_taken_for_one_that_fails() {
        let watches = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&watches);
        let server = tower::service_fn(move |request: Request<Body>| {
            let query = request.uri().query().unwrap_or_default();
            let is_refused =
                query.contains("watch=") && counted.fetch_add(1, Ordering::SeqCst) == 0;
            let silence = futures::stream::pending::<Result<Frame<Bytes>, Infallible>>();
            let list = r#"{"kind":"ConfigMapList","apiVersion":"v1","metadata":{"resourceVersion":"7"},"items":[]}"#;
            let (code, body) = match query.contains("watch=") {
                false => (200, Full::from(list).boxed_unsync()),
                true if is_refused => (503, Full::from("{}").boxed_unsync()),
                true => (200, StreamBody::new(silence).boxed_unsync()),
            };
            let answer = Response::builder().status(code).body(body).unwrap();
            std::future::ready(Ok::<_, Infallible>(answer))
        });
        let api: Api<ConfigMap> = Api::all(Client::new(server, "default"));
        let told = Told {
            changed: Arc::default(),
            metrics: Arc::new(Metrics::new(&crate::metrics::Calls::default())),
        };
        let table = Arc::default();
        let kept = Kept::new("configmaps", |it: ConfigMap| (it.name_any(), ()));
        let _watch = watch(api, watcher::Config::default(), &table, &told, kept);
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert!(table.failing().is_some(), "its start was refused");
        assert_eq!(watches.load(Ordering::SeqCst), 2, "it goes on");
        tokio::time::sleep(SILENT_FOR).await;
        assert_eq!(table.failing(), None);
        assert!(table.is_listed());
        tokio::time::sleep(3 * SILENT_FOR).await;
        assert_eq!(watches.load(Ordering::SeqCst), 3, "and stays");
    }
}
