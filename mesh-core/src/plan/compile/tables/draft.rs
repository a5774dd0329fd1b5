//! A listener of a gateway while it is put together: several rooms add to it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use crate::error::{Identity, Origin};
use crate::plan::ServerTls;
use crate::route::Route;

/// A listener under construction, from all Gateways that share its port and address.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) port: u16,
    pub(crate) bind: Option<IpAddr>,
    pub(crate) https: bool,
    /// Whether pages call gRPC services through it (RF-6).
    pub(crate) grpc_web: bool,
    pub(crate) certificates: Vec<ServerTls>,
    pub(crate) hosts: Hosts,
    /// The hosts of its servers, with wildcards.
    pub(crate) serves: Vec<String>,
    pub(crate) origin: Origin,
}

/// Routes of one host at a listener, from all VirtualServices.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) routes: Vec<Arc<Route>>,
    pub(crate) contributors: usize,
    pub(crate) lost: bool,
    pub(crate) origin: Origin,
}

/// Hosts in the order in which they came.
#[derive(Debug, Default)]
pub(crate) struct Hosts {
    pub(crate) order: Vec<String>,
    pub(crate) by_name: HashMap<String, Host>,
}

impl Draft {
    pub(crate) fn new(port: u16, bind: Option<IpAddr>, https: bool, origin: Origin) -> Self {
        let (certificates, hosts, serves) = (Vec::new(), Hosts::default(), Vec::new());
        Self { port, bind, https, grpc_web: false, certificates, hosts, serves, origin }
    }

    /// The position of the draft for a port and address, made if there is none; `None` if another protocol has
    /// the port.
    pub(crate) fn at(
        drafts: &mut Vec<Self>,
        port: u16,
        bind: Option<IpAddr>,
        https: bool,
        origin: &Origin,
    ) -> Option<usize> {
        match drafts.iter().position(|draft| draft.port == port && draft.bind == bind) {
            Some(position) => (drafts[position].https == https).then_some(position),
            None => {
                drafts.push(Self::new(port, bind, https, origin.clone()));
                Some(drafts.len() - 1)
            }
        }
    }
}

impl Hosts {
    /// Adds a host with one route, unless it is there.
    pub(crate) fn add_missing(&mut self, name: &str, route: &Arc<Route>, origin: Origin) {
        if !self.by_name.contains_key(name) {
            self.add(name, std::slice::from_ref(route), false, origin);
        }
    }

    /// Whether a host has a rule of this resource.
    pub(crate) fn has_of(&self, name: &str, owner: Identity<'_>) -> bool {
        self.by_name.get(name).is_some_and(|host| {
            let origins = host.routes.iter().map(|route| &route.origin).chain([&host.origin]);
            origins.into_iter().any(|origin| origin.identity() == owner)
        })
    }

    /// Lets a host keep its last good rules; one that only these rules are for is there if they are.
    pub(crate) fn lose(&mut self, name: &str, origin: Origin) {
        match self.by_name.get_mut(name) {
            Some(host) => host.lost = true,
            None => {
                self.order.push(name.to_owned());
                let host = Host { routes: Vec::new(), contributors: 0, lost: true, origin };
                self.by_name.insert(name.to_owned(), host);
            }
        }
    }

    pub(crate) fn add(&mut self, name: &str, routes: &[Arc<Route>], lost: bool, origin: Origin) {
        match self.by_name.get_mut(name) {
            Some(host) => {
                host.routes.extend(routes.iter().cloned());
                host.contributors += 1;
                host.lost |= lost;
            }
            None => {
                self.order.push(name.to_owned());
                let host = Host { routes: routes.to_vec(), contributors: 1, lost, origin };
                self.by_name.insert(name.to_owned(), host);
            }
        }
    }
}
