//! All layers together, as the library composes them, over a no-op.

use std::rc::Rc;

use mesh_tower::stack::outbound_over;

use super::world::{self, FULL, PLAIN, no_op};
use super::{Call, World};

/// The outbound stack over a no-op: with nothing written, with rules, and with the log.
#[must_use]
pub fn stack(world: &Rc<World>) -> Vec<Call> {
    let stack =
        |telemetry| outbound_over(no_op(), world.worker(), telemetry, world::normalize(), world.route());
    let logged = world::telemetry().access_log(world::json_log());
    vec![
        Call::new("no-op", "no-op", world, PLAIN, no_op()),
        Call::new("stack, no rules", "no-op", world, PLAIN, stack(world::telemetry())),
        Call::new("stack, rules", "no-op", world, FULL, stack(world::telemetry())),
        Call::new("stack, rules, JSON log", "no-op", world, FULL, stack(logged)),
    ]
}
