//! The API server that all tests share, without TLS.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::channel;

use unstall_integration::cluster::Kubectl;
use unstall_integration::testing::{self, real, skip};

/// What all tests share.
pub struct Bed {
    pub kubectl: Kubectl,
    /// `kubectl proxy`: the API server without TLS.
    pub plain: String,
}

/// The API server with our kinds; None, and the test counts as skipped, without it.
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
    real("leases of several controllers on kube-apiserver, frozen, cut off, and with lost answers");
    Ok(Bed {
        plain: proxy(&kubectl),
        kubectl,
    })
}

/// Starts `kubectl proxy`, which ends with this process, and returns its address.
fn proxy(kubectl: &Kubectl) -> String {
    let mut command = Command::new("setpriv");
    command
        .args(["--pdeathsig", "KILL"])
        .arg(kubectl.program())
        .args(["proxy", "--port=0"])
        .env("KUBECONFIG", kubectl.kubeconfig())
        .stdout(Stdio::piped());
    let (send, said) = channel();
    // It ends with the thread that started it, which must not be that of one test.
    std::thread::spawn(move || {
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        out.read_line(&mut line).unwrap();
        send.send(line).unwrap();
        child.wait().unwrap();
    });
    let line = said.recv().unwrap();
    let address = line.trim().rsplit(' ').next().unwrap();
    assert!(address.starts_with("127.0.0.1:"), "{line}");
    address.to_owned()
}
