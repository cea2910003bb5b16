//! The API of Unstall: the four kinds of `unstall.dev/v1alpha1`.
//!
//! - [`policy`]: `NodeHealthPolicy`, what is sick, what may be done, how much at once.
//! - [`health`]: `NodeHealth`, what one probe is to judge and what it saw.
//! - [`remediation`]: `NodeRemediation`, one incident from its start to its end.
//! - [`ledger`]: `DisruptionLedger`, what the leader swaps and humans switch.
//!
//! What they share: [`signal`], [`units`], [`selector`], [`command`],
//! [`condition`], [`names`]. The YAML in `crds/yaml` is generated from
//! [`all_crds`]; a schema from kube's own `crd()` lacks what [`all_crds`] adds.

pub mod policy;

pub mod health;

pub mod remediation;

pub mod ledger;

pub mod signal;

pub mod units;

pub mod selector;

pub mod command;

pub mod condition;

pub mod names;

mod schema;
mod string_enum;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;

/// The definitions of all kinds, as they are installed.
#[must_use]
pub fn all_crds() -> Vec<CustomResourceDefinition> {
    [
        policy::NodeHealthPolicy::crd(),
        health::NodeHealth::crd(),
        remediation::NodeRemediation::crd(),
        ledger::DisruptionLedger::crd(),
    ]
    .into_iter()
    .map(schema::finish)
    .collect()
}
