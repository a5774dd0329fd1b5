//! Calls of a declared host on a port that it does not declare.

use mesh_core::plan::Plan;

/// The message about such a call; `None` if the host declares that port, or no port at all.
///
/// It searches all tables: call it only for a failed call.
pub(crate) fn undeclared(plan: &Plan, host: &str, port: u16) -> Option<String> {
    let known = plan.outbound.iter().filter(|(_, table)| table.host(host).is_some());
    let known: Vec<u16> = known.map(|(port, _)| *port).collect();
    if known.is_empty() || known.contains(&port) {
        return None;
    }
    let known: Vec<String> = known.iter().map(u16::to_string).collect();
    Some(format!("{host} declares no port {port}, only {}", known.join(", ")))
}
