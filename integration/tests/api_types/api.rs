//! A real API server, spoken to with the real kubectl.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use unstall_integration::testing::{self, real, skip};

/// An API server and the client for it.
pub struct Api {
    /// How to reach the server.
    pub kubeconfig: PathBuf,
    /// The kubectl to use.
    pub kubectl: PathBuf,
    /// What kubectl remembers of the server: of this run only, for what it
    /// remembers of an earlier one lacks our kinds.
    cache: TempDir,
}

/// What kubectl printed, and whether it succeeded.
pub struct Answer {
    pub success: bool,
    pub stdout: String,
    pub stderr: String,
}

/// The API server for these tests, with our definitions installed; None, and
/// the test counts as skipped, when there is none.
pub fn api() -> Option<&'static Api> {
    static API: OnceLock<Result<Api, String>> = OnceLock::new();
    match API.get_or_init(find) {
        Ok(api) => Some(api),
        Err(why) => {
            skip(why);
            None
        }
    }
}

fn find() -> Result<Api, String> {
    let found = testing::api(Path::new(env!("CARGO_BIN_EXE_cluster")));
    let kubectl = found.map_err(|error| format!("no API server: {error:#}"))?;
    let api = Api {
        kubeconfig: kubectl.kubeconfig().to_owned(),
        kubectl: kubectl.program().to_owned(),
        cache: tempfile::tempdir().unwrap(),
    };
    api.install_definitions();
    let version = api.must(&["version", "-o", "json"]);
    let version: Value = serde_json::from_str(&version).unwrap();
    real(&format!(
        "API types: kube-apiserver {}",
        version["serverVersion"]["gitVersion"]
    ));
    Ok(api)
}

impl Api {
    /// Runs kubectl with these arguments.
    pub fn kubectl(&self, arguments: &[&str]) -> Answer {
        self.kubectl_with_input(arguments, "")
    }

    /// Runs kubectl with these arguments and this standard input.
    pub fn kubectl_with_input(&self, arguments: &[&str], input: &str) -> Answer {
        let mut child = Command::new(&self.kubectl)
            .arg("--kubeconfig")
            .arg(&self.kubeconfig)
            .arg("--cache-dir")
            .arg(self.cache.path())
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|e| panic!("cannot run {}: {e}", self.kubectl.display()));
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(input.as_bytes()).unwrap();
        drop(stdin);
        let output = child.wait_with_output().unwrap();
        Answer {
            success: output.status.success(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Runs kubectl, which must succeed, and returns what it printed.
    pub fn must(&self, arguments: &[&str]) -> String {
        let answer = self.kubectl(arguments);
        assert!(answer.success, "kubectl {arguments:?}: {}", answer.stderr);
        answer.stdout
    }

    /// Sends a document, which must succeed, and returns the server's object.
    pub fn must_send(&self, arguments: &[&str], document: &Value) -> Value {
        let arguments = [arguments, &["-o", "json", "-f", "-"]].concat();
        let answer = self.kubectl_with_input(&arguments, &document.to_string());
        assert!(
            answer.success,
            "kubectl {arguments:?}: {}\n{document:#}",
            answer.stderr
        );
        serde_json::from_str(&answer.stdout).unwrap()
    }

    /// The object as the server has it, or None when it does not exist.
    pub fn get(&self, kind: &str, name: &str) -> Option<Value> {
        let text = self.must(&["get", kind, name, "--ignore-not-found", "-o", "json"]);
        (!text.trim().is_empty()).then(|| serde_json::from_str(&text).unwrap())
    }

    /// Installs the committed definitions and waits until they count. With
    /// `UNSTALL_TEST_CRDS=keep` those of the server stay: `make mutate` takes a
    /// rule away from them.
    fn install_definitions(&self) {
        if std::env::var_os("UNSTALL_TEST_CRDS").is_some_and(|value| value == "keep") {
            return;
        }
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crds/yaml");
        let dir = dir.to_string_lossy();
        let generations = || {
            self.must(&[
                "get",
                "crd",
                "-o",
                "jsonpath={.items[?(@.spec.group==\"unstall.dev\")].metadata.generation}",
            ])
        };
        let before = generations();
        self.must(&["apply", "--server-side", "--force-conflicts", "-f", &dir]);
        self.must(&[
            "wait",
            "--for=condition=Established",
            "--timeout=60s",
            "-f",
            &dir,
        ]);
        if generations() != before {
            // No condition says when a changed schema is served; the server
            // rebuilds it within a second.
            std::thread::sleep(Duration::from_secs(3));
        }
        self.wait_until_explained();
    }

    /// The documentation of new kinds comes a little after they are established.
    fn wait_until_explained(&self) {
        let deadline = Instant::now() + Duration::from_secs(60);
        for name in ["nhp", "nh", "nr", "dl"] {
            loop {
                let answer = self.kubectl(&["explain", name]);
                if answer.success {
                    break;
                }
                assert!(
                    Instant::now() < deadline,
                    "kubectl explain {name}: {}",
                    answer.stderr
                );
                std::thread::sleep(Duration::from_millis(200));
            }
        }
    }
}
