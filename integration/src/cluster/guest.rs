//! Virtual machines as nodes: what each needs of its cluster.

use std::fs;

use anyhow::{Context, Result};

use super::layout::Layout;
use super::network::{QEMU_HOST_IP, SERVICE_IP};
use super::pki::Authority;
use super::state::State;

/// How a virtual machine reaches the API server, and as whom.
#[derive(Clone, Debug)]
pub struct GuestAccess {
    /// Address and port, as the machine sees them.
    pub server: String,
    /// The address at which pods expect the API server.
    pub service_ip: String,
    /// The authority's certificate.
    pub ca: Vec<u8>,
    /// The kubelet's certificate.
    pub cert: Vec<u8>,
    /// Its key.
    pub key: Vec<u8>,
}

impl GuestAccess {
    /// What [`issue`] left for `name`.
    ///
    /// # Errors
    /// When the cluster was started without it.
    pub fn read(layout: &Layout, state: &State, name: &str) -> Result<Self> {
        let file = |name: &str| fs::read(layout.pki().join(name));
        let port = state.server.rsplit(':').next().unwrap_or_default();
        let missing = || format!("the cluster was started without the guest {name}");
        Ok(Self {
            server: format!("{QEMU_HOST_IP}:{port}"),
            service_ip: SERVICE_IP.to_string(),
            ca: file("ca.crt")?,
            cert: file(&format!("guest-{name}.crt")).with_context(missing)?,
            key: file(&format!("guest-{name}.key")).with_context(missing)?,
        })
    }
}

/// Makes the certificate of a guest's kubelet.
///
/// # Errors
/// When it cannot be written.
pub fn issue(authority: &Authority, name: &str) -> Result<()> {
    let user = format!("system:node:{name}");
    authority.client(&format!("guest-{name}"), &user, &["system:nodes"])?;
    Ok(())
}
