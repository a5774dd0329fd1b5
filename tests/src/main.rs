//! `mesh-proxy` as the tests run it: only the library's entry.

use std::process::ExitCode;

fn main() -> ExitCode {
    mesh_proxy::run(std::env::args_os())
}
