//! One watch.

use std::fmt::Debug;
use std::sync::Arc;

use futures::StreamExt;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Resource};
use serde::de::DeserializeOwned;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::table::Table;
use crate::machine;
use crate::metrics::Metrics;

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
    let mut events = watcher(api, config).default_backoff().boxed();
    let task = machine::spawn(async move {
        while let Some(event) = events.next().await {
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
