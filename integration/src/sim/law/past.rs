//! What the laws remember.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use unstall_crds::command::{CommandAction, CommandPayload};

use super::facts;
use crate::sim::api::evict::{is_leaving, is_ready};
use crate::sim::api::kind::Kind;
use crate::sim::api::route::{Call, Verb};
use crate::sim::api::write::Commit;
use crate::sim::trace::Actor;
use crate::sim::world::World;

/// As long as a view may be old without anybody knowing: longer than any watch
/// stalls here.
pub const LAG: Duration = Duration::from_mins(10);

/// What a node did.
#[derive(Debug, Clone)]
pub struct Done {
    pub at: Duration,
    pub node: String,
    pub id: String,
    pub epoch: i64,
    pub action: CommandAction,
    pub boot: u32,
    /// The slot that the node had: its incident, and since when.
    pub slot: Option<(String, jiff::Timestamp)>,
    /// The name of the remedy that ordered it.
    pub remedy: Option<String>,
}

/// A command that was given.
#[derive(Debug, Clone, Copy)]
pub struct Ordered {
    pub at: Duration,
    /// When its giver looked last at the pods of the node.
    pub looked: Duration,
}

/// What the laws remember.
#[derive(Debug, Default)]
pub struct Past {
    /// Everything that nodes did because they were ordered to.
    pub done: Vec<Done>,
    /// How each policy was, and from when on.
    pub policies: BTreeMap<String, Vec<(Duration, Option<Value>)>>,
    /// Since when each node has not been available for pods, by what its object says.
    pub away: BTreeMap<String, Duration>,
    /// Since when each node has not been Ready.
    pub unready: BTreeMap<String, Duration>,
    /// Since when each node has been unhealthy for the breaker of a policy, as
    /// `policy/node`: each counts by its own triggers.
    pub unhealthy: BTreeMap<String, Duration>,
    /// Since when somebody else has wanted each node.
    pub owned: BTreeMap<String, Duration>,
    /// Incidents of roll-outs that failed, and when.
    pub failed: BTreeMap<String, Duration>,
    /// Since when each incident has been as it is, and for what it waits.
    pub incidents: BTreeMap<String, Duration>,
    /// Since when each incident has been at work, which does not begin anew with its next rung.
    pub begun: BTreeMap<String, Duration>,
    /// When the last slot of each node was taken.
    pub taken: BTreeMap<String, Duration>,
    /// Writes of the controllers since faults ended, but for leases and Events.
    pub writes_in_peace: u64,
    /// The same of what they read, watches included.
    pub reads_in_peace: u64,
    /// When each node lost the cordon of an incident last.
    pub uncordoned: BTreeMap<String, Duration>,
    /// The latest command that each node was given.
    pub commands: BTreeMap<String, Value>,
    /// When each command was given, by its name and the time that stands in it: one that is
    /// given again has another.
    pub ordered: BTreeMap<(String, jiff::Timestamp), Ordered>,
    /// When each process looked last at the pods of each node.
    looked: BTreeMap<(usize, String), Duration>,
    /// Since when somebody has wanted each node left alone.
    pub skipped: BTreeMap<String, Duration>,
    /// Since when each pod has been on its node.
    pub placed: BTreeMap<String, Duration>,
    /// When one of the controller's own replicas came, went, or changed its readiness last.
    pub own_changed: Duration,
    /// Until when a replica of the controller was ready on each node; `None`: one is.
    pub own_ready: BTreeMap<String, Option<Duration>>,
    /// When a human wanted the slot of each node given back last.
    pub released: BTreeMap<String, Duration>,
    /// Incidents whose remedy a human approved.
    pub approved: BTreeSet<String>,
    /// Policies and nodes about which nothing was told at the last look.
    pub untold: BTreeSet<(String, String)>,
    /// When a human let halted roll-outs go on last.
    pub resumed: Option<Duration>,
    /// When the ledger was written last while it allowed a storm.
    pub storm_allowed: Option<Duration>,
    /// Since when each probe has written without a pause as long as a view may be old.
    pub heard: BTreeMap<String, Duration>,
    /// When each probe wrote last.
    pub beats: BTreeMap<String, Duration>,
    /// When each node was removed last, and how it was.
    pub gone: BTreeMap<String, (Duration, Arc<Value>)>,
    boots: BTreeMap<String, u32>,
}

impl Past {
    /// Takes in what a process asks for.
    pub fn asked(&mut self, world: &World, process: usize, call: &Call) {
        let is_read = matches!(call.verb, Verb::Get | Verb::List | Verb::Watch);
        if world.peace_since.is_some() && !matches!(call.kind, Kind::Lease | Kind::Event) {
            self.writes_in_peace += u64::from(!is_read);
            self.reads_in_peace += u64::from(is_read);
        }
        let now = world.now;
        let node = call.selector.field("/spec/nodeName");
        let is_look = call.kind == Kind::Pod && call.verb == Verb::List && !call.is_paged;
        if let Some(node) = node.filter(|_| is_look) {
            self.looked.insert((process, node.to_owned()), now);
        }
    }

    /// Takes in what was written.
    pub fn written(&mut self, world: &World, actor: &Actor, commit: &Commit) {
        let (now, key) = (world.now, commit.key.clone());
        match commit.kind {
            Kind::Policy => self.policy_written(now, commit),
            Kind::Node => self.node_written(world, commit),
            Kind::Pod => {
                let pod = commit.after.as_deref();
                let is_placed = pod.is_some_and(|it| it["spec"]["nodeName"].is_string());
                set(&mut self.placed, &key, now, is_placed);
                self.own_written(world, commit);
            }
            Kind::Ledger => {
                let ledger = commit.after.as_deref();
                let released = ledger.and_then(|it| it["spec"]["release"].as_array());
                for node in released.into_iter().flatten().filter_map(Value::as_str) {
                    self.released.insert(node.to_owned(), now);
                }
                let approved = ledger.and_then(|it| it["spec"]["approve"].as_array());
                let names = approved.into_iter().flatten().filter_map(Value::as_str);
                self.approved.extend(names.map(ToOwned::to_owned));
                let taken = facts::taken(commit).into_iter();
                self.taken.extend(taken.map(|slot| (slot.node, now)));
                self.switches_written(now, commit);
            }
            Kind::Health => self.health_written(world, actor, commit),
            Kind::Remediation => self.incident_written(now, commit),
            _ => {}
        }
    }

    fn switches_written(&mut self, now: Duration, commit: &Commit) {
        let of = |object: &Option<Arc<Value>>, field: &str| {
            object.as_ref().map(|it| it["spec"][field].clone())
        };
        let is_new = |field| {
            let after = of(&commit.after, field).filter(|it| !it.is_null());
            after.is_some() && after != of(&commit.before, field)
        };
        if is_new("resumeRollouts") {
            self.resumed = Some(now);
        }
        if commit
            .after
            .as_ref()
            .is_some_and(|it| !it["spec"]["allowStorm"].is_null())
        {
            self.storm_allowed = Some(now);
        }
    }

    fn own_written(&mut self, world: &World, commit: &Commit) {
        let now = world.now;
        let standing = |pod: &Option<Arc<Value>>| {
            let own = pod.as_deref().filter(|it| facts::is_own(it))?;
            Some((
                own["spec"]["nodeName"].clone(),
                is_ready(own),
                is_leaving(own),
            ))
        };
        if standing(&commit.before) == standing(&commit.after) {
            return;
        }
        self.own_changed = now;
        let pods = world.store.all(Kind::Pod).map(|(_, pod)| pod);
        let ready = pods.filter(|it| facts::is_own(it) && is_ready(it) && !is_leaving(it));
        let ready: BTreeSet<&str> = ready
            .filter_map(|it| it["spec"]["nodeName"].as_str())
            .collect();
        for (node, until) in &mut self.own_ready {
            if !ready.contains(node.as_str()) {
                until.get_or_insert(now);
            }
        }
        let nodes = ready.into_iter().map(|node| (node.to_owned(), None));
        self.own_ready.extend(nodes);
    }

    fn policy_written(&mut self, now: Duration, commit: &Commit) {
        let key = commit.key.clone();
        let spec = commit.after.as_ref().map(|it| it.as_ref().clone());
        let is_same = |old: &Option<Value>| {
            old.as_ref().map(|it| &it["spec"]) == spec.as_ref().map(|it| &it["spec"])
        };
        let known = self.policies.entry(key).or_default();
        if !known.last().is_some_and(|(_, old)| is_same(old)) {
            known.push((now, spec));
        }
    }

    fn node_written(&mut self, world: &World, commit: &Commit) {
        let (now, key) = (world.now, commit.key.clone());
        if let (Some(last), None) = (&commit.before, &commit.after) {
            self.gone.insert(key.clone(), (now, Arc::clone(last)));
        }
        let node = commit.after.as_deref();
        let is_ours = |node: &Value| facts::is_cordoned(node) && facts::cordoned_by(node).is_some();
        let was_ours = commit.before.as_deref().is_some_and(is_ours);
        if was_ours && !node.is_some_and(is_ours) {
            self.uncordoned.insert(key.clone(), now);
        }
        set(&mut self.away, &key, now, node.is_some_and(facts::is_away));
        let is_unready = node.is_some_and(|it| !facts::is_ready(it));
        set(&mut self.unready, &key, now, is_unready);
        set(
            &mut self.owned,
            &key,
            now,
            node.is_some_and(facts::is_owned),
        );
        set(
            &mut self.skipped,
            &key,
            now,
            node.is_some_and(facts::is_skipped),
        );
        self.follow_health(world, &key);
    }

    fn health_written(&mut self, world: &World, actor: &Actor, commit: &Commit) {
        let (now, key) = (world.now, commit.key.clone());
        let command = commit.after.as_deref().map(|it| &it["spec"]["command"]);
        if let Some(command) = command.filter(|it| it.is_object())
            && let Actor::Process(process) = actor
        {
            let payload = command["payload"].as_str().unwrap_or_default();
            if let Ok(payload) = CommandPayload::parse(payload) {
                let command = (payload.id, payload.issued_at.0);
                let looked = self.looked.get(&(*process, key.clone()));
                let looked = looked.copied().unwrap_or(now);
                let ordered = Ordered { at: now, looked };
                self.ordered.entry(command).or_insert(ordered);
            }
            self.commands.insert(key.clone(), command.clone());
        }
        if commit.after.is_none() {
            // What is made in its place never had a probe.
            self.beats.remove(&key);
        } else if matches!(actor, Actor::Host(_)) {
            let last = self.beats.insert(key.clone(), now);
            if last.is_none_or(|last| now.saturating_sub(last) > LAG) {
                self.heard.insert(key.clone(), now);
            }
        }
        self.follow_health(world, &key);
    }

    fn incident_written(&mut self, now: Duration, commit: &Commit) {
        let key = commit.key.clone();
        let changed = |field: &str| {
            let of = |it: &Option<Arc<Value>>| it.as_ref().map(|it| it["status"][field].clone());
            of(&commit.before) != of(&commit.after)
        };
        if commit.after.is_none() {
            // The next one may get its name.
            self.incidents.remove(&key);
            self.failed.remove(&key);
            self.begun.remove(&key);
        } else if changed("phase") || commit.before.is_none() {
            self.incidents.insert(key.clone(), now);
        }
        let phase = commit
            .after
            .as_deref()
            .map(|it| it["status"]["phase"].clone());
        if phase.is_some_and(|it| it.is_string() && it != "Pending") {
            self.begun.entry(key.clone()).or_insert(now);
        }
        if commit
            .after
            .as_deref()
            .is_some_and(facts::is_failed_rollout)
        {
            self.failed.entry(key).or_insert(now);
        }
    }

    fn follow_health(&mut self, world: &World, name: &str) {
        let policies = self.policies.keys().cloned().collect::<Vec<_>>();
        for policy in policies {
            let is_unhealthy = facts::is_unhealthy(world, &policy, name);
            let key = format!("{policy}/{name}");
            set(&mut self.unhealthy, &key, world.now, is_unhealthy);
        }
    }

    /// Takes in what a node is about to do.
    pub fn done(&mut self, world: &World, node: &str, payload: &CommandPayload) {
        let boot = world.hosts.get(node).map_or(0, |host| host.boot);
        self.boots.insert(node.to_owned(), boot);
        self.done.push(Done {
            at: world.now,
            node: node.to_owned(),
            id: payload.id.clone(),
            epoch: payload.epoch,
            action: payload.action,
            boot,
            slot: facts::slot_of(world, node),
            remedy: facts::remedy_of(world, node, &payload.id).map(|it| it.name),
        });
    }

    pub fn next_boot(&mut self, name: &str) -> u32 {
        let boot = self.boots.entry(name.to_owned()).or_insert(1);
        *boot += 100;
        *boot
    }

    /// The policies of this name as they were within what may be seen of them: the
    /// present one, and those that were replaced not long ago.
    pub fn policy_lately(&self, name: &str, now: Duration) -> Vec<&Value> {
        let Some(all) = self.policies.get(name) else {
            return Vec::new();
        };
        let since = now.saturating_sub(LAG);
        let first = all.iter().rposition(|(at, _)| *at <= since).unwrap_or(0);
        all[first..]
            .iter()
            .filter_map(|(_, it)| it.as_ref())
            .collect()
    }

    /// Whether a policy has been there without a break since before `known`: what is
    /// younger may be unknown to who acts.
    pub fn is_there_since(&self, name: &str, known: Duration) -> bool {
        let all = self.policies.get(name).map_or(&[][..], Vec::as_slice);
        let first = all.iter().rposition(|(at, _)| *at <= known);
        first.is_some_and(|first| all[first..].iter().all(|(_, it)| it.is_some()))
    }

    /// Whether a policy has not been there for longer than a view may be old.
    pub fn is_long_gone(&self, name: &str, now: Duration) -> bool {
        self.policy_lately(name, now).is_empty()
    }

    /// Whether a node was not available before `known`, and has not been since.
    pub fn is_away_since(&self, node: &str, known: Duration) -> bool {
        self.away.get(node).is_some_and(|since| *since < known)
    }

    /// Those of `all` that were so before `known`, and have been since.
    pub fn so_since(
        all: &BTreeMap<String, Duration>,
        known: Duration,
    ) -> impl Iterator<Item = &str> {
        all.iter()
            .filter(move |(_, since)| **since < known)
            .map(|(name, _)| name.as_str())
    }
}

fn set(all: &mut BTreeMap<String, Duration>, name: &str, now: Duration, is_so: bool) {
    if is_so {
        all.entry(name.to_owned()).or_insert(now);
    } else {
        all.remove(name);
    }
}
