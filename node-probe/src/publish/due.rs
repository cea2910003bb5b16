//! When a status is worth a write. (pure)
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::time::Duration;

use unstall_crds::health::{NodeHealthStatus, SignalState};

use crate::time::MonotonicTime;

/// The last write.
#[derive(Clone, Copy, Debug)]
pub struct Written {
    /// When.
    pub at: MonotonicTime,
    /// Any number: it spreads the heartbeats of a fleet.
    pub jitter: u32,
}

/// Whether `next` is to be written now: something that others act on changed,
/// or the heartbeat is due. Numbers alone wait for the heartbeat.
#[must_use]
pub fn is_due(
    next: &NodeHealthStatus,
    on_record: &NodeHealthStatus,
    written: Option<Written>,
    report_interval: Duration,
    now: MonotonicTime,
) -> bool {
    let Some(written) = written else { return true };
    // 100 % to 105 %: never two within the interval, and far from the three
    // intervals that look like silence.
    let added = report_interval / 20 * (written.jitter % 1_000) / 1_000;
    now.since(written.at) >= report_interval + added || essence(next) != essence(on_record)
}

/// What others act on.
fn essence(status: &NodeHealthStatus) -> impl PartialEq {
    let triggers: Vec<_> = status
        .triggers
        .iter()
        .map(|t| {
            let key = (t.policy.clone(), t.name.clone(), t.signal_hash.clone());
            (key, t.state, t.value_since_command.is_some())
        })
        .collect();
    let signals: Vec<_> = status
        .signals
        .iter()
        // That there are samples enough by now can wait.
        .map(|signal| (signal.name, signal.state == SignalState::Unknown))
        .collect();
    (
        (
            status.observed_generation,
            status.boot_id.clone(),
            status.kernel.clone(),
            status.verdict,
        ),
        (
            status.command.clone(),
            status.probe.clone(),
            triggers,
            signals,
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use unstall_crds::health::Verdict;

    fn at(second: u64) -> MonotonicTime {
        MonotonicTime::from_boot(Duration::from_secs(second))
    }

    fn due(next: &NodeHealthStatus, jitter: u32, second: u64) -> bool {
        let written = Some(Written {
            at: at(1_000),
            jitter,
        });
        is_due(
            next,
            &NodeHealthStatus::default(),
            written,
            Duration::from_mins(5),
            at(second),
        )
    }

    #[test]
    fn the_first_status_is_written_at_once() {
        let status = NodeHealthStatus::default();
        assert!(is_due(
            &status,
            &status,
            None,
            Duration::from_mins(5),
            at(1)
        ));
    }

    #[test]
    fn a_heartbeat_comes_after_the_interval_and_a_twentieth_of_it_at_most() {
        let same = NodeHealthStatus::default();
        for jitter in [0, 1, 499, 999, u32::MAX] {
            assert!(!due(&same, jitter, 1_299), "{jitter}");
            assert!(due(&same, jitter, 1_315), "{jitter}");
        }
        assert!(due(&same, 0, 1_300) && !due(&same, 999, 1_314));
    }

    #[test]
    fn a_signal_that_cannot_be_read_any_more_is_news_and_enough_samples_are_none() {
        let with = |state: &str| NodeHealthStatus {
            signals: vec![
                serde_json::from_value(serde_json::json!({"name": "CPUSteal", "state": state}))
                    .unwrap(),
            ],
            ..Default::default()
        };
        let written = Some(Written {
            at: at(1_000),
            jitter: 0,
        });
        let is_news = |next: &str| {
            let interval = Duration::from_mins(5);
            is_due(&with(next), &with("Warming"), written, interval, at(1_001))
        };
        assert!(is_news("Unknown") && !is_news("Known"));
    }

    #[test]
    fn a_kernel_that_was_staged_and_a_reboot_that_is_asked_for_are_news() {
        let with = |kernel: serde_json::Value| NodeHealthStatus {
            kernel: serde_json::from_value(kernel).unwrap(),
            ..Default::default()
        };
        let old = with(serde_json::json!({"running": "6.1.0-39-amd64"}));
        let written = Some(Written {
            at: at(1_000),
            jitter: 0,
        });
        for (kernel, is_news) in [
            (serde_json::json!({"running": "6.1.0-39-amd64"}), false),
            (
                serde_json::json!({"running": "6.1.0-39-amd64", "staged": "6.1.0-40-amd64"}),
                true,
            ),
            (
                serde_json::json!({"running": "6.1.0-39-amd64", "rebootRequired": false}),
                true,
            ),
        ] {
            let next = with(kernel);
            let interval = Duration::from_mins(5);
            assert_eq!(
                is_due(&next, &old, written, interval, at(1_001)),
                is_news,
                "{next:?}"
            );
        }
    }

    #[test]
    fn numbers_alone_wait_and_changes_do_not() {
        let mut next = NodeHealthStatus {
            summary: Some("other words".into()),
            ..Default::default()
        };
        assert!(!due(&next, 0, 1_001));
        next.verdict = Some(Verdict::Stalled);
        assert!(due(&next, 0, 1_001));
    }
}
