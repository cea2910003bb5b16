//! Who acts.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use anyhow::Result;
use kube::Client;
use kube::api::PostParams;
use unstall_crds::names::manager;

use super::pace::Pace;
use super::{Evictions, Failures};
use crate::client::bounded;
use crate::keys::Signer;
use crate::lead::Leadership;
use crate::observe::Sights;

/// Who acts, and with what.
pub struct Actor {
    /// The API server.
    pub client: Client,
    /// Signs commands.
    pub signer: Signer,
    /// Whether this process still leads.
    pub leadership: Leadership,
    /// Evictions on their way, and their answers.
    pub evictions: Evictions,
    /// What was seen of other remediators' objects.
    pub sights: Arc<Sights>,
    /// What failed a moment ago, and waits.
    pub failures: Failures,
    /// What was said of objects that cannot be read: nothing is said twice.
    pub said: Mutex<BTreeMap<String, String>>,
    /// When statuses that change often were written last.
    pub paced: Pace,
}

impl Actor {
    /// Fails once this process may not act any more. Asked before every write.
    ///
    /// # Errors
    /// When the lease was not renewed in time.
    pub fn check(&self) -> Result<()> {
        Ok(self.leadership.check()?)
    }

    /// One call, if this process may still act: it may have been stopped since it asked
    /// for something else.
    ///
    /// # Errors
    /// That it may not, or what the API server says, or that it says nothing.
    pub async fn call<T>(
        &self,
        what: &str,
        call: impl Future<Output = Result<T, kube::Error>>,
    ) -> Result<T> {
        self.check()?;
        bounded(what, call).await
    }

    /// The epoch in which this process leads.
    #[must_use]
    pub const fn epoch(&self) -> i64 {
        self.leadership.epoch
    }
}

/// The parameters of every write: who writes.
#[must_use]
pub fn params() -> PostParams {
    PostParams {
        field_manager: Some(manager::CONTROLLER.into()),
        ..PostParams::default()
    }
}
