//! What the host's files say of its next boot, as a report shows it.

use super::args::CheckArgs;
use super::report::NotRead;

/// The names of the two in a list of what was not read.
const STAGED: &str = "staged kernel";
const REBOOT: &str = "reboot required";

/// The two, or why they are not known.
#[derive(Clone, Debug, Default)]
pub struct NextBoot {
    /// The kernel that it would run.
    pub staged: Option<String>,
    /// By what that is known.
    pub staged_by: Option<&'static str>,
    /// Whether the distribution asks for it.
    pub reboot_required: Option<bool>,
    /// Why something is missing.
    pub not_read: Vec<NotRead>,
}

impl NextBoot {
    fn lacks(&mut self, what: &str, why: impl ToString) {
        self.not_read.push(NotRead {
            what: what.to_owned(),
            why: why.to_string(),
        });
    }
}

/// Looks at the host's files once.
#[cfg(feature = "cluster")]
pub fn next_boot(args: &CheckArgs) -> NextBoot {
    use crate::host_state::{HostFiles, look};

    let seen = look(&HostFiles {
        root: args.host_root.as_ref().unwrap_or(&args.root).clone(),
        sentinel: args.reboot_sentinel.clone(),
    });
    let mut said = NextBoot::default();
    match seen.staged {
        Ok(staged) => {
            said.staged = Some(staged.release.to_string());
            said.staged_by = Some(staged.by);
        }
        Err(why) => said.lacks(STAGED, why),
    }
    match seen.reboot_required {
        Ok(asked) => said.reboot_required = Some(asked),
        Err(why) => said.lacks(REBOOT, why),
    }
    said
}

/// The order of kernels is the API's, which this build is without.
#[cfg(not(feature = "cluster"))]
pub fn next_boot(_: &CheckArgs) -> NextBoot {
    let mut said = NextBoot::default();
    for what in [STAGED, REBOOT] {
        said.lacks(what, "this build has no cluster part, which looks at it");
    }
    said
}
