//! Values that no resource of the kind may hold, whoever wrote them.
//!
//! The decoder knows types and names; ranges and combinations are checked here, on the typed object,
//! so that what a Rust program builds is held to the same rules as what a file says.
