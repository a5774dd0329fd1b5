//! Times calls in turns, so that each disturbance of the machine disturbs all of them, and prints ratios.
//!
//! The figure of a call is the fastest of its rounds: other processes only ever add time. The cost of a layer itself is
//! the difference to its floor, the same call without it.

use std::collections::HashMap;
use std::io::{self, Write};
use std::time::{Duration, Instant};

use crate::calls::{Call, World};

/// How long one turn of one call lasts, about.
const TURN: Duration = Duration::from_millis(4);
/// How many turns each call has.
const TURNS: usize = 60;

/// Times every call and prints a table: nanoseconds over the floor, and the ratio to it.
///
/// Under `cargo test`, which asks benches to run too, each call is made once.
///
/// # Errors
/// If standard output is closed.
pub fn compare(world: &World, mut calls: Vec<Call>) -> io::Result<()> {
    if !is_measuring() {
        for call in &mut calls {
            call.run(1);
        }
        return Ok(());
    }
    let repeats: Vec<u64> = calls.iter_mut().map(repeats).collect();
    let mut best = vec![f64::INFINITY; calls.len()];
    for _ in 0..TURNS {
        for ((call, best), &repeats) in calls.iter_mut().zip(&mut best).zip(&repeats) {
            let nanoseconds = time(call, repeats).as_nanos() as f64 / repeats as f64;
            *best = best.min(nanoseconds);
        }
        world.upkeep();
    }
    print(&calls, &best)
}

/// Whether this run is to measure: Cargo hands `--bench` to benches, but not under `cargo test`.
#[must_use]
pub fn is_measuring() -> bool {
    std::env::args().any(|argument| argument == "--bench")
}

/// Nanoseconds of one call of `work`, by its fastest turn; under `cargo test` it is called once.
///
/// # Panics
/// Never: there is at least one turn.
pub fn fastest(mut work: impl FnMut()) -> f64 {
    if !is_measuring() {
        work();
        return f64::NAN;
    }
    let mut turn = |repeats: u64| {
        let start = Instant::now();
        for _ in 0..repeats {
            work();
        }
        start.elapsed()
    };
    let mut repeats = 16;
    while turn(repeats) < TURN {
        repeats *= 2;
    }
    let best = (0..TURNS).map(|_| turn(repeats)).min().expect("there are turns");
    best.as_nanos() as f64 / repeats as f64
}

/// How many calls fill a turn; warms up on the way.
fn repeats(call: &mut Call) -> u64 {
    let mut repeats = 16;
    while time(call, repeats) < TURN {
        repeats *= 2;
    }
    repeats
}

fn time(call: &mut Call, repeats: u64) -> Duration {
    let start = Instant::now();
    call.run(repeats);
    start.elapsed()
}

fn print(calls: &[Call], best: &[f64]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let known: HashMap<&str, f64> = calls.iter().map(|call| call.name).zip(best.iter().copied()).collect();
    writeln!(out, "{:<26} {:>9} {:>9} {:>7}  over", "call", "ns", "own ns", "ratio")?;
    for (call, &nanoseconds) in calls.iter().zip(best) {
        let floor = known[call.floor];
        let (own, ratio) = (nanoseconds - floor, nanoseconds / floor);
        writeln!(out, "{:<26} {nanoseconds:>9.0} {own:>9.0} {ratio:>7.2}  {}", call.name, call.floor)?;
    }
    Ok(())
}
