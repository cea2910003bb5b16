//! Requests of processes, and what becomes of them on the way.

use std::time::Duration;

use futures::channel::mpsc::{UnboundedReceiver, unbounded};
use futures::channel::oneshot;
use serde_json::{Value, json};
use unstall_controller::client::SILENCE_LIMIT;

use super::watcher::Watcher;
use super::wire::Line;
use super::{DENIED, Task, World};
use crate::sim::api::evict::evict;
use crate::sim::api::kind::{Kind, THEIRS};
use crate::sim::api::reply::Reply;
use crate::sim::api::route::{Call, Verb};
use crate::sim::api::store::key;
use crate::sim::api::write::{Written, write};
use crate::sim::trace::Actor;

/// How an answer comes.
pub enum Way {
    Answered(oneshot::Receiver<Reply>),
    Watching(UnboundedReceiver<Line>),
}

/// A request on its way.
pub struct Pending {
    pub process: usize,
    pub call: Call,
    pub body: Value,
    pub fate: Fate,
    pub answer: oneshot::Sender<Reply>,
}

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    Good,
    /// Refused before anything is done.
    Failed,
    /// The server has too much to do.
    Throttled,
    /// Somebody else is said to have been faster.
    Conflict,
    /// Done, and the answer is lost.
    Lost,
    /// Nothing is done, and no answer comes.
    Hangs,
    /// Done after so long that nobody waits any more.
    Late,
    /// The process ends before anything is done,
    CrashBefore,
    /// or right after it was.
    CrashAfter,
}

impl Fate {
    pub const FAULTS: [Self; 8] = [
        Self::Failed,
        Self::Throttled,
        Self::Conflict,
        Self::Lost,
        Self::Hangs,
        Self::Late,
        Self::CrashBefore,
        Self::CrashAfter,
    ];
}

/// As long as nobody waits.
const LATE: Duration = Duration::from_secs(90);

impl World {
    /// A process asks for something.
    pub fn ask(&mut self, process: usize, call: Call, body: Value) -> Way {
        let (sender, receiver) = oneshot::channel();
        let fate = self.fate(process, &call);
        if call.verb == Verb::Watch && fate == Fate::Good {
            let (lines, stream) = unbounded();
            self.watch(Watcher::new(process, &call, lines));
            return Way::Watching(stream);
        }
        self.seen.call(&call);
        let delay = match fate {
            Fate::Late => LATE,
            Fate::Hangs => self.processes[process]
                .cut_for(self.now)
                .unwrap_or(SILENCE_LIMIT),
            _ => self.chance.millis(1, 12),
        };
        let at = self.now + delay;
        let pending = Pending {
            process,
            call,
            body,
            fate,
            answer: sender,
        };
        self.agenda.enter(at, Task::Deliver(Box::new(pending)));
        Way::Answered(receiver)
    }

    /// What is answered beside objects: Prometheus, and which kinds another remediator
    /// has. `Some(None)` is a connection that breaks.
    pub fn beside(&self, process: usize, path: &str) -> Option<Option<Reply>> {
        let reply = match path {
            "/api/v1/alerts" => self.others.alerts(self.now),
            _ if path.strip_prefix("/apis/") == Some(THEIRS) => kinds_of_theirs(),
            _ => return None,
        };
        let is_there = !self.processes[process].is_cut(self.now);
        Some(is_there.then_some(reply))
    }

    fn fate(&mut self, process: usize, call: &Call) -> Fate {
        if self.processes[process].is_cut(self.now) {
            return Fate::Hangs;
        }
        if self.faults.api_is_down(self.now) {
            return Fate::Failed;
        }
        let is_write = !matches!(call.verb, Verb::Get | Verb::List | Verb::Watch);
        // Leases are renewed all the time.
        let counts = is_write && call.kind != Kind::Lease;
        let mut fate = self.faults.fate(&mut self.chance, counts);
        if counts && self.faults.are_contended(self.now) {
            fate = Fate::Conflict;
        }
        let fate = match fate {
            Fate::Conflict if !is_write || call.verb == Verb::Create => Fate::Failed,
            Fate::Late | Fate::Hangs if call.verb == Verb::Watch => Fate::Failed,
            other => other,
        };
        if fate != Fate::Good {
            self.seen.fate(fate);
        }
        fate
    }

    /// A request arrives.
    pub fn deliver(&mut self, pending: Pending) {
        let Pending {
            process,
            call,
            body,
            fate,
            answer,
        } = pending;
        let actor = Actor::Process(process);
        match fate {
            Fate::Good => {
                let reply = self.serve(actor, &call, &body);
                // Whoever asked may be gone.
                let _ = answer.send(reply);
            }
            Fate::Failed => {
                let reply =
                    Reply::refused(503, "ServiceUnavailable", "the server is down (played)");
                let _ = answer.send(reply);
            }
            Fate::Throttled => {
                let details = json!({"retryAfterSeconds": 1});
                let text = "too many requests (played)";
                let _ = answer.send(Reply::because(429, "TooManyRequests", text, details));
            }
            Fate::Conflict => {
                let _ = answer.send(Reply::conflict("the object has been modified (played)"));
            }
            Fate::Lost | Fate::Late => {
                let group = if fate == Fate::Lost { "lost" } else { "late" };
                self.seen.count(group, &call.kind_of());
                self.serve(actor, &call, &body);
                drop(answer);
            }
            // Its connection breaks.
            Fate::Hangs => drop(answer),
            Fate::CrashBefore => self.crash(process, &call, "before"),
            Fate::CrashAfter => {
                self.serve(actor, &call, &body);
                self.crash(process, &call, "after");
            }
        }
    }

    fn crash(&mut self, process: usize, call: &Call, when: &str) {
        let counted = format!("{when} {}", call.kind_of());
        self.seen.count("crash", &counted);
        let text = format!("ends {when} {}", call.text());
        self.trace.note(self.now, Actor::Process(process), &text);
        self.kill(process);
    }

    /// The API server does it.
    fn serve(&mut self, actor: Actor, call: &Call, body: &Value) -> Reply {
        if call.kind == Kind::Event {
            // People read them; nothing is kept.
            self.seen.events += 1;
            return Reply::object(201, body);
        }
        match call.verb {
            Verb::Get => {
                let key = key(call.namespace.as_deref(), &call.name);
                match self.store.get(call.kind, &key) {
                    Some(object) => Reply::object(200, object),
                    None => Reply::not_found(&key),
                }
            }
            Verb::List | Verb::Watch => self.list(call),
            _ => self.change(actor, call, body),
        }
    }

    fn change(&mut self, actor: Actor, call: &Call, body: &Value) -> Reply {
        let now = self.wall();
        self.law_before(&actor, call, body);
        let (reply, commit): Written = if call.subresource.as_deref() == Some("eviction") {
            let key = key(call.namespace.as_deref(), &call.name);
            let pod = self.store.get(Kind::Pod, &key);
            let is_denied = pod.is_some_and(|it| it["metadata"]["labels"][DENIED] == "true");
            if is_denied && !self.faults.are_over() {
                (denied(), None)
            } else {
                evict(&mut self.store, &key, body, now)
            }
        } else if self.faults.denies(call.kind, self.now) {
            self.seen.count("denied", &call.kind_of());
            (denied(), None)
        } else {
            write(&mut self.store, call, body, now)
        };
        if call.subresource.as_deref() == Some("eviction") {
            self.seen.count("evict", &reply.code.to_string());
        }
        // Leases are renewed all the time.
        if call.kind != Kind::Lease && (!reply.is_good() || commit.is_some()) {
            let text = format!("{} -> {}", call.text(), reply.code);
            self.trace.note(self.now, actor.clone(), &text);
        }
        if let Some(commit) = commit {
            self.committed(actor, commit);
        }
        reply
    }

    fn list(&self, call: &Call) -> Reply {
        let form = call.kind.form();
        let all = self.store.all(call.kind).map(|(_, object)| object);
        let items: Vec<&Value> = all
            .map(AsRef::as_ref)
            .filter(|object| {
                let namespace = &object["metadata"]["namespace"];
                call.selector.selects(object)
                    && call
                        .namespace
                        .as_ref()
                        .is_none_or(|wanted| namespace == wanted)
            })
            .collect();
        let list = json!({
            "apiVersion": form.api_version,
            "kind": format!("{}List", form.kind),
            "metadata": {"resourceVersion": self.store.version().to_string()},
            "items": items,
        });
        Reply::object(200, &list)
    }
}

fn denied() -> Reply {
    let text = "admission webhook \"played.dev\" denied the request: not now";
    Reply::refused(403, "Forbidden", text)
}

fn kinds_of_theirs() -> Reply {
    let kinds = [Kind::HandedOver, Kind::Template].map(|kind| {
        let form = kind.form();
        json!({
            "name": form.plural, "singularName": "", "namespaced": true, "kind": form.kind,
            "verbs": ["create", "delete", "get", "list"],
        })
    });
    let list = json!({
        "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": THEIRS, "resources": kinds,
    });
    Reply::object(200, &list)
}
