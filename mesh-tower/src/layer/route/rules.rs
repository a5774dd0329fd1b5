//! Where in the plan the rules for a request stand.

use std::collections::BTreeMap;
use std::sync::Arc;

use mesh_core::plan::{ListenerKey, ListenerRoutes, Plan};
use mesh_core::route::RouteTable;

/// Where the rules for a request stand.
pub(super) enum Rules<'a> {
    Table(&'a RouteTable),
    /// No rule knows the port of the authority.
    UnknownPort,
    /// The plan has the listener no more; its last connections are about to leave.
    NoListener,
}

/// The table that serves a request of `authority`, under `listener` if one is given.
pub(super) fn rules<'a>(
    plan: &'a Plan,
    listener: Option<&ListenerKey>,
    authority: &str,
    https: bool,
) -> Rules<'a> {
    if let Some(key) = listener {
        match plan.listener(key).map(|found| &found.routes) {
            Some(ListenerRoutes::Table(table)) => return Rules::Table(table),
            Some(ListenerRoutes::ByAuthority) => {}
            Some(ListenerRoutes::ByAuthorityOf(tables)) => return by_port(tables, authority, https),
            None => return Rules::NoListener,
        }
    }
    by_port(&plan.outbound, authority, https)
}

fn by_port<'a>(tables: &'a BTreeMap<u16, Arc<RouteTable>>, authority: &str, https: bool) -> Rules<'a> {
    let host = mesh_core::route::host_of(authority);
    let port = authority.get(host.len() + 1..).and_then(|port| port.parse().ok());
    let table = tables.get(&port.unwrap_or(if https { 443 } else { 80 }));
    table.map_or(Rules::UnknownPort, |table| Rules::Table(table))
}
