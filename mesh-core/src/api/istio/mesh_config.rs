//! `MeshConfig`: settings of the whole mesh (MC).

use std::time::Duration;

use super::{
    ConnectionPoolSettings, DefaultProviders, ExtensionProvider, HttpRetry, LocalityLoadBalancerSetting,
    OutlierDetection, ProxyConfig, TcpKeepalive, ZoneAwareLoadBalancerSetting,
};
use crate::api::message::{Note, enumeration, message};
use crate::api::values::Json;

/// Why settings of tracing do nothing.
pub(super) const NO_SPANS: &str = "trace context is passed on, but no spans are made or exported yet";

/// For a message of which no field has an effect.
const PARTS: Note = Note::silent("its fields have none, each for a reason of its own");

message! {
    /// Settings of the whole mesh. What is not written has the default of MC-2.
    pub struct MeshConfig {
        /// Port of the outbound listener.
        supported proxy_listen_port: Option<i32>,
        /// Port of the inbound listener.
        inert proxy_inbound_listen_port: Option<i32> [note Note::info(
            "nothing is captured, so each inbound port has a listener of its own",
        ).hint("`--bind 'inbound|8080=ADDRESS:PORT'` moves one").unless(&["15006"])],
        /// Port of a plain HTTP proxy.
        refused proxy_http_port: Option<i32>,
        /// Limit for connecting.
        supported connect_timeout: Option<Duration>,
        /// Ambient only.
        refused hbone_idle_timeout: Option<Duration>,
        /// Limit for telling a protocol by its first bytes.
        inert protocol_detection_timeout: Option<Duration> [note Note::info(
            "there is nothing but HTTP to take a silent caller for, so its first bytes are waited for",
        ).hint("name the port's protocol, such as `http-web`").unless(&["0s", "0ms"])],
        /// Keep-alive by the kernel.
        supported tcp_keepalive: Option<TcpKeepalive>,
        /// Kubernetes Ingress.
        refused ingress_class: String,
        /// Kubernetes Ingress.
        refused ingress_service: String,
        /// Kubernetes Ingress.
        refused ingress_controller_mode: Option<Json>,
        /// Kubernetes Ingress.
        refused ingress_selector: String,
        /// Whether spans are made.
        inert enable_tracing: Option<bool> [note Note::info(NO_SPANS).unless(&["false"])],
        /// Where access logs go.
        supported access_log_file: String,
        /// Their format.
        supported access_log_format: String,
        /// Their encoding.
        supported access_log_encoding: AccessLogEncoding,
        /// Envoy's access log service.
        refused enable_envoy_access_log_service: Option<bool>,
        /// Envoy's listener log.
        refused disable_envoy_listener_log: Option<bool>,
        /// Settings of each proxy.
        supported default_config: Option<ProxyConfig>,
        /// What happens to calls to unknown hosts.
        supported outbound_traffic_policy: Option<MeshOutboundTrafficPolicy>,
        /// Where inbound calls to unknown ports go.
        inert inbound_traffic_policy: Option<MeshInboundTrafficPolicy> [note PARTS],
        /// Sources of configuration.
        refused config_sources: Vec<Json>,
        /// Whether workloads of the mesh call each other with mTLS by themselves.
        inert enable_auto_mtls: Option<bool> [note Note::warning(
            "calls between workloads are not encrypted and no peer is authenticated: mutual TLS is not implemented",
        ).hint("keep such calls on a network that you trust").unless(&["false"])],
        /// Trust domain.
        supported trust_domain: String,
        /// Its former names.
        inert trust_domain_aliases: Vec<String> [note Note::warning(
            "no peer is authenticated, so no identity is compared, by its old name or its new one",
        )],
        /// Further authorities.
        refused ca_certificates: Vec<Json>,
        /// Who sees a Service that does not say.
        supported default_service_export_to: Vec<String>,
        /// Who sees a VirtualService that does not say.
        supported default_virtual_service_export_to: Vec<String>,
        /// Who sees a DestinationRule that does not say.
        supported default_destination_rule_export_to: Vec<String>,
        /// Namespace of mesh-wide resources.
        supported root_namespace: String,
        /// Balancing by locality.
        supported locality_lb_setting: Option<LocalityLoadBalancerSetting>,
        /// Balancing by zone.
        refused zone_aware_lb_setting: Option<ZoneAwareLoadBalancerSetting>,
        /// Pause after a failed DNS lookup.
        supported dns_refresh_rate: Option<Duration>,
        /// Whether HTTP/1.1 becomes HTTP/2.
        supported h2_upgrade_policy: MeshH2UpgradePolicy,
        /// Pattern of inbound cluster names in statistics.
        refused inbound_cluster_stat_name: String,
        /// Pattern of outbound cluster names in statistics.
        refused outbound_cluster_stat_name: String,
        /// No longer has an effect in Istio.
        refused certificates: Vec<Json>,
        /// Settings of single services.
        refused service_settings: Vec<Json>,
        /// Ambient only.
        refused service_scope_configs: Vec<Json>,
        /// Whether the application's metrics are scraped along.
        inert enable_prometheus_merge: Option<bool> [note Note::info(
            "the application's own metrics are not scraped along",
        ).hint("let Prometheus scrape the application by itself").unless(&["false"])],
        /// Verify servers by system authorities.
        refused verify_certificate_at_client: Option<bool>,
        /// An authority of its own.
        refused ca: Option<Json>,
        /// Providers of telemetry and authorization.
        supported extension_providers: Vec<ExtensionProvider>,
        /// Which of them are used.
        supported default_providers: Option<DefaultProviders>,
        /// Namespaces that are looked at.
        refused discovery_selectors: Vec<Json>,
        /// How paths are normalised.
        supported path_normalization: Option<ProxyPathNormalization>,
        /// Retries where no rule says otherwise.
        supported default_http_retry_policy: Option<HttpRetry>,
        /// Retries from a proxy to its own application.
        supported default_inbound_http_retry_policy: Option<HttpRetry>,
        /// TLS within the mesh.
        inert mesh_mtls as "meshMTLS": Option<MeshMtls> [note PARTS],
        /// TLS elsewhere.
        inert tls_defaults: Option<TlsDefaults> [note PARTS],
        /// Policies where no rule says otherwise.
        supported default_traffic_policy: Option<DefaultTrafficPolicy>,
        /// Who sees ServiceEntries.
        refused service_entry_visibility: Option<Json>,
    }
}

/// Copies the fields that do something.
macro_rules! copied {
    ($($name:literal $field:ident),* $(,)?) => {
        impl MeshConfig {
            /// Takes a field's value from another one.
            pub(crate) fn take_field(&mut self, name: &str, from: &Self) {
                match name {
                    $($name => self.$field.clone_from(&from.$field),)*
                    // The others have no effect here, or are refused.
                    _ => {}
                }
            }
        }
    };
}

copied! {
    "proxyListenPort" proxy_listen_port,
    "connectTimeout" connect_timeout,
    "tcpKeepalive" tcp_keepalive,
    "accessLogFile" access_log_file,
    "accessLogFormat" access_log_format,
    "accessLogEncoding" access_log_encoding,
    "defaultConfig" default_config,
    "outboundTrafficPolicy" outbound_traffic_policy,
    "trustDomain" trust_domain,
    "defaultServiceExportTo" default_service_export_to,
    "defaultVirtualServiceExportTo" default_virtual_service_export_to,
    "defaultDestinationRuleExportTo" default_destination_rule_export_to,
    "rootNamespace" root_namespace,
    "localityLbSetting" locality_lb_setting,
    "dnsRefreshRate" dns_refresh_rate,
    "h2UpgradePolicy" h2_upgrade_policy,
    "extensionProviders" extension_providers,
    "defaultProviders" default_providers,
    "pathNormalization" path_normalization,
    "defaultHttpRetryPolicy" default_http_retry_policy,
    "defaultInboundHttpRetryPolicy" default_inbound_http_retry_policy,
    "defaultTrafficPolicy" default_traffic_policy,
}

enumeration! {
    /// Encoding of access logs.
    pub enum AccessLogEncoding {
        /// A line of text.
        supported Text = 0 ["TEXT"],
        /// A JSON object.
        supported Json = 1 ["JSON"],
    }
}

enumeration! {
    /// Whether HTTP/1.1 becomes HTTP/2.
    pub enum MeshH2UpgradePolicy {
        /// No.
        supported DoNotUpgrade = 0 ["DO_NOT_UPGRADE"],
        /// Yes.
        supported Upgrade = 1 ["UPGRADE"],
    }
}

message! {
    /// What happens to calls to unknown hosts.
    pub struct MeshOutboundTrafficPolicy {
        /// Whether they pass. Absent means yes.
        supported mode: Option<MeshOutboundMode>,
        /// TLS for `ALLOW_ANY_DYNAMIC_DNS`.
        refused tls: Option<Json>,
    }
}

enumeration! {
    /// Whether calls to unknown hosts pass.
    pub enum MeshOutboundMode {
        /// They fail.
        supported RegistryOnly = 0 ["REGISTRY_ONLY"],
        /// They go where the caller wanted to.
        supported AllowAny = 1 ["ALLOW_ANY"],
        /// They go to what DNS says.
        supported AllowAnyDynamicDns = 3 ["ALLOW_ANY_DYNAMIC_DNS"],
    }
}

message! {
    /// Where inbound calls to unknown ports go.
    pub struct MeshInboundTrafficPolicy {
        /// Which address.
        inert mode: InboundMode [note Note::info(
            "nothing is captured, so the application is called where `LOCALHOST` says: on the loopback address",
        ).hint("`--app [PORT=]ADDRESS:PORT` says where it is otherwise").unless(&["LOCALHOST", "1"])],
    }
}

enumeration! {
    /// Where inbound calls to unknown ports go.
    pub enum InboundMode {
        /// To the address that the caller dialled.
        supported Passthrough = 0 ["PASSTHROUGH"],
        /// To the loopback address.
        supported Localhost = 1 ["LOCALHOST"],
    }
}

message! {
    /// How paths are normalised.
    pub struct ProxyPathNormalization {
        /// How far.
        supported normalization: NormalizationType,
    }
}

enumeration! {
    /// How far paths are normalised.
    pub enum NormalizationType {
        /// As `BASE`.
        supported Default = 0 ["DEFAULT"],
        /// Not at all.
        supported None = 1 ["NONE"],
        /// RFC 3986.
        supported Base = 2 ["BASE"],
        /// And repeated slashes merged.
        supported MergeSlashes = 3 ["MERGE_SLASHES"],
        /// And escaped slashes decoded.
        supported DecodeAndMergeSlashes = 4 ["DECODE_AND_MERGE_SLASHES"],
    }
}

message! {
    /// TLS within the mesh, of which there is none yet.
    pub struct MeshMtls {
        /// Lowest version.
        inert min_protocol_version: MeshTlsProtocol [note Note::warning(
            "calls between workloads have no TLS at all: mutual TLS is not implemented",
        ).hint("keep such calls on a network that you trust").unless(&["TLS_AUTO", "0"])],
        /// Curves.
        refused ecdh_curves: Vec<String>,
        /// Cipher suites.
        refused cipher_suites: Vec<String>,
    }
}

message! {
    /// TLS to and from outside the mesh.
    pub struct TlsDefaults {
        /// Lowest version; only that of the mesh's own TLS can be set in Istio too.
        inert min_protocol_version: MeshTlsProtocol [note Note::warning(
            "1.2 is the lowest version unless a server says more",
        ).hint("`tls.minProtocolVersion` of a Gateway's server").unless(&["TLS_AUTO", "0", "TLSV1_2", "1"])],
        /// Curves.
        refused ecdh_curves: Vec<String>,
        /// Cipher suites.
        refused cipher_suites: Vec<String>,
    }
}

enumeration! {
    /// A version of TLS.
    pub enum MeshTlsProtocol {
        /// Ours to choose.
        supported Auto = 0 ["TLS_AUTO"],
        /// 1.2.
        supported V1_2 = 1 ["TLSV1_2"],
        /// 1.3.
        supported V1_3 = 2 ["TLSV1_3"],
    }
}

message! {
    /// Policies where no rule says otherwise.
    pub struct DefaultTrafficPolicy {
        /// How much at once.
        supported connection_pool: Option<ConnectionPoolSettings>,
        /// When to leave an endpoint out.
        supported outlier_detection: Option<OutlierDetection>,
    }
}
