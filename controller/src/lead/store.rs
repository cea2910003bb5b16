//! The Lease on the API server: read, and swapped.

use std::time::Duration;

use anyhow::{Context, Result};
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::api::{Api, PostParams};
use kube::{Client, Error};
use unstall_crds::names::manager;

use super::lease::Record;

/// One lease.
#[derive(Clone)]
pub struct Store {
    api: Api<Lease>,
    name: String,
    /// The longest that one call may take.
    limit: Duration,
}

/// The lease as it was read.
#[derive(Debug, Clone)]
pub struct Seen {
    object: Option<Lease>,
    /// What it says; `None` where there is none.
    pub record: Option<Record>,
}

impl Store {
    /// The lease `name` in `namespace`.
    pub fn new(client: Client, namespace: &str, name: &str, limit: Duration) -> Self {
        Self {
            api: Api::namespaced(client, namespace),
            name: name.to_owned(),
            limit,
        }
    }

    /// Reads it.
    ///
    /// # Errors
    /// When the API server refuses, or does not answer in time.
    pub async fn read(&self) -> Result<Seen> {
        let object = self.bounded("read", self.api.get_opt(&self.name)).await?;
        Ok(Seen::new(object))
    }

    /// Writes `record` if the lease is still as it was `seen`; `None` where somebody
    /// was faster.
    ///
    /// # Errors
    /// When the API server refuses, or does not answer in time: then nobody knows
    /// whether it was written.
    pub async fn swap(&self, seen: Seen, record: &Record) -> Result<Option<Seen>> {
        let params = PostParams {
            field_manager: Some(manager::CONTROLLER.into()),
            ..PostParams::default()
        };
        let is_new = seen.object.is_none();
        let mut object = seen.object.unwrap_or_else(|| Lease {
            metadata: ObjectMeta {
                name: Some(self.name.clone()),
                ..ObjectMeta::default()
            },
            spec: None,
        });
        write(record, object.spec.get_or_insert_default());
        let call = async {
            let answer = if is_new {
                self.api.create(&params, &object).await
            } else {
                // The resourceVersion that was read is in it: of two writers one fails.
                self.api.replace(&self.name, &params, &object).await
            };
            match answer {
                // 404: it was deleted meanwhile.
                Err(Error::Api(status)) if [404, 409].contains(&status.code) => Ok(None),
                other => other.map(|lease| Some(Seen::new(Some(lease)))),
            }
        };
        self.bounded("write", call).await
    }

    async fn bounded<T>(
        &self,
        verb: &str,
        call: impl Future<Output = Result<T, Error>>,
    ) -> Result<T> {
        let what = || format!("cannot {verb} the lease {}", self.name);
        match tokio::time::timeout(self.limit, call).await {
            Ok(result) => result.with_context(what),
            Err(_) => anyhow::bail!("{}: no answer in {:?}", what(), self.limit),
        }
    }
}

impl Seen {
    fn new(object: Option<Lease>) -> Self {
        let record = object.as_ref().map(|lease| read(lease.spec.as_ref()));
        Self { object, record }
    }
}

fn read(spec: Option<&LeaseSpec>) -> Record {
    let Some(spec) = spec else {
        return Record::default();
    };
    let seconds = spec.lease_duration_seconds.map(u64::try_from);
    Record {
        holder: spec.holder_identity.clone().unwrap_or_default(),
        duration: seconds.and_then(Result::ok).map(Duration::from_secs),
        acquired: spec.acquire_time.as_ref().map(|time| time.0),
        renewed: spec.renew_time.as_ref().map(|time| time.0),
        transitions: spec.lease_transitions.unwrap_or_default(),
    }
}

fn write(record: &Record, spec: &mut LeaseSpec) {
    // Whole seconds, upwards: nobody may think that it lasts less.
    let seconds = record.duration.map(|duration| {
        let seconds = duration.as_millis().div_ceil(1000);
        i32::try_from(seconds).unwrap_or(i32::MAX)
    });
    spec.holder_identity = Some(record.holder.clone());
    spec.lease_duration_seconds = seconds;
    spec.acquire_time = record.acquired.map(MicroTime);
    spec.renew_time = record.renewed.map(MicroTime);
    spec.lease_transitions = Some(record.transitions);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let record = Record {
            holder: "a_1".to_owned(),
            duration: Some(Duration::from_secs(15)),
            acquired: Some("2026-03-02T12:00:00.000001Z".parse().unwrap()),
            renewed: Some("2026-03-02T12:00:10.5Z".parse().unwrap()),
            transitions: 3,
        };
        let mut spec = LeaseSpec::default();
        write(&record, &mut spec);
        assert_eq!(read(Some(&spec)), record);
        let json = serde_json::to_value(&spec).unwrap();
        assert_eq!(json["renewTime"], "2026-03-02T12:00:10.500000Z");
    }

    #[test]
    fn a_part_of_a_second_is_a_second() {
        let mut spec = LeaseSpec::default();
        let record = Record {
            duration: Some(Duration::from_millis(1200)),
            ..Record::default()
        };
        write(&record, &mut spec);
        assert_eq!(spec.lease_duration_seconds, Some(2));
    }

    #[test]
    fn absurd_leases_are_read_as_nobodys() {
        assert_eq!(read(None), Record::default());
        let spec = LeaseSpec {
            lease_duration_seconds: Some(-5),
            lease_transitions: Some(i32::MIN),
            ..LeaseSpec::default()
        };
        let record = read(Some(&spec));
        assert_eq!((record.holder.as_str(), record.duration), ("", None));
    }
}
