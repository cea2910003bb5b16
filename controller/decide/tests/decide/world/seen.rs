//! What the controller sees: what it always watches, and what it asked for.

use std::sync::Arc;

use unstall_decide::{HandedOver, Snapshot, Wanted, template_key, wanted};

use super::World;
use super::script::{Unread, View};

impl World {
    /// What the controller sees; `stale` parts as they were before its last
    /// pass, and nothing of what is `unread`.
    pub fn seen(&self, stale: &[View], unread: &[Unread]) -> Snapshot {
        let mut seen = self.snapshot.clone();
        for view in stale {
            match view {
                View::Ledger => seen.ledger.clone_from(&self.before.ledger),
                View::Remediations => seen.remediations.clone_from(&self.before.remediations),
                View::Nodes => seen.nodes.clone_from(&self.before.nodes),
            }
        }
        let wanted = wanted(&unstall_decide::View::new(&seen));
        self.look(&mut seen, &wanted, unread);
        seen
    }

    fn look(&self, seen: &mut Snapshot, wanted: &Wanted, unread: &[Unread]) {
        let is_read = |what| !unread.contains(&what);
        if is_read(Unread::Pods) {
            let pods = |node: &String| {
                let pods = self.pods.get(node).into_iter().flatten();
                (node.clone(), pods.map(|(pod, _)| pod.clone()).collect())
            };
            seen.pods = wanted.pods.iter().map(pods).collect();
        }
        if wanted.unplaced && is_read(Unread::Unplaced) {
            seen.unplaced = Some(self.unplaced.values().cloned().collect());
        }
        if wanted.budgets && is_read(Unread::Budgets) {
            seen.budgets = Some(self.budgets.values().cloned().collect());
        }
        if wanted.attachments && is_read(Unread::Attachments) {
            seen.attachments = Some(self.attachments.clone());
        }
        if is_read(Unread::Others) {
            let templates = wanted.templates.iter().map(template_key);
            let incidents = wanted.handed_over.iter().map(|(name, ..)| name.clone());
            let state = |name: String| {
                let state = match (self.sights.get(&name), self.templates) {
                    (Some(state), _) => state.clone(),
                    (None, false) => HandedOver::NoTemplate,
                    (None, true) if self.others.contains(&name) => HandedOver::Present,
                    (None, true) => HandedOver::Absent,
                };
                (name, state)
            };
            seen.handed_over = templates.chain(incidents).map(state).collect();
        }
        if !is_read(Unread::Replicas) {
            seen.replicas = None;
        }
    }

    /// The Node, to be changed.
    pub(super) fn node_mut(&mut self, name: &str) -> Option<&mut unstall_decide::Node> {
        self.snapshot.nodes.get_mut(name).map(Arc::make_mut)
    }
}
