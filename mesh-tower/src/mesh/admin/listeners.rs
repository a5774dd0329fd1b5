//! `/listeners`.

use std::fmt::Write;
use std::net::SocketAddr;
use std::sync::Arc;

use mesh_core::plan::Direction;
use serde_json::{Value, json};

/// An open listener.
#[derive(Clone, Debug)]
pub struct ListenerStatus {
    /// The text of its key in the plan.
    pub name: Arc<str>,
    /// The address of its socket.
    pub address: SocketAddr,
    /// The port that rules match.
    pub port: u16,
    /// The direction of its traffic.
    pub direction: Direction,
    /// Its protocol: `HTTP` or `HTTPS`.
    pub protocol: &'static str,
    /// The file and position of the document that declares it.
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
