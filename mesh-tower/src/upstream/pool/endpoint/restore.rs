//! Reconnecting in the background (wish 5): no request is needed for a recovered endpoint to return.

use std::sync::{Arc, Weak};
use std::time::Duration;

use mesh_core::rng::Rng;

use super::EndpointPool;
use super::dialing::Dialing;
use crate::clock::FastRng;
use crate::upstream::transport::Protocol;

/// The task that dials until the endpoint is back. If it breaks off, because it panicked or its runtime ended, the next
/// request may try.
pub(super) struct Restoring {
    owner: Weak<EndpointPool>,
    protocol: Protocol,
    rng: FastRng,
    restored: bool,
}

impl Restoring {
    pub(super) fn new(pool: &Arc<EndpointPool>, protocol: Protocol) -> Self {
        let rng = FastRng::seeded(pool.seed);
        Self { owner: Arc::downgrade(pool), protocol, rng, restored: false }
    }

    pub(super) async fn run(mut self) {
        while let Some(delay) = self.delay() {
            tokio::time::sleep(delay).await;
            let Some(pool) = self.owner.upgrade() else { return };
            let permit = {
                let mut state = pool.lock();
                let lane = state.lane(self.protocol);
                let permit =
                    if lane.open + lane.dialing == 0 { pool.cluster.try_connection(true) } else { None };
                lane.dialing += usize::from(permit.is_some());
                permit
            };
            if let Some(permit) = permit {
                Dialing::new(pool, self.protocol).run(permit).await;
            }
        }
    }

    /// How long to wait before the next dial; `None` once none is needed.
    fn delay(&mut self) -> Option<Duration> {
        let pool = self.owner.upgrade()?;
        let mut state = pool.lock();
        let lane = state.lane(self.protocol);
        if lane.open > 0 {
            lane.restoring = false;
            self.restored = true;
            return None;
        }
        Some(reconnect_delay(lane.failures, self.rng.unit()))
    }
}

impl Drop for Restoring {
    fn drop(&mut self) {
        if let (false, Some(pool)) = (self.restored, self.owner.upgrade()) {
            pool.lock().lane(self.protocol).restoring = false;
            pool.host.set_unreachable(false);
        }
    }
}

/// How long to wait before dial `failures + 1` of an endpoint that cannot be reached: doubling from
/// 50 ms to 2 s, each drawn from the upper half, so that many clients do not return in step.
fn reconnect_delay(failures: u32, unit: f64) -> Duration {
    let ceiling = Duration::from_millis(50).saturating_mul(1 << failures.min(6)).min(Duration::from_secs(2));
    ceiling.mul_f64(0.5 + unit / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reconnect_delays_grow_with_jitter_and_stop_at_two_seconds() {
        assert_eq!(reconnect_delay(0, 0.0), Duration::from_millis(25));
        assert_eq!(reconnect_delay(1, 1.0), Duration::from_millis(100));
        assert_eq!(reconnect_delay(40, 1.0), Duration::from_secs(2));
    }
}
