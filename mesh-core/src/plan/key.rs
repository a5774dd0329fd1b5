//! How clusters and listeners are known.
//!
//! A key is made of parts, or is a name that a control plane gave. Istio's text for the same thing, such as
//! `outbound|80|v1|reviews.default.svc.cluster.local`, is [`Display`](fmt::Display) only: it goes into logs, metrics
//! and answers, and is never parsed or compared. Two keys of different parts are different even where they are
//! shown alike.
//!
//! | key | shown as |
//! |---|---|
//! | [`ClusterKey::Outbound`] | `outbound\|<port>\|<subset>\|<host>` (VA-1) |
//! | [`ClusterKey::Inbound`] | `inbound\|<port>\|\|` |
//! | [`ClusterKey::Passthrough`] | `PassthroughCluster` |
//! | [`ClusterKey::BlackHole`] | `BlackHoleCluster` |
//! | [`ListenerKey::Port`] | `gateway\|80`, `inbound\|5000`, `outbound\|15001\|10.0.0.1` |
//!
//! Keys are cheap to clone: their texts are shared with the services that they belong to.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

/// Which way the traffic of a listener goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Direction {
    /// From the local application to others.
    Outbound,
    /// From others to the local application.
    Inbound,
    /// From outside the mesh.
    Gateway,
}

/// Which listener.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ListenerKey {
    /// The listener of a port.
    Port {
        /// Which way its traffic goes.
        direction: Direction,
        /// The number that rules match.
        port: u16,
        /// Its address, where another listener has the port too (SC-8).
        address: Option<IpAddr>,
    },
    /// A name given by a control plane.
    Named(Arc<str>),
}

/// Which cluster.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ClusterKey {
    /// A port of a service, or of one subset of it.
    Outbound {
        /// FQDN of the service.
        host: Arc<str>,
        /// Service port.
        port: u16,
        /// Subset name; empty for the whole service.
        subset: Arc<str>,
    },
    /// The application behind an inbound listener.
    Inbound(ListenerKey),
    /// A host that only a request names (H-8).
    Passthrough,
    /// The hosts that `REGISTRY_ONLY` refuses (H-8).
    BlackHole,
    /// A name given by a control plane.
    Named(Arc<str>),
}

impl Direction {
    /// Its name in keys and on the admin pages.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Outbound => "outbound",
            Self::Inbound => "inbound",
            Self::Gateway => "gateway",
        }
    }
}

impl ListenerKey {
    /// The listener of a port, whatever its address.
    #[must_use]
    pub const fn port(direction: Direction, port: u16) -> Self {
        Self::Port { direction, port, address: None }
    }

    /// The same listener at one address among several; a name given by a control plane stays as it is.
    #[must_use]
    pub fn at(self, address: IpAddr) -> Self {
        match self {
            Self::Port { direction, port, address: _ } => {
                Self::Port { direction, port, address: Some(address) }
            }
            named @ Self::Named(_) => named,
        }
    }
}

impl ClusterKey {
    /// A port of the service `host`, or of one subset of it; an empty `subset` is the whole service.
    #[must_use]
    pub fn outbound(host: impl Into<Arc<str>>, port: u16, subset: impl Into<Arc<str>>) -> Self {
        Self::Outbound { host: host.into(), port, subset: subset.into() }
    }

    /// Whether it is called by routes to services, not the application behind a listener.
    #[must_use]
    pub const fn is_outbound(&self) -> bool {
        matches!(self, Self::Outbound { .. })
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for ListenerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Port { direction, port, address: None } => write!(f, "{direction}|{port}"),
            Self::Port { direction, port, address: Some(address) } => {
                write!(f, "{direction}|{port}|{address}")
            }
            Self::Named(name) => f.write_str(name),
        }
    }
}

impl fmt::Display for ClusterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Outbound { host, port, subset } => write!(f, "outbound|{port}|{subset}|{host}"),
            Self::Inbound(listener) => write!(f, "{listener}||"),
            Self::Passthrough => f.write_str("PassthroughCluster"),
            Self::BlackHole => f.write_str("BlackHoleCluster"),
            Self::Named(name) => f.write_str(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn va_1_keys_are_shown_as_istio_names_clusters() {
        let inbound = ListenerKey::port(Direction::Inbound, 5000);
        let shared = inbound.clone().at(Ipv4Addr::LOCALHOST.into());
        for (key, text) in [
            (
                ClusterKey::outbound("api-server.default.svc.cluster.local", 5000, "v1"),
                "outbound|5000|v1|api-server.default.svc.cluster.local",
            ),
            (ClusterKey::outbound("*.wild.example.com", 80, ""), "outbound|80||*.wild.example.com"),
            (ClusterKey::Inbound(inbound), "inbound|5000||"),
            (ClusterKey::Inbound(shared), "inbound|5000|127.0.0.1||"),
            (ClusterKey::Passthrough, "PassthroughCluster"),
            (ClusterKey::BlackHole, "BlackHoleCluster"),
            (ClusterKey::Named("xds-grpc".into()), "xds-grpc"),
        ] {
            assert_eq!(key.to_string(), text);
        }
    }

    #[test]
    fn sc_8_listeners_are_shown_by_direction_port_and_shared_address() {
        for (key, text) in [
            (ListenerKey::port(Direction::Gateway, 80), "gateway|80"),
            (ListenerKey::port(Direction::Inbound, 5000), "inbound|5000"),
            (ListenerKey::port(Direction::Outbound, 15001), "outbound|15001"),
            (
                ListenerKey::port(Direction::Gateway, 8080).at(Ipv4Addr::new(10, 0, 0, 1).into()),
                "gateway|8080|10.0.0.1",
            ),
            (ListenerKey::Named("virtualInbound".into()).at(Ipv4Addr::LOCALHOST.into()), "virtualInbound"),
        ] {
            assert_eq!(key.to_string(), text);
        }
    }

    #[test]
    fn keys_shown_alike_but_made_of_other_parts_are_different() {
        let clusters = [
            ClusterKey::outbound("a", 80, "|b"),
            ClusterKey::outbound("b|a", 80, ""),
            ClusterKey::Named("outbound|80||b|a".into()),
        ];
        assert!(clusters.iter().all(|key| key.to_string() == "outbound|80||b|a"), "{clusters:?}");
        assert_eq!(HashSet::from(clusters).len(), 3);
        let listeners = [ListenerKey::port(Direction::Gateway, 80), ListenerKey::Named("gateway|80".into())];
        assert!(listeners.iter().all(|key| key.to_string() == "gateway|80"), "{listeners:?}");
        assert_eq!(HashSet::from(listeners).len(), 2);
    }
}
