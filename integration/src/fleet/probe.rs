//! The probes: what they say of the facts, when something changes and from time to
//! time.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use jiff::Timestamp;
use kube::ResourceExt;
use kube::api::{Api, Patch, PatchParams};
use kube::runtime::watcher::{self, Event};
use serde_json::json;
use unstall_crds::health::NodeHealth;

use super::run::Shared;
use super::{actuator, objects};

/// How often it is looked whose report is due.
const LOOK: Duration = Duration::from_secs(5);

/// Follows what the controller writes.
pub async fn follow(shared: Arc<Shared>) {
    let healths: Api<NodeHealth> = Api::all(shared.client.clone());
    let mut events = watcher::watcher(healths, watcher::Config::default()).boxed();
    while let Some(event) = events.next().await {
        let Ok(Event::Apply(health) | Event::InitApply(health)) = event else {
            continue;
        };
        let name = health.name_any();
        let spec = json!(health.spec);
        let is_new = shared.take_spec(&name, &spec);
        if !is_new {
            continue;
        }
        if let Some(command) = health.spec.command {
            let shared = Arc::clone(&shared);
            let name = name.clone();
            tokio::spawn(async move { actuator::obey(shared, name, command).await });
        }
        say(&shared, &name).await;
    }
}

/// Reports when that is due.
pub async fn beat(shared: Arc<Shared>) {
    loop {
        tokio::time::sleep(LOOK).await;
        for name in shared.due(Timestamp::now()) {
            say(&shared, &name).await;
        }
    }
}

/// Writes what is true of the node, if its probe reports.
pub async fn say(shared: &Shared, name: &str) {
    let _turn = shared.turn(name).await;
    let Some(facts) = shared.facts(name).filter(|facts| facts.is_heard) else {
        return;
    };
    let Some((spec, command)) = shared.known(name) else {
        return;
    };
    let now = Timestamp::now();
    let status = objects::health(name, &facts, &spec, command.as_ref(), now);
    let healths: Api<NodeHealth> = Api::all(shared.client.clone());
    let params = PatchParams::default();
    let written = healths
        .patch_status(name, &params, &Patch::Merge(&status))
        .await;
    match written {
        Ok(_) => shared.said(name, now),
        Err(kube::Error::Api(status)) if status.code == 404 => {}
        Err(error) => {
            eprintln!("NodeHealth of {name}: {error}");
            shared.not_said(name);
        }
    }
}
