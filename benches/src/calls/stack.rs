//! All layers together, as the library composes them, over a no-op.

use std::rc::Rc;

use mesh_tower::stack::client_over;
use mesh_tower::telemetry::Metrics;

use super::world::{self, FULL, PLAIN, endpoint, no_op};
use super::{Call, World};

/// The outbound stack over a no-op: with nothing written, also without the exporter's share of the metrics; with
/// rules; and with the log.
#[must_use]
pub fn stack(world: &Rc<World>) -> Vec<Call> {
    let stack = |edge| client_over(endpoint(), edge);
    let logged = world.edge().access_log(world::json_log());
    let mut unheard = Call::new(
        "stack, no exporter",
        "no-op",
        world,
        PLAIN,
        stack(world.edge().metrics(Metrics::default())),
    );
    // Handles are made at the first call and kept, for all stacks of one registry: these lead nowhere.
    metrics::with_local_recorder(&metrics::NoopRecorder, || unheard.run(1));
    vec![
        Call::new("no-op", "no-op", world, PLAIN, no_op()),
        unheard,
        Call::new("stack, no rules", "no-op", world, PLAIN, stack(world.edge())),
        Call::new("stack, rules", "no-op", world, FULL, stack(world.edge())),
        Call::new("stack, rules, JSON log", "no-op", world, FULL, stack(logged)),
    ]
}
