//! The proxy as a program meets it: sockets in, sockets out.

mod drain;
mod gateway;
mod program;
mod sidecar;
mod support;
mod upgrade;
