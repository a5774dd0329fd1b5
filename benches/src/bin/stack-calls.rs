//! Counts the cost of a call in allocations and instructions, which do not depend on the load of the machine.
//!
//! `cargo run --release -p mesh-benches --bin stack-calls` prints allocations and bytes of each call, and the difference
//! to the call's floor. With `--callgrind` it runs itself under valgrind, twice for each call, and prints instructions:
//! the difference of two runs does not contain the start.

use std::alloc::System;
use std::collections::HashMap;
use std::process::Command;

use anyhow::Context as _;
use clap::Parser;
use mesh_benches::calls::{Call, World, all};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Calls that are made before anything is counted: connections, handles and buffers are there then.
const WARM_UP: u64 = 200;
/// Calls over which allocations are counted.
const COUNTED: u64 = 2_000;
/// Calls more in the second run under valgrind.
const MORE: u64 = 1_000;

/// Counts allocations or instructions of each call.
#[derive(Debug, Parser)]
#[command(name = "stack-calls", version)]
struct Options {
    /// Counts instructions, under valgrind.
    #[arg(long)]
    callgrind: bool,
    /// Only calls whose name contains this.
    #[arg(long, value_name = "TEXT", default_value = "")]
    only: String,
    /// Makes the call of exactly this name, and prints nothing: to be run under a profiler.
    #[arg(long, value_name = "NAME")]
    call: Option<String>,
    /// How often `--call` makes it.
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    times: u64,
}

fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let world = World::new();
    let mut calls = all(&world);
    if let Some(name) = &options.call {
        let call = calls.iter_mut().find(|call| call.name == name).context("there is no such call")?;
        call.run(options.times);
        return Ok(());
    }
    let wanted: Vec<&str> =
        calls.iter().filter(|call| call.name.contains(&options.only)).map(|call| call.floor).collect();
    let wanted: std::collections::HashSet<&str> = wanted.into_iter().collect();
    calls.retain(|call| wanted.contains(call.name) || call.name.contains(&options.only));
    if options.callgrind { instructions(&calls) } else { allocations(&world, &mut calls) }
}

fn allocations(world: &World, calls: &mut [Call]) -> anyhow::Result<()> {
    let mut known = HashMap::new();
    print_line("call", "allocations", "own", "bytes", "own", "over");
    for call in calls {
        call.run(WARM_UP);
        world.upkeep();
        let region = Region::new(ALLOCATOR);
        call.run(COUNTED);
        let change = region.change();
        let count = (change.allocations + change.reallocations) as f64 / COUNTED as f64;
        let bytes = change.bytes_allocated as f64 / COUNTED as f64;
        known.insert(call.name, (count, bytes));
        let (floor_count, floor_bytes) = known[call.floor];
        print_line(
            call.name,
            &format!("{count:.2}"),
            &format!("{:.2}", count - floor_count),
            &format!("{bytes:.0}"),
            &format!("{:.0}", bytes - floor_bytes),
            call.floor,
        );
    }
    Ok(())
}

fn instructions(calls: &[Call]) -> anyhow::Result<()> {
    if Command::new("valgrind").arg("--version").output().is_err() {
        eprintln!("SKIPPED: valgrind is not installed, so no instructions are counted");
        return Ok(());
    }
    let mut known = HashMap::new();
    print_line("call", "instructions", "own", "", "", "over");
    for call in calls {
        let few = run_under_valgrind(call.name, WARM_UP)?;
        let many = run_under_valgrind(call.name, WARM_UP + MORE)?;
        anyhow::ensure!(many > few, "valgrind finds no calls: this program was built without symbols");
        let each = (many - few) as f64 / MORE as f64;
        known.insert(call.name, each);
        let own = each - known[call.floor];
        print_line(call.name, &format!("{each:.0}"), &format!("{own:.0}"), "", "", call.floor);
    }
    Ok(())
}

fn run_under_valgrind(call: &str, times: u64) -> anyhow::Result<u64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg("--toggle-collect=mesh_benches::calls::Call::run")
        .arg(std::env::current_exe()?)
        .args(["--call", call, "--times", &times.to_string()])
        .output()?;
    let text = String::from_utf8_lossy(&output.stderr);
    let counted = text.lines().find_map(|line| line.split_once("Collected :")?.1.trim().parse().ok());
    counted.with_context(|| format!("valgrind counted nothing:\n{text}"))
}

#[expect(clippy::print_stdout, reason = "this is what the program is for")]
fn print_line(name: &str, one: &str, own_one: &str, two: &str, own_two: &str, floor: &str) {
    println!("{name:<26} {one:>12} {own_one:>8} {two:>8} {own_two:>8}  {floor}");
}
