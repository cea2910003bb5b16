//! The API server and the program that all tests share.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::Value;
use unstall_integration::cluster::Kubectl;
use unstall_integration::testing::{self, real, skip};
use unstall_integration::workspace::build_program;

/// What all tests share.
pub struct Bed {
    pub kubectl: Kubectl,
    program: PathBuf,
}

/// The API server with our kinds, and the program; None, and the test counts as
/// skipped, without them.
pub fn bed() -> Option<&'static Bed> {
    static BED: OnceLock<Result<Bed, String>> = OnceLock::new();
    match BED.get_or_init(make) {
        Ok(bed) => Some(bed),
        Err(why) => {
            skip(why);
            None
        }
    }
}

fn make() -> Result<Bed, String> {
    let cluster = Path::new(env!("CARGO_BIN_EXE_cluster"));
    let kubectl = testing::api(cluster).map_err(|error| format!("no API server: {error:#}"))?;
    testing::definitions(&kubectl).map_err(|error| format!("{error:#}"))?;
    real("the controller's commands as processes, and its Events in kubectl describe");
    let program = build_program("unstall-controller", cluster);
    Ok(Bed {
        program: program.map_err(|error| format!("{error:#}"))?,
        kubectl,
    })
}

impl Bed {
    /// Applies a document, its status too where it has one.
    pub fn apply(&self, document: &Value) {
        self.send(&["apply", "-f", "-"], document);
        if document.get("status").is_some() {
            let args = [
                "apply",
                "--server-side",
                "--force-conflicts",
                "--subresource=status",
                "-f",
                "-",
            ];
            self.send(&args, document);
        }
    }

    fn send(&self, args: &[&str], document: &Value) {
        let mut kubectl = self.kubectl.command();
        let output = feed(kubectl.args(args), &document.to_string());
        assert!(
            output.status.success(),
            "{document:#}: {}",
            said(&output.stderr)
        );
    }

    /// An object as the API server has it.
    pub fn object(&self, kind: &str, name: &str) -> Value {
        let json = self
            .kubectl
            .run(&["get", kind, name, "-o", "json"])
            .unwrap();
        serde_json::from_str(&json).unwrap()
    }

    /// Runs the program as the administrator.
    pub fn run(&self, args: &[&str], input: &str) -> Output {
        self.run_as(self.kubectl.kubeconfig(), args, input)
    }

    /// Runs the program as whom a kubeconfig says.
    pub fn run_as(&self, kubeconfig: &Path, args: &[&str], input: &str) -> Output {
        let mut command = Command::new(&self.program);
        command.args(args).env("KUBECONFIG", kubeconfig);
        feed(&mut command, input)
    }

    /// A client for the library, as the administrator.
    pub async fn client(&self) -> Client {
        Self::client_of(self.kubectl.kubeconfig()).await
    }

    /// A client as whom a kubeconfig says.
    pub async fn client_of(kubeconfig: &Path) -> Client {
        let kubeconfig = Kubeconfig::read_from(kubeconfig).unwrap();
        let options = KubeConfigOptions::default();
        let config = Config::from_custom_kubeconfig(kubeconfig, &options).await;
        Client::try_from(config.unwrap()).unwrap()
    }
}

fn feed(command: &mut Command, input: &str) -> Output {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A program that ends early does not read it all.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

/// What a program printed.
pub fn said(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
