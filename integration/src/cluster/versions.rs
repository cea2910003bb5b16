//! The released versions that the test cluster is made of. They are part of
//! the cache key: a new version is built beside the old one.

/// Kubernetes of the control plane, kubelet and kubectl. `cluster/go.mod`
/// requires the same; `go_mod_agrees` holds them together.
pub const KUBERNETES_VERSION: &str = "v1.37.2";
/// containerd, its runc shim and `ctr`.
pub const CONTAINERD_VERSION: &str = "v2.4.2";
/// The reference CNI plugins (bridge, loopback, host-local).
pub const CNI_PLUGINS_VERSION: &str = "v1.9.1";
/// runc, built with seccomp.
pub const RUNC_VERSION: &str = "v1.5.2";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_mod_agrees() {
        let go_mod = include_str!("../../cluster/go.mod");
        assert!(
            go_mod.contains(&format!("k8s.io/kubernetes {KUBERNETES_VERSION}\n")),
            "integration/cluster/go.mod requires another Kubernetes than {KUBERNETES_VERSION}"
        );
    }
}
