//! The loop: wait, observe, decide, act.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use jiff::Timestamp;
use tokio::signal::unix::{SignalKind, signal};
use unstall_decide::{Snapshot, decide};

use crate::act::{Actor, apply, write_policies};
use crate::config::{Cli, Command, Keys, Run};
use crate::keys::{self, InstallKeys, Signer};
use crate::observe::{Heard, Stores, snapshot};
use crate::{client, lead};

/// Deadlines and silence come without an event, so the loop also looks by
/// itself this often.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Changes come in bursts; one pass serves all of a burst.
const GATHER: Duration = Duration::from_millis(100);

/// Runs the command line.
///
/// # Errors
/// What ended it.
pub fn run(cli: Cli) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    match cli.command {
        Command::Run(options) => runtime.block_on(reconcile(options)),
        Command::Keys(options) => runtime.block_on(make_keys(options)),
    }
}

async fn make_keys(options: Keys) -> Result<()> {
    let Keys {
        namespace,
        secret,
        config_map,
    } = options;
    let client = client::connect().await?;
    let said = keys::install(
        client,
        &InstallKeys {
            namespace,
            secret,
            config_map,
        },
    )
    .await?;
    println!("{said}");
    Ok(())
}

async fn reconcile(options: Run) -> Result<()> {
    let path = options.signing_key.display();
    let pem = fs::read_to_string(&options.signing_key)
        .with_context(|| format!("cannot read the signing key {path}"))?;
    let signer = Signer::from_pem(&pem).with_context(|| format!("{path}"))?;
    let client = client::connect().await?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        ended = lead_and_loop(client, signer, &options.identity) => ended,
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
    }
}

async fn lead_and_loop(client: kube::Client, signer: Signer, identity: &str) -> Result<()> {
    let epoch = lead::acquire(&client, identity).await?;
    tracing::info!(epoch, key = signer.key_id(), identity, "leading");
    let stores = Stores::start(&client);
    stores.synced().await?;
    let actor = Actor {
        client,
        signer,
        epoch,
    };
    let mut heard = Heard::default();
    loop {
        let seen = snapshot(&stores, &mut heard, Timestamp::now(), epoch);
        still_leading(&seen)?;
        if let Err(error) = pass(&actor, &seen).await {
            // Conflicts and lost answers are everyday: the next pass looks
            // again and decides anew.
            tracing::warn!("pass cut short: {error:#}");
        }
        tokio::select! {
            () = stores.changed() => tokio::time::sleep(GATHER).await,
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}

/// Carries out the plan. What fails for one node leaves the others their turn;
/// for that node the rest of the pass is left, because its order matters.
async fn pass(actor: &Actor, seen: &Snapshot) -> Result<()> {
    let plan = decide(seen);
    let mut failed = BTreeSet::new();
    for action in plan.actions {
        let about = action.about(&seen.remediations);
        if failed.contains(&about) {
            continue;
        }
        if let Err(error) = apply(actor, action).await {
            tracing::warn!(about, "left for the next pass: {error:#}");
            failed.insert(about);
        }
    }
    write_policies(&actor.client, &seen.policies, plan.policies).await
}

/// Ends this process when the ledger is not the one that it leads by: the next
/// start makes or takes it anew.
fn still_leading(seen: &Snapshot) -> Result<()> {
    let Some(ledger) = &seen.ledger else {
        bail!("the DisruptionLedger was deleted: ending, the next start makes a new one");
    };
    let stored = ledger.status.as_ref().map_or(0, |status| status.epoch);
    match stored.cmp(&seen.epoch) {
        Ordering::Equal => Ok(()),
        Ordering::Greater => bail!(
            "another controller leads (epoch {stored}, this one led {}): ending so as not to act beside it",
            seen.epoch
        ),
        Ordering::Less => bail!(
            "the DisruptionLedger was made anew (epoch {stored}, this one led {}): ending, the next start leads by it",
            seen.epoch
        ),
    }
}
