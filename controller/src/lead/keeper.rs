//! Keeps the lease, and gives it up.

use std::sync::Arc;

use anyhow::{Context, Result};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::leadership::Tenure;
use super::lease::{Terms, released, renewal};
use super::store::{Seen, Store};
use crate::machine;

/// Renews the lease in the background until it is dropped, which leaves the lease
/// to run out, or told to give it up.
#[derive(Debug)]
pub struct Keeper {
    task: JoinHandle<Result<()>>,
    stop: Option<oneshot::Sender<()>>,
    tenure: Arc<Tenure>,
}

impl Keeper {
    /// Gives the lease up: somebody else leads with his next look. From its call on
    /// nothing may act here; what was begun must have ended.
    ///
    /// # Errors
    /// When the API server does not take it; the lease runs out by itself then.
    pub async fn release(mut self) -> Result<()> {
        self.tenure.end("the lease was given up".to_owned());
        if let Some(stop) = self.stop.take() {
            // Where the task has ended, the lease was lost already.
            let _ = stop.send(());
        }
        let ended = (&mut self.task).await;
        ended.context("the keeper of the lease was ended")?
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.tenure.end("nobody renews the lease".to_owned());
        self.task.abort();
    }
}

/// Starts it on the lease that was `seen` right after it was taken.
pub fn keep(
    store: Store,
    seen: Seen,
    identity: String,
    terms: Terms,
    tenure: Arc<Tenure>,
) -> Keeper {
    let (stop, stopped) = oneshot::channel();
    let hold = Hold {
        store,
        identity,
        terms,
        tenure: Arc::clone(&tenure),
        seen: Some(seen),
    };
    Keeper {
        task: machine::spawn(hold.run(stopped)),
        stop: Some(stop),
        tenure,
    }
}

struct Hold {
    store: Store,
    identity: String,
    terms: Terms,
    tenure: Arc<Tenure>,
    /// The lease as it was after our last write; `None` after a failure, which
    /// leaves that open.
    seen: Option<Seen>,
}

impl Hold {
    async fn run(mut self, mut stopped: oneshot::Receiver<()>) -> Result<()> {
        loop {
            tokio::select! {
                biased;
                _ = &mut stopped => return self.release().await,
                () = tokio::time::sleep(self.terms.retry) => {}
            }
            if self.tenure.remaining().is_zero() {
                return Ok(());
            }
            if let Err(error) = self.renew().await {
                tracing::warn!("the lease was not renewed: {error:#}");
            }
        }
    }

    async fn renew(&mut self) -> Result<()> {
        let seen = self.look().await?;
        let record = seen.record.as_ref();
        let Some(next) = renewal(&self.identity, self.terms, record, machine::now()) else {
            let holder = record.map_or("", |record| &record.holder);
            self.tenure.end(match holder {
                "" => "the lease was taken away".to_owned(),
                holder => format!("{holder} holds the lease"),
            });
            return Ok(());
        };
        // Counted from its start: nobody knows when in between it was written.
        let deadline = machine::uptime() + self.terms.renew_deadline;
        self.seen = self.store.swap(seen, &next).await?;
        if self.seen.is_some() {
            // Where the end has come meanwhile it stays so, and the next turn ends.
            self.tenure.extend(deadline);
        }
        Ok(())
    }

    /// Gives the lease up, in two tries: the first may meet a write whose answer was
    /// lost.
    async fn release(&mut self) -> Result<()> {
        for _ in 0..2 {
            let seen = self.look().await?;
            let Some(next) = released(&self.identity, seen.record.as_ref()) else {
                return Ok(());
            };
            if self.store.swap(seen, &next).await?.is_some() {
                return Ok(());
            }
        }
        anyhow::bail!("the lease was written by somebody else twice; it runs out by itself")
    }

    async fn look(&mut self) -> Result<Seen> {
        match self.seen.take() {
            Some(seen) => Ok(seen),
            None => self.store.read().await,
        }
    }
}
