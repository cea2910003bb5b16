//! A token that is replaced, as kubelets do it, and whose predecessor ends.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::node::{Bed, Node, bed};
use unstall_integration::forward::Forward;

/// A token is read again each minute.
const LIMIT: Duration = Duration::from_secs(120);

/// A service account that may what the chart gives to the probe's.
struct Account {
    bed: &'static Bed,
    name: String,
}

impl Account {
    fn make(bed: &'static Bed) -> Self {
        let name = format!("probe-{}", std::process::id());
        let run = |line: &str| {
            bed.kubectl
                .run(&line.split(' ').collect::<Vec<_>>())
                .unwrap()
        };
        run(&format!("create serviceaccount {name} -n default"));
        run(&format!(
            "create clusterrole {name} --verb=get,list,watch,patch \
             --resource=nodehealths.unstall.dev,nodehealths.unstall.dev/status"
        ));
        run(&format!(
            "create clusterrolebinding {name} --clusterrole={name} --serviceaccount=default:{name}"
        ));
        Self { bed, name }
    }

    /// A token that is worth something as long as the Secret `to` is there.
    fn bound(&self, to: &str) -> String {
        let secret = format!("{}-{to}", self.name);
        let kubectl = &self.bed.kubectl;
        kubectl
            .run(&["create", "secret", "generic", &secret, "-n", "default"])
            .unwrap();
        let args = ["create", "token", &self.name, "-n", "default"];
        let bound = ["--bound-object-kind=Secret", "--bound-object-name", &secret];
        kubectl.run(&[&args[..], &bound].concat()).unwrap()
    }

    fn end(&self, to: &str) {
        let secret = format!("{}-{to}", self.name);
        let args = ["delete", "secret", &secret, "-n", "default"];
        self.bed.kubectl.run(&args).unwrap();
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        for kind in ["clusterrolebinding", "clusterrole", "serviceaccount"] {
            let args = ["delete", kind, &self.name, "-n", "default"];
            let _ = self.bed.kubectl.try_run(&args);
        }
    }
}

/// Lays `token` where the probe finds it, by one rename of a link, as a kubelet does.
fn lay(dir: &Path, number: u32, token: &str) {
    let data = dir.join(format!("data-{number}"));
    fs::create_dir(&data).unwrap();
    fs::write(data.join("token"), token.trim()).unwrap();
    symlink(&data, dir.join("..new")).unwrap();
    fs::rename(dir.join("..new"), dir.join("..data")).unwrap();
}

#[test]
fn a_replaced_token_is_used_and_its_predecessor_not_missed() {
    let Some(bed) = bed() else { return };
    let account = Account::make(bed);
    let dir = tempfile::tempdir().unwrap();
    lay(dir.path(), 1, &account.bound("first"));
    symlink("..data/token", dir.path().join("token")).unwrap();
    let config = bed
        .kubectl
        .run(&["config", "view", "--raw", "--minify", "-o", "json"]);
    let config: Value = serde_json::from_str(&config.unwrap()).unwrap();
    let user = json!({"tokenFile": dir.path().join("token")});
    let cluster = &config["clusters"][0]["cluster"];
    let unused = Forward::to("127.0.0.1:1").unwrap();
    let mut node = Node::with(bed, "token", &["--interval", "1s"], unused, cluster, &user);
    let measured = node.measured();
    lay(dir.path(), 2, &account.bound("second"));
    account.end("first");
    // Told of by the watch, which began with the first token, or by a new one.
    let newest = node.change();
    node.until_observed(newest, LIMIT);
    // Longer than any token is remembered: nothing but the second one can be in use.
    std::thread::sleep(Duration::from_secs(20));
    let newest = node.change();
    node.until_observed(newest, LIMIT);
    account.end("second");
    // API servers remember a good token for some seconds.
    let refused = || node.log().matches("Unauthorized").count();
    let (before, mut lost) = (refused(), newest);
    node.until("the end of the last token to be told", LIMIT, || {
        lost = node.change();
        std::thread::sleep(Duration::from_secs(3));
        refused() > before
    });
    assert_ne!(node.object()["status"]["observedGeneration"], lost);
    lay(dir.path(), 3, &account.bound("third"));
    node.until_observed(lost, LIMIT);
    assert!(node.measured() > measured, "it does not measure");
    node.assert_running();
    account.end("third");
    println!("{}", node.log());
}
