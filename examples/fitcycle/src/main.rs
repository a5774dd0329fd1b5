//! fitcycle.
fn main() {}
