//! fitcycle as its users meet it: the built executable, real sockets, a real database.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop there")]

mod browser;
mod launcher;
mod layers;
mod mariadb;
mod process;
mod run;
mod services;
