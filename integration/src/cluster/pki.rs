//! The cluster's certificate authority, certificates and service-account key,
//! as kubeadm would make them: every client is authenticated by certificate.

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, SanType,
};

use super::network::{NODE_IP, QEMU_HOST_IP, SERVICE_IP};

/// A certificate and its key, as files.
#[derive(Debug, Clone)]
pub struct Identity {
    /// PEM certificate.
    pub cert: PathBuf,
    /// PEM key, readable by its owner alone.
    pub key: PathBuf,
}

/// The authority that signs everything in one cluster.
pub struct Authority {
    dir: PathBuf,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    /// Makes a new authority and writes its certificate to `dir`.
    ///
    /// # Errors
    /// When a key cannot be made or `dir` not be written.
    pub fn new(dir: &Path) -> Result<Self> {
        fs::create_dir_all(dir)?;
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![
            KeyUsagePurpose::KeyCertSign,
            KeyUsagePurpose::DigitalSignature,
        ];
        params
            .distinguished_name
            .push(DnType::CommonName, "unstall-test-ca");
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        let authority = Self {
            dir: dir.to_owned(),
            issuer,
        };
        fs::write(authority.ca(), authority.issuer.pem())?;
        Ok(authority)
    }

    /// The authority's certificate.
    #[must_use]
    pub fn ca(&self) -> PathBuf {
        self.dir.join("ca.crt")
    }

    /// A client certificate for user `common_name` in `groups`.
    ///
    /// # Errors
    /// When a key cannot be made or the files not be written.
    pub fn client(&self, file: &str, common_name: &str, groups: &[&str]) -> Result<Identity> {
        let mut params = CertificateParams::new(Vec::new())?;
        params
            .distinguished_name
            .push(DnType::CommonName, common_name);
        for group in groups {
            params
                .distinguished_name
                .push(DnType::OrganizationName, *group);
        }
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(file, params)
    }

    /// A serving certificate for the API server or the kubelet.
    ///
    /// # Errors
    /// When a key cannot be made or the files not be written.
    pub fn server(&self, file: &str, common_name: &str, names: &[&str]) -> Result<Identity> {
        let mut params = CertificateParams::new(
            names
                .iter()
                .map(|name| (*name).to_owned())
                .collect::<Vec<_>>(),
        )?;
        params
            .distinguished_name
            .push(DnType::CommonName, common_name);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        for ip in [Ipv4Addr::LOCALHOST, SERVICE_IP, NODE_IP, QEMU_HOST_IP] {
            params
                .subject_alt_names
                .push(SanType::IpAddress(IpAddr::V4(ip)));
        }
        self.sign(file, params)
    }

    /// The key that signs service-account tokens.
    ///
    /// # Errors
    /// When the key cannot be made or the files not be written.
    pub fn service_account_key(&self) -> Result<Identity> {
        let key = KeyPair::generate()?;
        let identity = self.paths("service-account");
        fs::write(&identity.cert, key.public_key_pem())?;
        write_private(&identity.key, &key.serialize_pem())?;
        Ok(identity)
    }

    fn sign(&self, file: &str, mut params: CertificateParams) -> Result<Identity> {
        params.key_usages = vec![
            KeyUsagePurpose::DigitalSignature,
            KeyUsagePurpose::KeyEncipherment,
        ];
        let key = KeyPair::generate()?;
        let cert = params.signed_by(&key, &self.issuer)?;
        let identity = self.paths(file);
        fs::write(&identity.cert, cert.pem())?;
        write_private(&identity.key, &key.serialize_pem())?;
        Ok(identity)
    }

    fn paths(&self, file: &str) -> Identity {
        Identity {
            cert: self.dir.join(format!("{file}.crt")),
            key: self.dir.join(format!("{file}.key")),
        }
    }
}

fn write_private(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text)
        .and_then(|()| fs::set_permissions(path, fs::Permissions::from_mode(0o600)))
        .with_context(|| format!("cannot write {}", path.display()))
}
