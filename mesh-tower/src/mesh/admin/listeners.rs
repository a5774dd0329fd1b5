//! `/listeners`.

use std::fmt::Write;
use std::net::SocketAddr;
use std::sync::Arc;

use mesh_core::plan::Direction;
use serde_json::{Value, json};

/// A listener that stands.
#[derive(Clone, Debug)]
pub struct ListenerStatus {
    /// The text of its key in the plan.
    pub name: Arc<str>,
    /// Where it really listens.
    pub address: SocketAddr,
    /// The port that rules match.
    pub port: u16,
    /// Which way its traffic goes.
    pub direction: Direction,
    /// What it speaks: `HTTP` or `HTTPS`.
    pub protocol: &'static str,
    /// Where it was written.
    pub origin: String,
}

pub(super) fn text(listeners: &[ListenerStatus]) -> String {
    let mut out = String::new();
    for ListenerStatus { name, address, .. } in listeners {
        // Writing into a string cannot fail.
        let _ = writeln!(out, "{name}::{address}");
    }
    out
}

pub(super) fn json(listeners: &[ListenerStatus]) -> Value {
    let list: Value = listeners
        .iter()
        .map(|listener| {
            json!({
                "name": &*listener.name,
                "local_address": listener.address.to_string(),
                "port": listener.port,
                "direction": listener.direction.as_str(),
                "protocol": listener.protocol,
                "origin": listener.origin,
            })
        })
        .collect();
    json!({ "listener_statuses": list })
}
