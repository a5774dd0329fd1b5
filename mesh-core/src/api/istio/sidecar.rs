//! `Sidecar`: what a workload sees of the mesh, and listens on (SC).

use super::{ConnectionPoolSettings, Destination, ServerTlsSettings, WorkloadSelector};
use crate::api::message::{Note, enumeration, message};

message! {
    /// Scope of a workload's proxy.
    pub struct Sidecar {
        /// Workloads that it is for; none means all of the namespace.
        supported workload_selector: Option<WorkloadSelector>,
        /// Inbound listeners.
        supported ingress: Vec<IstioIngressListener>,
        /// Outbound listeners and what is visible through them.
        supported egress: Vec<IstioEgressListener>,
        /// Limits of all inbound listeners.
        supported inbound_connection_pool: Option<ConnectionPoolSettings>,
        /// What happens to calls to unknown hosts.
        supported outbound_traffic_policy: Option<OutboundTrafficPolicy>,
    }
}

message! {
    /// An inbound listener.
    pub struct IstioIngressListener {
        /// Its port.
        supported port: Option<SidecarPort>,
        /// Its address.
        supported bind: String,
        /// How traffic comes to it.
        inert capture_mode: CaptureMode [note Note::silent(
            "each inbound listener is bound, whatever is written; `IPTABLES` is refused",
        )],
        /// Where the application listens.
        supported default_endpoint: String,
        /// TLS.
        refused tls: Option<ServerTlsSettings>,
        /// Its limits.
        supported connection_pool: Option<ConnectionPoolSettings>,
    }
}

message! {
    /// An outbound listener.
    pub struct IstioEgressListener {
        /// Its port; none means all ports of the visible services.
        supported port: Option<SidecarPort>,
        /// Its address.
        supported bind: String,
        /// How traffic comes to it.
        supported capture_mode: CaptureMode,
        /// What is visible, `namespace/name` each (SC-2).
        supported hosts: Vec<String>,
    }
}

message! {
    /// A port with its protocol.
    pub struct SidecarPort {
        /// Number.
        supported number: u32,
        /// Protocol (P-1).
        supported protocol: String,
        /// Name.
        supported name: String,
        /// Not allowed any more.
        inert target_port: Option<u32> [note Note::silent("any port but 0 is an error")],
    }
}

message! {
    /// What happens to calls to unknown hosts (SC-4).
    pub struct OutboundTrafficPolicy {
        /// Whether they pass.
        supported mode: OutboundMode,
        /// Where they go instead.
        supported egress_proxy: Option<Destination>,
    }
}

enumeration! {
    /// Whether calls to unknown hosts pass.
    pub enum OutboundMode {
        /// They fail.
        supported RegistryOnly = 0 ["REGISTRY_ONLY"],
        /// They go where the caller wanted to.
        supported AllowAny = 1 ["ALLOW_ANY"],
    }
}

enumeration! {
    /// How traffic comes to a listener.
    pub enum CaptureMode {
        /// As the environment says.
        supported Default = 0 ["DEFAULT"],
        /// Redirected by the kernel.
        refused Iptables = 1 ["IPTABLES"],
        /// Sent to the listener's own address.
        supported None = 2 ["NONE"],
    }
}
