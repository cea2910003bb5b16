//! Watches: they tell late, break off, and go on from where they were.

use std::time::Duration;

use futures::channel::mpsc::UnboundedSender;
use hyper::body::{Bytes, Frame};
use serde_json::{Value, json};

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

    /// What it would have to tell is forgotten. Its end is the end of the stream.
    fn tell_gone(&self) {
        let gone = json!({
            "kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Expired",
            "message": "too old resource version", "code": 410,
        });
        self.tell(line("ERROR", &gone));
    }

    fn selects(&self, object: &Value) -> bool {
        let namespace = self.namespace.as_ref();
        self.selector.selects(object)
            && namespace.is_none_or(|it| object["metadata"]["namespace"] == **it)
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
            watcher.tell_gone();
            self.seen.count("watch", "gone");
            return;
        }
        let end = self.now + LIFE;
        self.watchers.insert(number, watcher);
        self.agenda.enter(end, Task::EndWatch(number));
        self.due(number);
    }

    /// Until when whoever acts now surely knew what there was of these kinds when it
    /// decided to. Longer than `LAG` ago that is in any case.
    pub fn known(&self, actor: &Actor, kinds: &[Kind]) -> Duration {
        let told = |process| {
            let told = kinds.iter().map(|kind| {
                let of_kind = |it: &Watcher| it.kind == *kind;
                self.told_until(process, of_kind)
            });
            told.min().unwrap_or_default()
        };
        self.known_by(actor, told)
    }

    /// The same of the pods that are watched as this one is.
    pub fn known_pods(&self, actor: &Actor, like: &Value) -> Duration {
        let of_it = |it: &Watcher| it.kind == Kind::Pod && it.selects(like);
        self.known_by(actor, |process| self.told_until(process, of_it))
    }

    /// Until when a process knows everything that these watches tell; nothing without one.
    fn told_until(&self, process: usize, is_asked: impl Fn(&Watcher) -> bool) -> Duration {
        let own = self.watchers.values().filter(|it| it.process == process);
        let told = own.filter(|it| is_asked(it));
        let told = told.map(|it| it.behind_since.unwrap_or(self.now));
        told.min().unwrap_or_default()
    }

    fn known_by(&self, actor: &Actor, told: impl FnOnce(usize) -> Duration) -> Duration {
        let at_least = self.now.saturating_sub(LAG);
        let slack = self.faults.slack();
        match actor {
            Actor::Process(process) if self.now >= self.unrest_until + slack => {
                told(*process).saturating_sub(slack).max(at_least)
            }
            _ => at_least,
        }
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
        let Some(changes) = self.store.since(watcher.kind, watcher.version) else {
            watcher.tell_gone();
            self.seen.count("watch", "gone");
            self.watchers.remove(&number);
            return;
        };
        let mut is_heard = true;
        for change in changes {
            watcher.version = change.version;
            let text = change.line(|object| watcher.selects(object));
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
