//! The order in which the parts of a stack act.

mod outbound;
