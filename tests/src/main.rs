//! `mesh-proxy` as the tests run it: the library's entry and nothing more.

use std::process::ExitCode;

fn main() -> ExitCode {
    mesh_proxy::run(std::env::args_os())
}
