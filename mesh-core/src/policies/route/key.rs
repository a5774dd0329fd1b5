//! How virtual hosts are known.

use std::fmt;
use std::sync::Arc;

/// Which virtual host of a table: its parts, or a name given by a control plane.
///
/// Its text, such as `reviews.default.svc.cluster.local:9080`, is [`Display`](fmt::Display) only. Cloning is cheap.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum VirtualHostKey {
    /// A host, wildcards allowed, on a port of its service or of its gateway.
    Host {
        /// The host, without brackets.
        host: Arc<str>,
        /// The port.
        port: u16,
    },
    /// The application behind an inbound port.
    Inbound {
        /// The port.
        port: u16,
    },
    /// A name given by a control plane.
    Named(Arc<str>),
}

impl VirtualHostKey {
    /// A host on a port.
    #[must_use]
    pub fn host(host: impl Into<Arc<str>>, port: u16) -> Self {
        Self::Host { host: host.into(), port }
    }

    /// The host that it is for; `None` where no host is named.
    #[must_use]
    pub fn domain(&self) -> Option<&str> {
        match self {
            Self::Host { host, port: _ } => Some(host),
            Self::Inbound { .. } | Self::Named(_) => None,
        }
    }
}

impl fmt::Display for VirtualHostKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host { host, port } => write!(f, "{host}:{port}"),
            Self::Inbound { port } => write!(f, "inbound|http|{port}"),
            Self::Named(name) => f.write_str(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_shown_as_istio_names_virtual_hosts() {
        for (key, text) in [
            (
                VirtualHostKey::host("reviews.default.svc.cluster.local", 9080),
                "reviews.default.svc.cluster.local:9080",
            ),
            (VirtualHostKey::host("*.example.com", 443), "*.example.com:443"),
            (VirtualHostKey::Inbound { port: 5000 }, "inbound|http|5000"),
            (VirtualHostKey::Named("allow_any".into()), "allow_any"),
        ] {
            assert_eq!(key.to_string(), text);
        }
    }

    #[test]
    fn keys_shown_alike_but_made_of_other_parts_are_different() {
        let named = VirtualHostKey::Named("a:80".into());
        let host = VirtualHostKey::host("a", 80);
        assert_eq!(named.to_string(), host.to_string());
        assert_ne!(named, host);
    }
}
