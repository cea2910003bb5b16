//! The API server without TLS, for forwarders that look into what is said.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;

use unstall_integration::cluster::Kubectl;

/// Starts `kubectl proxy`, which ends with this process, and returns its address.
pub fn proxy(kubectl: &Kubectl) -> String {
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
