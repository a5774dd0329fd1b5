//! `Secret`, `ConfigMap`, `Namespace` and `Node`.

use std::fmt;

use crate::api::message::message;
use crate::api::values::Bytes;
use crate::text_map::TextMap;

message! {
    /// A Secret: certificates and keys (GW-7).
    pub struct Secret [open] {
        /// Values in base64.
        supported data: TextMap<Bytes>,
        /// Values as text; they win over `data`.
        supported string_data: TextMap<SecretText>,
    }
}

impl Secret {
    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&[u8]> {
        let text = self.string_data.get(key).map(|text| text.0.as_bytes());
        text.or_else(|| self.data.get(key).map(|bytes| bytes.0.as_slice()))
    }
}

/// Text that `Debug` does not show.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SecretText(pub String);

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretText({} bytes)", self.0.len())
    }
}

impl crate::api::message::Decode for SecretText {
    const SHAPE: crate::api::message::Shape = crate::api::message::Shape::Scalar("string");

    fn decode(node: &crate::api::tree::Node, decoder: &mut crate::api::decode::Decoder<'_>) -> Option<Self> {
        // Whatever was written is not repeated in the message.
        let Some(text) = node.text() else {
            decoder.error(node.mark, "must be text");
            return None;
        };
        Some(Self(text.to_owned()))
    }
}

message! {
    /// A ConfigMap. `istio` in the root namespace holds the mesh config (MC-1).
    pub struct ConfigMap [open] {
        /// Values by key.
        supported data: TextMap<String>,
    }
}

message! {
    /// A Namespace; only its metadata matters.
    pub struct Namespace [open] {
    }
}

message! {
    /// A Node; only its labels matter: they say where its pods are (SE-2).
    pub struct Node [open] {
    }
}
