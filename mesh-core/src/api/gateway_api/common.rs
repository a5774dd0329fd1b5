//! References, header changes and durations that several kinds share.

use std::time::Duration;

use crate::api::decode::Decoder;
use crate::api::duration;
use crate::api::message::{Decode, Shape, message};
use crate::api::tree::Node;

message! {
    /// What a route wants to be attached to: a Gateway, or a Service for calls inside the mesh.
    pub struct ParentReference {
        /// Its group; the Gateway API's own unless written, `""` for a Service.
        supported group: Option<String>,
        /// Its kind; `Gateway` unless written.
        supported kind: Option<String>,
        /// Its namespace; the route's own unless written.
        supported namespace: Option<String>,
        /// Its name.
        supported name: String,
        /// The listener of a Gateway, or the port of a Service, by name.
        supported section_name: Option<String>,
        /// The listener of a Gateway, or the port of a Service, by number.
        supported port: Option<u32>,
    }
}

impl ParentReference {
    pub(crate) fn kind(&self) -> &str {
        self.kind.as_deref().unwrap_or("Gateway")
    }

    /// `own` is the namespace of the route.
    pub(crate) fn namespace<'a>(&'a self, own: &'a str) -> &'a str {
        self.namespace.as_deref().unwrap_or(own)
    }
}

message! {
    /// Where copies of requests go.
    pub struct BackendObjectReference {
        /// Its group; the core of Kubernetes unless written.
        supported group: Option<String>,
        /// Its kind; `Service` unless written.
        supported kind: Option<String>,
        /// Its name.
        supported name: String,
        /// Its namespace; the route's own unless written.
        supported namespace: Option<String>,
        /// Its port.
        supported port: Option<u32>,
    }
}

message! {
    /// A Secret with a certificate.
    pub struct SecretObjectReference {
        /// Its group; the core of Kubernetes unless written.
        supported group: Option<String>,
        /// Its kind; `Secret` unless written.
        supported kind: Option<String>,
        /// Its name.
        supported name: String,
        /// Its namespace; the Gateway's own unless written.
        supported namespace: Option<String>,
    }
}

message! {
    /// A resource of the same namespace.
    pub struct LocalObjectReference {
        /// Its group.
        supported group: String,
        /// Its kind.
        supported kind: String,
        /// Its name.
        supported name: String,
    }
}

message! {
    /// Header changes; one for each name (GA-7).
    pub struct HeaderModifier {
        /// Replace by these values.
        supported set: Vec<HeaderEntry>,
        /// Append these values.
        supported add: Vec<HeaderEntry>,
        /// Remove these names.
        supported remove: Vec<String>,
    }
}

message! {
    /// A header with its value.
    pub struct HeaderEntry {
        /// Name, in any case.
        supported name: String,
        /// Value.
        supported value: String,
    }
}

/// A duration as the Gateway API writes it: one to four whole amounts of `h`, `m`, `s` or `ms` (Y-5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct GatewayDuration(pub Duration);

impl Decode for GatewayDuration {
    const SHAPE: Shape = Shape::Scalar("Duration");

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        let found = node.text().and_then(duration::parse_gateway_api);
        if found.is_none() {
            let message = format!("must be a duration such as 1m30s, not {}", node.describe());
            decoder.error_hint(node.mark, message, "whole amounts of h, m, s or ms, without a fraction");
        }
        found.map(Self)
    }
}
