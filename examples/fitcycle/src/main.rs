//! fitcycle: a small application made of several services, as an example of what runs behind the mesh.
//!
//! One executable plays every part. Each service is a process of its own, started from this same file with a
//! subcommand.
//!
//! | module | part |
//! |---|---|
//! | [`model`] | what a sign-up is |
//! | [`store`] | where sign-ups are kept: SQLite, or MySQL and MariaDB |
//! | [`api`] | api-server v1 and v2: the JSON API |
//! | [`web`], [`mobile`], [`report`] | the services that call the API; [`front`] is what they share, [`role`] runs one |
//! | [`upstream`] | the seam through which they call it |
//! | [`member`] | how a service joins the mesh in process |
//! | [`layers`] | what stands around the routes of every service: trace, compression, catch-panic, body limit |
//! | [`serve`] | how every service listens, announces itself and drains |
//! | [`launch`] | the launcher: all of it behind the mesh, with one command |

mod api;
mod cli;
mod front;
mod launch;
mod layers;
mod member;
mod mobile;
mod model;
mod report;
mod role;
mod serve;
mod store;
mod upstream;
mod web;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    cli::Cli::parse().run()
}
