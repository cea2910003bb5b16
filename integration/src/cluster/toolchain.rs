//! Builds the cluster's programs from released Go modules, once per set of
//! versions, and shows what it is doing.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use super::cache;
use super::progress::{Count, Progress, run_go};
use super::versions::{CNI_PLUGINS_VERSION, CONTAINERD_VERSION, KUBERNETES_VERSION, RUNC_VERSION};

/// Names that the one control plane program answers to.
const CONTROL_PLANE: [&str; 9] = [
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubelet",
    "kubectl",
    "helm",
    "promlint",
    PAUSE,
];
/// The pods' sandbox program: a binary of its own, made with the others.
const PAUSE: &str = "pause";
/// Programs installed by `go install`, by the file that they leave.
const NODE: [&str; 7] = [
    "containerd",
    "containerd-shim-runc-v2",
    "ctr",
    "bridge",
    "loopback",
    "host-local",
    "runc",
];
const SOURCES: [(&str, &str); 4] = [
    ("main.go", include_str!("../../cluster/main.go")),
    ("go.mod", include_str!("../../cluster/go.mod")),
    ("go.sum", include_str!("../../cluster/go.sum")),
    ("pause/main.go", include_str!("../../cluster/pause/main.go")),
];

/// The directories that hold the programs.
#[derive(Debug, Clone)]
pub struct Toolchain {
    /// The user's own programs, which go first.
    given: Option<PathBuf>,
    control_plane: PathBuf,
    node: PathBuf,
}

impl Toolchain {
    /// The path of a program by its name, for instance `kubectl` or `runc`.
    #[must_use]
    pub fn program(&self, name: &str) -> PathBuf {
        if NODE.contains(&name) {
            return self.node.join(name);
        }
        let given = self.given.as_ref().map(|dir| dir.join(name));
        match given {
            Some(path) if path.is_file() => path,
            _ => self.control_plane.join(name),
        }
    }

    /// Whether there is a program of that name. Where the user's own replace
    /// ours, those that only some clusters need may be missing.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.program(name).is_file()
    }

    /// Where the CNI plugins and containerd's programs lie.
    #[must_use]
    pub fn node_dir(&self) -> &Path {
        &self.node
    }
}

/// Where the user's own programs lie: envtest's convention.
const ASSETS: &str = "KUBEBUILDER_ASSETS";
/// What a directory of that kind holds, and what a control plane cannot do
/// without.
const GIVEN: [&str; 3] = ["etcd", "kube-apiserver", "kubectl"];

/// Returns the programs, building those that the cache lacks. `with_node`
/// includes kubelet and its companions (containerd, CNI plugins, runc). Where
/// `KUBEBUILDER_ASSETS` is set, its programs are used, and for a control plane
/// alone nothing is built.
///
/// # Errors
/// When Go is missing, a module cannot be had, the cache cannot be written, or
/// `KUBEBUILDER_ASSETS` lacks a program.
pub fn ensure(with_node: bool) -> Result<Toolchain> {
    let given = match std::env::var_os(ASSETS).filter(|dir| !dir.is_empty()) {
        Some(dir) => Some(complete(PathBuf::from(dir))?),
        None => None,
    };
    if let (Some(dir), false) = (&given, with_node) {
        return Ok(Toolchain {
            control_plane: dir.clone(),
            node: dir.clone(),
            given,
        });
    }
    let control_plane_key = format!("control-plane-{KUBERNETES_VERSION}-{}", source_hash());
    let node_key = format!("node-{CONTAINERD_VERSION}-{CNI_PLUGINS_VERSION}-{RUNC_VERSION}");
    let control_plane = cache::entry(&control_plane_key, &CONTROL_PLANE, |dir| {
        require_go()?;
        let mut progress = Progress::new("test cluster", 1);
        progress.step(
            &format!(
                "Kubernetes {KUBERNETES_VERSION}, etcd and helm (about 9 min on 2 cores, once)"
            ),
            |count| build_control_plane(dir, count),
        )
    })?;
    let node = if with_node {
        cache::entry(&node_key, &NODE, build_node)?
    } else {
        cache::cache_root()?.join(node_key)
    };
    Ok(Toolchain {
        given,
        control_plane,
        node,
    })
}

/// `dir`, if it holds what a control plane cannot do without.
fn complete(dir: PathBuf) -> Result<PathBuf> {
    for program in GIVEN {
        if !dir.join(program).is_file() {
            bail!(
                "{ASSETS} is set to {}, which lacks {program}: put {} there, or unset it to have them built",
                dir.display(),
                GIVEN.join(", ")
            );
        }
    }
    Ok(dir)
}

fn source_hash() -> String {
    let mut hash = Sha256::new();
    for (name, text) in SOURCES {
        hash.update(name);
        hash.update(text);
    }
    hash.finalize()
        .iter()
        .take(4)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn require_go() -> Result<()> {
    match Command::new("go")
        .arg("version")
        .stdout(Stdio::null())
        .status()
    {
        Ok(status) if status.success() => Ok(()),
        _ => bail!(
            "the test cluster is built with Go 1.26 or newer and no `go` was found on PATH: install Go (for a control \
             plane alone, {ASSETS} may name a directory that holds {})",
            GIVEN.join(", ")
        ),
    }
}

fn build_control_plane(dir: &Path, count: &Count) -> Result<()> {
    let source = dir.join("source");
    fs::create_dir_all(source.join("pause"))?;
    for (name, text) in SOURCES {
        fs::write(source.join(name), text)?;
    }
    let version = "k8s.io/component-base/version";
    let (major, minor) = major_minor(KUBERNETES_VERSION)?;
    // Without the version, Kubernetes' feature gates take it for v0.0.0.
    let flags = format!(
        "-s -w -X {version}.gitVersion={KUBERNETES_VERSION} -X {version}.gitMajor={major} \
         -X {version}.gitMinor={minor} -X {version}.gitTreeState=clean"
    );
    let go = |args: &[&str]| {
        let mut command = Command::new("go");
        command
            .current_dir(&source)
            .env("CGO_ENABLED", "0")
            .args(args);
        command
    };
    for (package, program) in [("./pause", PAUSE), (".", "control-plane")] {
        let mut build = go(&["build", "-v", "-trimpath", "-ldflags", &flags, "-o"]);
        build.arg(dir.join(program)).arg(package);
        run_go(
            &mut build,
            Some(&mut go(&["list", "-deps", package])),
            count,
        )?;
    }
    fs::remove_dir_all(&source)?;
    for name in CONTROL_PLANE.into_iter().filter(|name| *name != PAUSE) {
        symlink("control-plane", dir.join(name))?;
    }
    Ok(())
}

fn build_node(dir: &Path) -> Result<()> {
    require_go()?;
    let mut progress = Progress::new("test node", 3);
    let containerd = ["containerd", "containerd-shim-runc-v2", "ctr"]
        .map(|name| format!("github.com/containerd/containerd/v2/cmd/{name}@{CONTAINERD_VERSION}"));
    progress.step(&format!("containerd {CONTAINERD_VERSION}"), |count| {
        install(dir, "0", "", &containerd, count)
    })?;
    let plugins = ["main/bridge", "main/loopback", "ipam/host-local"].map(|path| {
        format!("github.com/containernetworking/plugins/plugins/{path}@{CNI_PLUGINS_VERSION}")
    });
    progress.step(&format!("CNI plugins {CNI_PLUGINS_VERSION}"), |count| {
        install(dir, "0", "", &plugins, count)
    })?;
    progress.step(&format!("runc {RUNC_VERSION}"), |count| {
        let runc = [format!("github.com/opencontainers/runc@{RUNC_VERSION}")];
        install(dir, "1", "seccomp", &runc, count).context(
            "runc needs libseccomp's headers: apt-get install libseccomp-dev pkg-config gcc",
        )
    })
}

fn install(dir: &Path, cgo: &str, tags: &str, packages: &[String], count: &Count) -> Result<()> {
    let mut command = Command::new("go");
    command
        .env("CGO_ENABLED", cgo)
        .env("GOBIN", dir)
        .args([
            "install",
            "-v",
            "-trimpath",
            "-tags",
            tags,
            "-ldflags",
            "-s -w",
        ])
        .args(packages);
    run_go(&mut command, None, count)
}

fn major_minor(version: &str) -> Result<(&str, &str)> {
    let mut parts = version.trim_start_matches('v').split('.');
    match (parts.next(), parts.next()) {
        (Some(major), Some(minor)) => Ok((major, minor)),
        _ => bail!("{version} is not a version"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_programs_are_whole_or_the_missing_one_is_named() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("etcd"), "").unwrap();
        let error = complete(dir.path().to_owned()).unwrap_err().to_string();
        assert!(error.contains("which lacks kube-apiserver"), "{error}");
        for program in GIVEN {
            fs::write(dir.path().join(program), "").unwrap();
        }
        let given = complete(dir.path().to_owned()).unwrap();
        let toolchain = Toolchain {
            given: Some(given.clone()),
            control_plane: PathBuf::from("/built"),
            node: PathBuf::from("/node"),
        };
        assert_eq!(toolchain.program("etcd"), given.join("etcd"));
        assert_eq!(toolchain.program("helm"), Path::new("/built/helm"));
        assert_eq!(toolchain.program("runc"), Path::new("/node/runc"));
        assert!(toolchain.has("kubectl") && !toolchain.has("kube-scheduler"));
    }
}
