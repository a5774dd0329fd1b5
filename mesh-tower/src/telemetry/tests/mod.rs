//! One report for each request, for each way to end.

mod bench;
mod endings;
mod log;
mod recorder;
mod series;
