//! One report for each request, however it ends.

mod bench;
mod endings;
mod log;
mod recorder;
mod series;
