//! The stable names of findings.
//!
//! One table: code, Istio's name for it, usual level (AN-2, AN-4). A message's *text* may change from
//! one version to the next; scripts match codes.

use std::fmt;

use super::Level;

macro_rules! codes {
    ($( $(#[$meta:meta])* $variant:ident = $text:literal $level:ident ),* $(,)?) => {
        /// The stable name of a finding: `IST…` as in Istio, `MESH…` for our own.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Code {
            $( $(#[$meta])* $variant, )*
        }

        impl Code {
            /// All codes, in table order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The code as printed, such as `IST0106`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),* }
            }

            /// The name behind the code, such as `SchemaValidationError`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => stringify!($variant)),* }
            }

            /// The level this finding usually has.
            #[must_use]
            pub const fn level(self) -> Level {
                match self { $(Self::$variant => Level::$level),* }
            }
        }
    };
}

codes! {
    /// Works, but is on its way out.
    Deprecated = "IST0002" Warning,
    /// A host, subset, gateway or credential that no resource declares.
    ReferencedResourceNotFound = "IST0101" Error,
    /// The document breaks the schema of its kind.
    SchemaValidationError = "IST0106" Error,
    /// An annotation that does not belong on this kind.
    MisplacedAnnotation = "IST0107" Warning,
    /// Several VirtualServices claim one mesh host.
    ConflictingMeshGatewayVirtualServiceHosts = "IST0109" Error,
    /// Two Sidecars select one pod.
    ConflictingSidecarWorkloadSelectors = "IST0110" Error,
    /// Two Sidecars of a namespace have no selector.
    MultipleSidecarsWithoutWorkloadSelectors = "IST0111" Error,
    /// The destination is a service of several ports and names none: the call's own port decides.
    VirtualServiceDestinationPortSelectorRequired = "IST0112" Info,
    /// One pod port is reached with two protocols.
    DeploymentAssociatedToMultipleServices = "IST0116" Warning,
    /// A port's name does not name its protocol.
    PortNameIsNotUnderNamingConvention = "IST0118" Info,
    /// A rule that no request can reach.
    VirtualServiceUnreachableRule = "IST0130" Warning,
    /// A match that another one already covers.
    VirtualServiceIneffectiveMatch = "IST0131" Info,
    /// The gateway does not serve this host.
    VirtualServiceHostNotFoundInGateway = "IST0132" Warning,
    /// Tolerated, but not as it should be.
    SchemaWarning = "IST0133" Warning,
    /// A TCP ServiceEntry without addresses takes its port for every destination.
    ServiceEntryAddressesRequired = "IST0134" Warning,
    /// Two services share a target port under different ports.
    DeploymentConflictingPorts = "IST0137" Warning,
    /// A gateway's rule goes to all of a service, whose own rules choose subsets.
    IngressRouteRulesNotAffected = "IST0140" Warning,
    /// Two Gateways serve one host on one port.
    ConflictingGateways = "IST0145" Error,
    /// Claim based routing without a RequestAuthentication.
    JwtClaimBasedRoutingWithoutRequestAuthN = "IST0149" Error,
    /// An `ExternalName` service's port name does not name its protocol.
    ExternalNameServiceTypeInvalidPortName = "IST0150" Warning,
    /// The gateway credential is not what it should be.
    InvalidGatewayCredential = "IST0161" Error,
    /// A selector without labels.
    IneffectiveSelector = "IST0166" Warning,
    /// A subset that selects no endpoint.
    DestinationRuleSubsetNotSelectPods = "IST0173" Error,
    /// A rule for a host that no service has.
    UnknownDestinationRuleHost = "IST0174" Warning,
    /// ServiceEntries disagree on a port's protocol.
    ConflictingServiceEntryProtocol = "IST0177" Warning,
    /// A workload without `app` or `version` label.
    MissingAppOrVersionLabel = "MESH0001" Info,
    /// A field, value or kind that Istio has and we do not implement.
    NotImplemented = "MESH0002" Error,
    /// Written retries may repeat a request that was processed.
    RetriesMayRepeatProcessedRequest = "MESH0003" Warning,
    /// Retries cannot answer an injected abort.
    FaultWithRetries = "MESH0004" Info,
    /// Outlier settings that can never eject.
    OutlierDetectionNeverEjects = "MESH0005" Warning,
    /// Locality failover without outlier detection, or switched on by it.
    LocalityFailover = "MESH0006" Warning,
    /// A port or subset block loses settings of its parent.
    PolicyLosesParentSettings = "MESH0007" Warning,
    /// Pods behind one Service disagree on `app`.
    AppLabelDiffers = "MESH0009" Info,
    /// A route of the Gateway API that nothing takes.
    RouteNotAccepted = "MESH0010" Warning,
    /// A reference into another namespace that no ReferenceGrant lets.
    ReferenceNotPermitted = "MESH0011" Error,
    /// There is no configuration where it was looked for.
    NothingToRead = "MESH0012" Warning,
    /// A host with rules that no document gives an address.
    NoEndpoints = "MESH0013" Warning,
    /// Weights that are no percentages.
    WeightsAreNotPercentages = "MESH0014" Info,
    /// An injected delay that its rule's timeout does not end.
    FaultDelayBeyondTimeout = "MESH0015" Warning,
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_2_codes_are_unique() {
        let mut seen = std::collections::BTreeSet::new();
        for code in Code::ALL {
            assert!(seen.insert(code.as_str()), "{code} twice");
        }
    }
}
