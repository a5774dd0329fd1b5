//! Virtual hosts and the table that finds them (H-7, H-8, H-9, VS-5).

use std::sync::Arc;

use super::{HostMap, Recorder, RequestView, Route, VirtualHostKey};
use crate::error::Origin;

#[cfg(test)]
mod tests;

/// The treatment of a request whose host matches nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Fallback {
    /// 404, flag NR (H-9).
    #[default]
    NotFound,
    /// `ALLOW_ANY`: on to where the request was going, route name `allow_any` (H-8).
    Passthrough,
    /// `REGISTRY_ONLY`: 502, route name `block_all` (H-8).
    BlackHole,
}

/// The routes for some domains, in order.
#[derive(Clone, Debug)]
pub struct VirtualHost {
    /// Its key, unique in its table.
    pub key: VirtualHostKey,
    /// The domains it answers for, as in H-6.
    pub domains: Vec<String>,
    /// Its routes; the first that matches serves.
    pub routes: Vec<Arc<Route>>,
    /// Whether its port speaks grpc-web, which is bridged to gRPC (RF-6).
    pub grpc_web: bool,
    /// Where it was declared.
    pub origin: Origin,
}

/// Two virtual hosts claim one domain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("domain {domain:?} is declared by \"{first}\" and by \"{second}\"")]
pub struct TableError {
    /// The domain.
    pub domain: String,
    /// The virtual host that has it.
    pub first: VirtualHostKey,
    /// The virtual host that claims it too.
    pub second: VirtualHostKey,
}

/// All that one listener, or one library client, routes by.
#[derive(Clone, Debug)]
pub struct RouteTable {
    name: Arc<str>,
    hosts: Vec<VirtualHost>,
    index: HostMap,
    fallback: Fallback,
    reads_claims: bool,
    grpc_web: bool,
}

/// The result of a lookup in a table.
#[derive(Clone, Copy, Debug)]
pub enum Found<'a> {
    /// This route serves.
    Route(&'a VirtualHost, &'a Arc<Route>),
    /// The host is known, but no rule fits: 404, flag NR (VS-5).
    NoRule(&'a VirtualHost),
    /// The host is not known.
    NoHost(Fallback),
}

impl RouteTable {
    /// Compiles a table.
    ///
    /// # Errors
    /// If two virtual hosts claim one domain.
    pub fn build(name: Arc<str>, hosts: Vec<VirtualHost>, fallback: Fallback) -> Result<Self, TableError> {
        let mut index = HostMap::default();
        for (position, host) in hosts.iter().enumerate() {
            for domain in &host.domains {
                index.insert(domain, position).map_err(|first| TableError {
                    domain: domain.clone(),
                    first: hosts[first].key.clone(),
                    second: host.key.clone(),
                })?;
            }
        }
        for (position, host) in hosts.iter().enumerate() {
            for domain in &host.domains {
                index.insert_bare(domain, position);
            }
        }
        let reads_claims =
            hosts.iter().flat_map(|host| &host.routes).any(|route| route.matcher.reads_claims());
        Ok(Self { name, hosts, index, fallback, reads_claims, grpc_web: false })
    }

    /// The same table of a listener that speaks grpc-web, whatever the host (RF-6).
    #[must_use]
    pub fn grpc_web(mut self) -> Self {
        self.grpc_web = true;
        self.hosts.iter_mut().for_each(|host| host.grpc_web = true);
        self
    }

    /// Whether the listener speaks grpc-web, for unknown hosts too (RF-6).
    #[must_use]
    pub const fn is_grpc_web(&self) -> bool {
        self.grpc_web
    }

    /// The table's name, such as `9080` or `http.8080`.
    #[must_use]
    pub const fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The virtual hosts, in the order given.
    #[must_use]
    pub fn hosts(&self) -> &[VirtualHost] {
        &self.hosts
    }

    /// The treatment of a request whose host matches nothing.
    #[must_use]
    pub const fn fallback(&self) -> Fallback {
        self.fallback
    }

    /// Whether a rule asks about a verified token (VM-8). If not, the caller need not look for one.
    #[must_use]
    pub const fn reads_claims(&self) -> bool {
        self.reads_claims
    }

    /// The virtual host for an authority; its port and case are ignored (H-7).
    #[must_use]
    pub fn host(&self, authority: &str) -> Option<&VirtualHost> {
        self.index.get(authority).map(|position| &self.hosts[position])
    }

    /// Host and rule in one: what to do with this request.
    #[must_use]
    pub fn find(&self, view: &RequestView<'_>) -> Found<'_> {
        self.find_recorded(view, &mut ())
    }

    /// As [`RouteTable::find`], telling `recorder` why each earlier rule did not match.
    pub fn find_recorded(&self, view: &RequestView<'_>, recorder: &mut impl Recorder) -> Found<'_> {
        match self.host(view.authority) {
            None => Found::NoHost(self.fallback),
            Some(host) => match host.route_recorded(view, recorder) {
                Some(route) => Found::Route(host, route),
                None => Found::NoRule(host),
            },
        }
    }
}

impl VirtualHost {
    /// The first route that matches (VS-5).
    #[must_use]
    pub fn route(&self, view: &RequestView<'_>) -> Option<&Arc<Route>> {
        self.route_recorded(view, &mut ())
    }

    /// As [`VirtualHost::route`], telling `recorder` why each earlier rule did not match.
    pub fn route_recorded(
        &self,
        view: &RequestView<'_>,
        recorder: &mut impl Recorder,
    ) -> Option<&Arc<Route>> {
        self.routes.iter().find(|route| match route.matcher.check(view) {
            Ok(()) => true,
            Err(why) => {
                recorder.mismatch(route, why);
                false
            }
        })
    }
}
