//! What a port speaks (P-1 to P-5).

use crate::api::kubernetes::ServicePort;
use crate::plan::UpstreamProtocol;

/// A protocol by name, or none known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Protocol {
    Tcp,
    Udp,
    Grpc,
    GrpcWeb,
    Http,
    HttpProxy,
    Http2,
    Https,
    Tls,
    Mongo,
    Redis,
    Mysql,
    /// HTTP or not: the first bytes tell (P-4).
    Sniffed,
}

/// Ports whose servers speak first, so that there is nothing to sniff (P-4).
const SERVER_FIRST: [u16; 4] = [25, 53, 3306, 27017];

impl Protocol {
    /// A protocol by its name (P-1).
    pub(crate) fn named(name: &str) -> Option<Self> {
        const NAMES: [(&str, Protocol); 12] = [
            ("tcp", Protocol::Tcp),
            ("udp", Protocol::Udp),
            ("grpc", Protocol::Grpc),
            ("grpc-web", Protocol::GrpcWeb),
            ("http", Protocol::Http),
            ("http_proxy", Protocol::HttpProxy),
            ("http2", Protocol::Http2),
            ("https", Protocol::Https),
            ("tls", Protocol::Tls),
            ("mongo", Protocol::Mongo),
            ("redis", Protocol::Redis),
            ("mysql", Protocol::Mysql),
        ];
        NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, protocol)| *protocol)
    }

    /// A protocol by a port's name, `<protocol>[-<suffix>]` (P-3).
    pub(crate) fn of_port_name(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        if name.starts_with("grpc-web") {
            return Some(Self::GrpcWeb);
        }
        Self::named(name.split('-').next().unwrap_or_default())
    }

    /// What a port of a Kubernetes Service speaks (P-2, P-4).
    pub(crate) fn of_service_port(port: &ServicePort, number: u16) -> Self {
        // Nothing that SCTP carries is proxied either.
        if ["UDP", "SCTP"].iter().any(|transport| port.protocol.eq_ignore_ascii_case(transport)) {
            return Self::Udp;
        }
        let told = match port.app_protocol.as_deref() {
            Some("kubernetes.io/h2c") => Some(Self::Http2),
            Some("kubernetes.io/ws") => Some(Self::Http),
            Some("kubernetes.io/wss") => Some(Self::Https),
            Some(name) => Self::of_port_name(name),
            None => Self::of_port_name(&port.name),
        };
        told.unwrap_or_else(|| Self::untold(number))
    }

    /// What a port speaks whose name tells nothing (P-4).
    pub(crate) fn untold(number: u16) -> Self {
        if SERVER_FIRST.contains(&number) { Self::Tcp } else { Self::Sniffed }
    }

    /// Whether HTTP rules apply to it: it is of the HTTP family, or may turn out to be (P-5).
    pub(crate) const fn is_routed(self) -> bool {
        self.is_http() || matches!(self, Self::Sniffed)
    }

    /// Whether it is of the HTTP family (P-1).
    pub(crate) const fn is_http(self) -> bool {
        matches!(self, Self::Http | Self::Http2 | Self::Grpc | Self::GrpcWeb | Self::HttpProxy)
    }

    /// What is spoken to endpoints (CB-7). A port of another family that an HTTP rule leads to is spoken to in HTTP/1.1,
    /// as Envoy does.
    pub(crate) const fn upstream(self) -> UpstreamProtocol {
        match self {
            Self::Http2 | Self::Grpc | Self::GrpcWeb => UpstreamProtocol::Http2,
            Self::Sniffed => UpstreamProtocol::Downstream,
            Self::Http
            | Self::HttpProxy
            | Self::Tcp
            | Self::Udp
            | Self::Https
            | Self::Tls
            | Self::Mongo
            | Self::Redis
            | Self::Mysql => UpstreamProtocol::Http1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p_1_protocols_and_their_families() {
        let all = "tcp udp grpc grpc-web http http_proxy http2 https tls mongo redis mysql";
        let of = |fits: fn(Protocol) -> bool| {
            let known = all.split(' ').filter(|name| fits(Protocol::named(name).unwrap()));
            known.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(of(Protocol::is_http), "grpc grpc-web http http_proxy http2");
        assert_eq!(of(|protocol| protocol.upstream() == UpstreamProtocol::Http2), "grpc grpc-web http2");
        assert_eq!(Protocol::named("GRPC-Web"), Some(Protocol::GrpcWeb), "case is ignored");
        assert_eq!(Protocol::named("h2c"), None);
    }

    #[test]
    fn p_8_the_bytes_of_databases_are_carried_and_not_understood() {
        for name in ["mongo", "redis", "mysql"] {
            let protocol = Protocol::of_port_name(&format!("{name}-main")).unwrap();
            assert!(!protocol.is_routed() && protocol.upstream() == UpstreamProtocol::Http1, "{name}");
        }
    }

    #[test]
    fn p_3_the_name_before_the_first_dash_must_be_a_protocol() {
        assert_eq!(Protocol::of_port_name("http2-foo"), Some(Protocol::Http2));
        assert_eq!(Protocol::of_port_name("http"), Some(Protocol::Http));
        assert_eq!(Protocol::of_port_name("grpc-webfoo"), Some(Protocol::GrpcWeb));
        assert_eq!(Protocol::of_port_name("http-"), Some(Protocol::Http));
        assert_eq!(Protocol::of_port_name("http2foo"), None);
        assert_eq!(Protocol::of_port_name("httpfoo"), None);
    }

    /// P-4
    #[test]
    fn p_2_p_4_app_protocol_beats_the_name_and_server_first_ports_are_tcp() {
        let port = |name: &str, app: Option<&str>, protocol: &str| ServicePort {
            name: name.into(),
            app_protocol: app.map(Into::into),
            protocol: protocol.into(),
            ..ServicePort::default()
        };
        let of = |port: &ServicePort, number| Protocol::of_service_port(port, number);
        assert_eq!(of(&port("http", Some("kubernetes.io/h2c"), "TCP"), 80), Protocol::Http2);
        assert_eq!(of(&port("http", None, "UDP"), 80), Protocol::Udp);
        assert_eq!(of(&port("http", None, "SCTP"), 80), Protocol::Udp, "not proxied, whatever its name");
        for (number, protocol) in [
            (25, Protocol::Tcp),
            (26, Protocol::Sniffed),
            (53, Protocol::Tcp),
            (3306, Protocol::Tcp),
            (3307, Protocol::Sniffed),
            (27017, Protocol::Tcp),
        ] {
            assert_eq!(of(&port("db", None, "TCP"), number), protocol, "{number}");
        }
        assert_eq!(of(&port("http", None, "TCP"), 25), Protocol::Http, "what is told counts");
        assert_eq!(of(&port("web", None, ""), 80), Protocol::Sniffed);
    }
}
