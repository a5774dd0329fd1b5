//! Reconnecting in the background (wish 5): no request is needed for a recovered endpoint to return.

use std::sync::Arc;
use std::time::Duration;

use mesh_core::rng::Rng;

use super::Protocol;
use super::dial::dial;
use super::endpoint::Endpoint;
use super::lane::Lane;
use crate::clock::FastRng;

impl Endpoint {
    /// Dials in the background until the endpoint is back, or gone from the configuration.
    pub(super) fn restore(self: &Arc<Self>, lane: &mut Lane, protocol: Protocol) {
        if std::mem::replace(&mut lane.restoring, true) {
            return;
        }
        let owner = Arc::downgrade(self);
        let mut rng = FastRng::seeded(self.seed);
        tokio::spawn(async move {
            loop {
                let Some(pool) = owner.upgrade() else { return };
                let delay = {
                    let mut state = pool.lock();
                    let lane = state.lane(protocol);
                    if lane.open > 0 {
                        lane.restoring = false;
                        return;
                    }
                    reconnect_delay(lane.failures, rng.unit())
                };
                drop(pool);
                tokio::time::sleep(delay).await;
                let Some(pool) = owner.upgrade() else { return };
                let permit = {
                    let mut state = pool.lock();
                    let lane = state.lane(protocol);
                    let permit =
                        if lane.open + lane.dialing == 0 { pool.cluster.try_connection(true) } else { None };
                    lane.dialing += usize::from(permit.is_some());
                    permit
                };
                if let Some(permit) = permit {
                    let outcome = dial(&pool, protocol, permit).await;
                    pool.dialled(protocol, outcome);
                }
            }
        });
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
