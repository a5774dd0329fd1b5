//! The library's stack over a no-op service, and its client beside a bare hyper client.
//!
//! `cargo bench -p mesh-benches --bench stack`

use mesh_benches::calls::{World, clients, stack};
use mesh_benches::side_by_side::compare;

fn main() -> std::io::Result<()> {
    let world = World::new();
    let mut calls = stack(&world);
    calls.extend(clients(&world));
    compare(&world, calls)
}
