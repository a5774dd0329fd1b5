//! The names of the proxies that are compared.

use clap::ValueEnum;

/// Which proxy.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Name {
    /// mesh-proxy.
    Ours,
    /// Envoy, which Istio itself runs.
    Envoy,
    /// HAProxy.
    Haproxy,
    /// A bare pass-through on hyper.
    Hyper,
}

impl Name {
    /// Every proxy.
    pub(crate) const ALL: [Self; 4] = [Self::Ours, Self::Envoy, Self::Haproxy, Self::Hyper];

    /// The name on the command line.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Envoy => "envoy",
            Self::Haproxy => "haproxy",
            Self::Hyper => "hyper",
        }
    }
}
