//! The proxy as a program meets it: sockets in, sockets out.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test, in helpers too")]

mod admin;
mod drain;
mod gateway;
mod program;
mod sidecar;
mod support;
mod tls;
mod upgrade;
