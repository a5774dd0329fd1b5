//! `GatewayClass` and `Gateway`: what a proxy at the edge listens for (GA-12).

use super::SecretObjectReference;
use crate::api::message::{Note, enumeration, message};
use crate::text_map::TextMap;

message! {
    /// Who serves the Gateways of a class.
    pub struct GatewayClass {
        /// The controller; `istio.io/gateway-controller` is us.
        supported controller_name: String,
        /// Settings of what a controller makes, in another resource.
        inert parameters_ref: Option<ParametersReference> [note NOTHING_MADE],
        /// For people.
        inert description: Option<String> [note Note::silent("for people")],
    }
}

/// For the parts of a reference that is not followed.
const NOT_READ: Note = Note::silent("what it names is not read");

message! {
    /// A resource with settings.
    pub struct ParametersReference {
        /// Its group.
        inert group: String [note NOT_READ],
        /// Its kind.
        inert kind: String [note NOT_READ],
        /// Its name.
        inert name: String [note NOT_READ],
        /// Its namespace.
        inert namespace: Option<String> [note NOT_READ],
    }
}

message! {
    /// Listeners of an edge proxy.
    pub struct Gateway {
        /// Its class.
        supported gateway_class_name: String,
        /// The listeners.
        supported listeners: Vec<GatewayListener>,
        /// Where it is reached; a host name is the Service of the proxies that serve it.
        supported addresses: Vec<GatewayAddress>,
        /// How a controller is to run the proxy; none of it is about traffic.
        inert infrastructure: Option<GatewayInfrastructure> [note Note::silent(
            "its fields have none, each for a reason of its own",
        )],
        /// Which ListenerSets may add to it.
        inert allowed_listeners: Option<AllowedListeners> [note Note::info(
            "ListenerSets are not implemented: nothing is added to the Gateway",
        ).unless(&["None"])],
        /// Which routes that name no Gateway are attached to it.
        inert default_scope: Option<DefaultScope> [note Note::warning(
            "a route is attached to the Gateways that it names, as in Istio",
        ).unless(&["None"])],
        /// TLS of all listeners, and to backends.
        refused tls: Option<GatewayTlsConfig>,
    }
}

message! {
    /// Which ListenerSets may add listeners.
    pub struct AllowedListeners {
        /// Of which namespaces; of none unless written.
        supported namespaces: Option<RouteNamespaces>,
    }
}

enumeration! {
    /// Which routes that name no Gateway are attached to one, or whether a route is such a one.
    pub enum DefaultScope {
        /// All.
        supported All = 0 ["All"],
        /// None.
        supported None = 1 ["None"],
    }
}

message! {
    /// TLS of all listeners, and to backends.
    pub struct GatewayTlsConfig [open] {
    }
}

message! {
    /// An address.
    pub struct GatewayAddress {
        /// `IPAddress` unless written.
        supported r#type: Option<String>,
        /// The address.
        supported value: Option<String>,
    }
}

/// For what a controller would make.
const NOTHING_MADE: Note =
    Note::info("nothing is made for a Gateway: the proxies that serve it are started by other means");

message! {
    /// How a controller is to run the proxy.
    pub struct GatewayInfrastructure {
        /// Labels of what it makes.
        inert labels: TextMap<String> [note NOTHING_MADE],
        /// Annotations of what it makes.
        inert annotations: TextMap<String> [note NOTHING_MADE],
        /// Settings in another resource.
        inert parameters_ref: Option<ParametersReference> [note NOTHING_MADE],
    }
}

message! {
    /// One listener.
    pub struct GatewayListener {
        /// Its name, unique in the Gateway.
        supported name: String,
        /// The host that it serves, wildcards allowed; all unless written.
        supported hostname: Option<String>,
        /// Its port.
        supported port: u32,
        /// Its protocol: `HTTP` or `HTTPS`; `TLS` and `TCP` are not implemented.
        supported protocol: String,
        /// TLS.
        supported tls: Option<ListenerTlsConfig>,
        /// Which routes may be attached.
        supported allowed_routes: Option<AllowedRoutes>,
    }
}

message! {
    /// TLS of a listener.
    pub struct ListenerTlsConfig {
        /// What is done with TLS; `Terminate` unless written. Nothing else is implemented.
        supported mode: Option<String>,
        /// Secrets with our certificates; the first is used.
        supported certificate_refs: Vec<SecretObjectReference>,
        /// How clients are verified.
        refused frontend_validation: Option<FrontendTlsValidation>,
        /// Settings of an implementation.
        refused options: TextMap<String>,
    }
}

message! {
    /// How clients are verified.
    pub struct FrontendTlsValidation [open] {
    }
}

message! {
    /// Which routes may be attached to a listener.
    pub struct AllowedRoutes {
        /// Of which namespaces; the Gateway's own unless written.
        supported namespaces: Option<RouteNamespaces>,
        /// Of which kinds; all that fit the protocol unless written.
        supported kinds: Vec<RouteGroupKind>,
    }
}

message! {
    /// Namespaces of routes.
    pub struct RouteNamespaces {
        /// How they are told.
        supported from: Option<FromNamespaces>,
        /// Labels of Namespaces, for `from: Selector`.
        supported selector: Option<LabelSelector>,
    }
}

enumeration! {
    /// How the namespaces of routes are told.
    pub enum FromNamespaces {
        /// The Gateway's own.
        supported Same = 0 ["Same"],
        /// All.
        supported All = 1 ["All"],
        /// Those whose labels fit.
        supported Selector = 2 ["Selector"],
        /// None.
        supported None = 3 ["None"],
    }
}

message! {
    /// A kind of route.
    pub struct RouteGroupKind {
        /// Its group; the Gateway API's own unless written.
        supported group: Option<String>,
        /// Its kind.
        supported kind: String,
    }
}

message! {
    /// A choice by labels; all of it must hold.
    pub struct LabelSelector {
        /// Labels that must be there.
        supported match_labels: TextMap<String>,
        /// More conditions.
        supported match_expressions: Vec<LabelSelectorRequirement>,
    }
}

message! {
    /// A condition on one label.
    pub struct LabelSelectorRequirement {
        /// The label.
        supported key: String,
        /// What must hold of it: `In`, `NotIn`, `Exists` or `DoesNotExist`.
        supported operator: String,
        /// For `In` and `NotIn`.
        supported values: Vec<String>,
    }
}

impl LabelSelectorRequirement {
    /// Whether it means anything: what it asks for is known, and has values or none as it should.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        match self.operator.as_str() {
            "In" | "NotIn" => !self.values.is_empty(),
            "Exists" | "DoesNotExist" => self.values.is_empty(),
            _ => false,
        }
    }
}

impl LabelSelector {
    /// Whether these labels fit. With a condition that means nothing none do, as in Istio.
    #[must_use]
    pub fn selects(&self, labels: &TextMap<String>) -> bool {
        let fits = |condition: &LabelSelectorRequirement| {
            let value = labels.get(&condition.key);
            let listed = value.is_some_and(|value| condition.values.contains(value));
            match condition.operator.as_str() {
                _ if !condition.is_valid() => false,
                "In" => listed,
                "NotIn" => !listed,
                "Exists" => value.is_some(),
                _ => value.is_none(),
            }
        };
        self.match_labels.iter().all(|(key, value)| labels.get(key) == Some(value))
            && self.match_expressions.iter().all(fits)
    }
}
