//! Watches: they tell late, break off, and go on from where they were.

use std::time::Duration;

use futures::channel::mpsc::UnboundedSender;
use hyper::body::{Bytes, Frame};
use serde_json::json;

use super::wire::Line;
use super::{Task, World};
use crate::sim::api::kind::Kind;
use crate::sim::api::route::Call;
use crate::sim::api::select::Selector;
use crate::sim::api::store::line;
use crate::sim::law::LAG;
use crate::sim::sight;
use crate::sim::trace::Actor;

/// As long as the API server lets a watch go on.
const LIFE: Duration = Duration::from_secs(290);

/// One watch.
pub struct Watcher {
    pub process: usize,
    pub kind: Kind,
    namespace: Option<String>,
    selector: Selector,
    /// What was told already.
    version: u64,
    lines: UnboundedSender<Line>,
    /// Whether it is to tell something soon.
    is_due: bool,
    /// Since when there is something that it has not told.
    behind_since: Option<Duration>,
}

impl Watcher {
    pub fn new(process: usize, call: &Call, lines: UnboundedSender<Line>) -> Self {
        Self {
            process,
            kind: call.kind,
            namespace: call.namespace.clone(),
            selector: call.selector.clone(),
            version: call.version,
            lines,
            is_due: false,
            // What came between its list and it.
            behind_since: Some(Duration::ZERO),
        }
    }

    /// Tells a line; whether anybody listens.
    fn tell(&self, text: Bytes) -> bool {
        self.lines.unbounded_send(Ok(Frame::data(text))).is_ok()
    }
}

impl World {
    /// A watch begins.
    pub fn watch(&mut self, watcher: Watcher) {
        self.watch_count += 1;
        let number = self.watch_count;
        if self.store.since(watcher.kind, watcher.version).is_none() {
            let gone = json!({
                "kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Expired",
                "message": "too old resource version", "code": 410,
            });
            watcher.tell(line("ERROR", &gone));
            self.seen.count("watch", "gone");
            // Its end is the end of the stream.
            return;
        }
        let end = self.now + LIFE;
        self.watchers.insert(number, watcher);
        self.agenda.enter(end, Task::EndWatch(number));
        self.due(number);
    }

    /// Until when a process knows everything of a kind, if it acts at once on what it is
    /// told.
    fn told_until(&self, process: usize, kind: Kind) -> Duration {
        let own = self.watchers.values();
        let of_kind = own.filter(|it| it.process == process && it.kind == kind);
        let told = of_kind.map(|it| it.behind_since.unwrap_or(self.now));
        told.min().unwrap_or_default()
    }

    /// Until when whoever acts now surely knew what there was of these kinds when it
    /// decided to. Longer than `LAG` ago that is in any case.
    pub fn known(&self, actor: &Actor, kinds: &[Kind]) -> Duration {
        let at_least = self.now.saturating_sub(LAG);
        let slack = self.faults.slack();
        let Actor::Process(process) = actor else {
            return at_least;
        };
        if self.now < self.unrest_until + slack {
            return at_least;
        }
        let told = kinds.iter().map(|kind| self.told_until(*process, *kind));
        let told = told.min().unwrap_or_default();
        told.saturating_sub(slack).max(at_least)
    }

    /// All watches of a kind have something to tell.
    pub fn tell_watchers(&mut self, kind: Kind) {
        let numbers: Vec<u64> = self
            .watchers
            .iter()
            .filter(|(_, watcher)| watcher.kind == kind && !watcher.is_due)
            .map(|(number, _)| *number)
            .collect();
        for number in numbers {
            self.due(number);
        }
    }

    fn due(&mut self, number: u64) {
        let lag = self.faults.lag(&mut self.chance);
        let Some(watcher) = self.watchers.get_mut(&number) else {
            return;
        };
        watcher.is_due = true;
        watcher.behind_since.get_or_insert(self.now);
        let stalled = self.processes[watcher.process].stalled(watcher.kind);
        let at = (self.now + lag).max(stalled);
        self.agenda.enter(at, Task::Flush(number));
    }

    /// Tells what happened since the last time.
    pub fn flush(&mut self, number: u64) {
        let Some(watcher) = self.watchers.get_mut(&number) else {
            return;
        };
        watcher.is_due = false;
        let process = &self.processes[watcher.process];
        if process.is_cut(self.now) {
            self.watchers.remove(&number);
            return;
        }
        if self.faults.breaks_watch(&mut self.chance) {
            self.seen.count("watch", "broken");
            self.watchers.remove(&number);
            return;
        }
        let changes = self.store.since(watcher.kind, watcher.version);
        let mut is_heard = true;
        for change in changes.into_iter().flatten() {
            watcher.version = change.version;
            let namespace = watcher.namespace.as_ref();
            let text = change.line(|object| {
                watcher.selector.selects(object)
                    && namespace.is_none_or(|it| object["metadata"]["namespace"] == **it)
            });
            if text.is_some() {
                let actor = Actor::Process(watcher.process);
                let sight = || sight::of_change(watcher.kind, &change);
                self.trace.saw(self.now, &actor, sight);
            }
            is_heard = text.is_none_or(|text| watcher.tell(text)) && is_heard;
        }
        watcher.behind_since = None;
        if !is_heard {
            self.watchers.remove(&number);
        }
    }

    /// The API server ends a watch.
    pub fn end_watch(&mut self, number: u64) {
        self.watchers.remove(&number);
    }
}
