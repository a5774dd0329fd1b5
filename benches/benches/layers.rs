//! Each layer of the stack, over a no-op service and beside it.
//!
//! `cargo bench -p mesh-benches --bench layers`

use mesh_benches::calls::{World, layers};
use mesh_benches::side_by_side::compare;

fn main() -> std::io::Result<()> {
    let world = World::new();
    compare(&world, layers(&world))
}
