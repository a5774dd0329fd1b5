//! Calls of a declared host on a port that it does not declare.

use mesh_core::plan::Plan;

/// What to say of them; `None` if the host has that port, or no port at all.
///
/// Asked when a call has failed: all tables are looked through.
pub(crate) fn undeclared(plan: &Plan, host: &str, port: u16) -> Option<String> {
    let known = plan.outbound.iter().filter(|(_, table)| table.host(host).is_some());
    let known: Vec<u16> = known.map(|(port, _)| *port).collect();
    if known.is_empty() || known.contains(&port) {
        return None;
    }
    let known: Vec<String> = known.iter().map(u16::to_string).collect();
    Some(format!("{host} declares no port {port}, only {}", known.join(", ")))
}
