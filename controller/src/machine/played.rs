//! A machine that is played.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use jiff::Timestamp;
use tokio::task::{AbortHandle, JoinHandle};

/// A machine with one process on it, which can be frozen and killed.
pub trait Machine: Send + Sync {
    /// Its wall clock.
    fn now(&self) -> Timestamp;
    /// The time since it booted.
    fn uptime(&self) -> Duration;
    /// A random number.
    fn random(&self) -> u64;
    /// Whether the process may go on; a task that may not is woken once it may.
    fn poll_runs(&self, context: &mut Context<'_>) -> Poll<()>;
    /// A task of the process, which ends with it.
    fn adopt(&self, task: AbortHandle);
}

tokio::task_local! {
    static MACHINE: Arc<dyn Machine>;
}

/// Runs `task` as a process of `machine`, on the caller's thread.
pub fn on<T: 'static>(
    machine: &Arc<dyn Machine>,
    task: impl Future<Output = T> + 'static,
) -> JoinHandle<T> {
    let running = Running::new(machine, task);
    let spawned = tokio::task::spawn_local(MACHINE.scope(Arc::clone(machine), running));
    machine.adopt(spawned.abort_handle());
    spawned
}

pub(super) fn current() -> Option<Arc<dyn Machine>> {
    MACHINE.try_with(Arc::clone).ok()
}

pub(super) fn with<T>(ask: impl FnOnce(&dyn Machine) -> T) -> Option<T> {
    MACHINE.try_with(|machine| ask(machine.as_ref())).ok()
}

pub(super) fn spawn<T: Send + 'static>(
    machine: &Arc<dyn Machine>,
    task: impl Future<Output = T> + Send + 'static,
) -> JoinHandle<T> {
    let running = Running::new(machine, task);
    let spawned = tokio::spawn(MACHINE.scope(Arc::clone(machine), running));
    machine.adopt(spawned.abort_handle());
    spawned
}

/// A task that stands still while its process does.
struct Running<F> {
    machine: Arc<dyn Machine>,
    task: Pin<Box<F>>,
}

impl<F> Running<F> {
    fn new(machine: &Arc<dyn Machine>, task: F) -> Self {
        Self {
            machine: Arc::clone(machine),
            task: Box::pin(task),
        }
    }
}

impl<F: Future> Future for Running<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        match self.machine.poll_runs(context) {
            Poll::Ready(()) => self.task.as_mut().poll(context),
            Poll::Pending => Poll::Pending,
        }
    }
}
