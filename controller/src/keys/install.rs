//! `keys`: makes the signing key and its public half where they are absent.
//! Run by the chart's install hook; what is there is never replaced.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{Api, PostParams};
use kube::{Client, Error};

use super::Signer;

const SECRET_ENTRY: &str = "signing.key";
const PUBLIC_ENTRY: &str = "signing.pub";
const PUBLIC_SUFFIX: &str = ".pub";

/// Where the keys are to be.
#[derive(Debug, Clone)]
pub struct InstallKeys {
    /// The namespace of both objects.
    pub namespace: String,
    /// The Secret that holds the signing key.
    pub secret: String,
    /// The ConfigMap that holds the public keys.
    pub config_map: String,
}

/// Makes what is absent; returns a sentence that says what was done.
///
/// # Errors
/// When the API server refuses, or the public keys are there without the
/// signing key or without its public half: no actuator would obey it.
pub async fn install(client: Client, names: &InstallKeys) -> Result<String> {
    let secrets: Api<Secret> = Api::namespaced(client.clone(), &names.namespace);
    let config_maps: Api<ConfigMap> = Api::namespaced(client, &names.namespace);
    let secret = secrets
        .get_opt(&names.secret)
        .await
        .context("cannot read the Secret")?;
    let public = config_maps
        .get_opt(&names.config_map)
        .await
        .context("cannot read the ConfigMap")?;
    let made = secret.is_none();
    let pem = match (&secret, &public) {
        (Some(secret), _) => signing_key(secret)?,
        (None, None) => Signer::generate_pem()?,
        (None, Some(_)) => bail!(
            "ConfigMap {ns}/{map} exists without Secret {ns}/{secret}: put the Secret back, or delete the ConfigMap \
             to have a new pair made",
            ns = names.namespace,
            map = names.config_map,
            secret = names.secret
        ),
    };
    let signer = Signer::from_pem(&pem)?;
    require_pair(&signer, public.as_ref(), names)?;
    if made {
        let secret = Secret {
            metadata: metadata(&names.secret),
            string_data: Some(BTreeMap::from([(SECRET_ENTRY.to_owned(), pem)])),
            ..Secret::default()
        };
        created(
            secrets.create(&PostParams::default(), &secret).await,
            "Secret",
            &names.secret,
        )?;
    }
    if public.is_none() {
        let config_map = ConfigMap {
            metadata: metadata(&names.config_map),
            data: Some(BTreeMap::from([(
                PUBLIC_ENTRY.to_owned(),
                signer.public_pem(),
            )])),
            ..ConfigMap::default()
        };
        created(
            config_maps
                .create(&PostParams::default(), &config_map)
                .await,
            "ConfigMap",
            &names.config_map,
        )?;
    }
    let verb = if made { "made" } else { "kept" };
    Ok(format!(
        "{verb} signing key {} in Secret {}/{}",
        signer.key_id(),
        names.namespace,
        names.secret
    ))
}

fn require_pair(signer: &Signer, public: Option<&ConfigMap>, names: &InstallKeys) -> Result<()> {
    if public.is_none_or(|map| is_among(signer, map)) {
        return Ok(());
    }
    bail!(
        "ConfigMap {ns}/{map} does not hold the public half of the key in Secret {ns}/{secret} (key id {id}), so no \
         actuator would obey: add it as an entry *.pub (openssl pkey -pubout), or delete the ConfigMap to have it made",
        ns = names.namespace,
        map = names.config_map,
        secret = names.secret,
        id = signer.key_id()
    )
}

/// Whether `map` holds the public half of the key of `signer`.
fn is_among(signer: &Signer, map: &ConfigMap) -> bool {
    let entries = map.data.iter().flatten();
    entries
        .filter(|(name, _)| name.ends_with(PUBLIC_SUFFIX))
        .any(|(_, text)| signer.is_public_half(text))
}

fn signing_key(secret: &Secret) -> Result<String> {
    let bytes = secret
        .data
        .as_ref()
        .and_then(|data| data.get(SECRET_ENTRY))
        .with_context(|| format!("the Secret has no entry {SECRET_ENTRY}"))?;
    String::from_utf8(bytes.0.clone()).with_context(|| format!("entry {SECRET_ENTRY} is not text"))
}

fn metadata(name: &str) -> ObjectMeta {
    ObjectMeta {
        name: Some(name.to_owned()),
        ..ObjectMeta::default()
    }
}

fn created<K>(result: Result<K, Error>, kind: &str, name: &str) -> Result<()> {
    match result {
        Ok(_) => Ok(()),
        Err(Error::Api(status)) if status.code == 409 => {
            bail!("{kind} {name} appeared while it was being made: run this again to use it")
        }
        Err(error) => Err(error).with_context(|| format!("cannot create {kind} {name}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(entries: &[(&str, &str)]) -> ConfigMap {
        let entries = entries
            .iter()
            .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
        ConfigMap {
            data: Some(entries.collect()),
            ..ConfigMap::default()
        }
    }

    #[test]
    fn a_pair_must_match() {
        let [own, other] =
            [(); 2].map(|()| Signer::from_pem(&Signer::generate_pem().unwrap()).unwrap());
        let (mine, theirs) = (own.public_pem(), other.public_pem());
        assert!(is_among(
            &own,
            &map(&[("old.pub", &theirs), ("new.pub", &mine)])
        ));
        assert!(is_among(
            &own,
            &map(&[("signing.pub", &mine.replace("\r\n", "\n"))])
        ));
        assert!(!is_among(&own, &map(&[("signing.pub", &theirs)])));
        assert!(!is_among(&own, &map(&[("README", &mine)])));
        assert!(!is_among(&own, &map(&[("signing.pub", "not PEM")])));
        assert!(!is_among(&own, &ConfigMap::default()));
    }
}
