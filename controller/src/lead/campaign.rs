//! Waits until this process leads.

use std::time::Duration;

use anyhow::{Context, Result};
use kube::Client;

use super::epoch;
use super::keeper::{self, Keeper};
use super::leadership::{Leadership, Tenure};
use super::lease::{Candidate, Decision, Terms};
use super::store::{Seen, Store};
use crate::machine;

/// Which lease, and who wants it.
#[derive(Debug, Clone)]
pub struct Options {
    /// The lease's namespace.
    pub namespace: String,
    /// Its name.
    pub lease: String,
    /// Who wants it: no other process has this name ([`super::unique`]).
    pub identity: String,
    /// How long it lasts, and how it is kept.
    pub terms: Terms,
}

/// How a campaign goes, told after every look at the lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing<'a> {
    /// Somebody else leads.
    Standby {
        /// Who.
        leader: &'a str,
    },
    /// The lease could not be read or written.
    Unknown {
        /// Why.
        why: &'a str,
    },
    /// This process has the lease.
    Elected,
}

/// Waits for the lease, then takes a new epoch in the ledger. Until it returns,
/// `told` is called after every look at the lease: each takes at most as long as a
/// renewal may, and a pause follows.
///
/// # Errors
/// When the epoch cannot be taken; the lease is given up then.
pub async fn campaign(
    client: Client,
    options: Options,
    told: impl FnMut(Standing<'_>),
) -> Result<(Leadership, Keeper)> {
    let identity = options.identity.clone();
    let (held, keeper) = elect(client.clone(), options, told).await;
    let taken = tokio::select! {
        biased;
        epoch = epoch::acquire(&client, &identity) => epoch,
        lost = held.lost() => Err(lost).context("no epoch was taken"),
    };
    match taken {
        Ok(epoch) => Ok((held.in_epoch(epoch), keeper)),
        Err(error) => {
            // Somebody else may have more luck, and this error is the one to tell.
            let _ = keeper.release().await;
            Err(error)
        }
    }
}

/// Waits for the lease alone: for what needs that nobody else acts, and acts by no
/// epoch.
pub async fn elect(
    client: Client,
    options: Options,
    mut told: impl FnMut(Standing<'_>),
) -> (Leadership, Keeper) {
    let Options {
        namespace,
        lease,
        identity,
        terms,
    } = options;
    // As long as half of what a renewal has: two tries must fit.
    let limit = terms.renew_deadline / 2;
    let store = Store::new(client, &namespace, &lease, limit);
    let mut candidate = Candidate::new(identity.clone(), terms);
    let (seen, tenure) = loop {
        match look(&store, &mut candidate, terms).await {
            Ok(Look::Elected { seen, deadline }) => break (*seen, Tenure::until(deadline)),
            Ok(Look::Held { by }) => told(Standing::Standby { leader: &by }),
            Ok(Look::Outrun) => {}
            Err(error) => told(Standing::Unknown {
                why: &format!("{error:#}"),
            }),
        }
        tokio::time::sleep(pause(terms)).await;
    };
    told(Standing::Elected);
    let keeper = keeper::keep(store, seen, identity, terms, tenure.clone());
    (Leadership::new(0, tenure), keeper)
}

enum Look {
    Elected { seen: Box<Seen>, deadline: Duration },
    Held { by: String },
    Outrun,
}

async fn look(store: &Store, candidate: &mut Candidate, terms: Terms) -> Result<Look> {
    let seen = store.read().await?;
    let decision = candidate.decide(seen.record.as_ref(), machine::uptime(), machine::now());
    let record = match decision {
        Decision::Wait { holder } => return Ok(Look::Held { by: holder }),
        Decision::Write(record) => record,
    };
    let deadline = machine::uptime() + terms.renew_deadline;
    Ok(match store.swap(seen, &record).await? {
        Some(seen) if machine::uptime() < deadline => Look::Elected {
            seen: Box::new(seen),
            deadline,
        },
        _ => Look::Outrun,
    })
}

/// Up to a fifth more than asked for, so that candidates do not run in step.
fn pause(terms: Terms) -> Duration {
    let fifth = u64::try_from(terms.retry.as_micros() / 5).unwrap_or(u64::MAX);
    terms.retry + Duration::from_micros(machine::random() % fifth.saturating_add(1))
}
