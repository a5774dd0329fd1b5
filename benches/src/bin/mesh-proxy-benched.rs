//! `mesh-proxy` as the tests of the benches run it: Cargo builds a test the executables of its own package only.

use std::process::ExitCode;

fn main() -> ExitCode {
    mesh_proxy::run(std::env::args_os())
}
