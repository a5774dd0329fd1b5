//! The order to stop a proxy (OP-4).
//!
//! ```text
//! serving ──drain──▶ draining: not ready, accepts, answers close ──terminationDrainDuration──▶
//!                    leaving: accepts no more, open work goes on ──none open, or drainDuration──▶ ended
//!            now, from anywhere ──────────────────────────────────────────────────────────────▶ ended
//! ```

use std::io::Read;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Stops a [`Proxy`](crate::Proxy). Clones stop the same one.
#[derive(Clone, Debug, Default)]
pub struct Shutdown {
    drain: CancellationToken,
    now: CancellationToken,
}

impl Shutdown {
    /// Drain, then end.
    pub fn drain(&self) {
        self.drain.cancel();
    }

    /// End at once, and break what is open.
    pub fn now(&self) {
        self.drain.cancel();
        self.now.cancel();
    }

    /// What a first and a second signal do.
    fn next(&self) {
        if self.drain.is_cancelled() {
            self.now.cancel();
        } else {
            tracing::info!(
                "stop requested: open work is finished first; a second signal (Ctrl-C) ends it at once"
            );
        }
        self.drain.cancel();
    }

    pub(crate) async fn draining(&self) {
        self.drain.cancelled().await;
    }

    pub(crate) async fn ending(&self) {
        self.now.cancelled().await;
    }

    /// SIGTERM and SIGINT: the first drains, the second ends at once.
    pub(crate) fn on_signals(&self) -> std::io::Result<()> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let shutdown = self.clone();
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    Some(()) = terminate.recv() => shutdown.next(),
                    Some(()) = interrupt.recv() => shutdown.next(),
                    else => return,
                }
            }
        });
        Ok(())
    }

    /// Drains when standard input ends: when the parent closes it, or is gone.
    pub(crate) fn on_end_of_input(&self) {
        let shutdown = self.clone();
        // A thread of its own: a read from standard input cannot be cancelled, and must not hold up
        // the runtime's end.
        std::thread::spawn(move || {
            let mut input = std::io::stdin().lock();
            let mut buffer = [0; 256];
            while input.read(&mut buffer).is_ok_and(|read| read > 0) {}
            shutdown.drain();
        });
    }
}
