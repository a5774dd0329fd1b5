//! Calls of a declared host on a port that it does not declare.

use mesh_core::plan::Plan;
use mesh_core::route::Action;

use super::matched::Matched;
use crate::error::Error;

impl Matched {
    /// The error with what helps a caller whose request went past the registry because of its port alone.
    pub(crate) fn advise(&self, error: Error) -> Error {
        let past = matches!(self.route().action, Action::Passthrough);
        let dialled = if past { self.cluster() } else { None };
        let known = dialled.and_then(|pool| {
            let plan = pool.cluster().plan();
            undeclared(self.view().plan(), &plan.service.host, plan.port)
        });
        match known {
            Some(known) => error.advise(known),
            None => error,
        }
    }
}

/// The message about such a call; `None` if the host declares that port, or no port at all.
///
/// It searches all tables: call it only for a failed call.
pub(crate) fn undeclared(plan: &Plan, host: &str, port: u16) -> Option<String> {
    let known = declared_ports(plan, host);
    if known.is_empty() || known.contains(&port) {
        return None;
    }
    let known: Vec<String> = known.iter().map(u16::to_string).collect();
    Some(format!("{host} declares no port {port}, only {}", known.join(", ")))
}

/// The ports that documents declare for a host. It searches all tables.
pub(crate) fn declared_ports(plan: &Plan, host: &str) -> Vec<u16> {
    let known = plan.outbound.iter().filter(|(_, table)| table.host(host).is_some());
    known.map(|(port, _)| *port).collect()
}
