//! Values that proto-JSON writes as text or in several forms.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};

use super::decode::{Decode, Decoder};
use super::schema::Shape;
use super::tree::{Node, Plain, Style, Value, classify};
use super::{duration, timestamp::Timestamp};

impl Decode for Duration {
    const SHAPE: Shape = Shape::Scalar("Duration");

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        let text = match &node.value {
            Value::Scalar(scalar) => scalar.text.as_str(),
            Value::Sequence(_) | Value::Mapping(_) => {
                decoder.error(node.mark, format!("must be a duration such as 1.5s, not {}", node.describe()));
                return None;
            }
        };
        match duration::parse(text) {
            Ok(duration) => Some(duration),
            Err(error) if matches!(classify(text), Plain::Int(_) | Plain::Float(_)) => {
                decoder.error_hint(node.mark, error.to_string(), format!("write the unit: {text}s"));
                None
            }
            Err(error) => {
                decoder.error(node.mark, error.to_string());
                None
            }
        }
    }
}

impl Decode for Timestamp {
    const SHAPE: Shape = Shape::Scalar("Timestamp");

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        let timestamp = node.text().and_then(Self::parse);
        if timestamp.is_none() {
            let message = format!("must be a time such as 2024-05-01T10:00:00Z, not {}", node.describe());
            decoder.error(node.mark, message);
        }
        timestamp
    }
}

/// Bytes, written as base64 in the standard or the URL alphabet (Y-7).
///
/// They may be a private key: `Debug` shows how many there are, never which.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Bytes(pub Vec<u8>);

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bytes({} bytes)", self.0.len())
    }
}

impl Decode for Bytes {
    const SHAPE: Shape = Shape::Scalar("bytes");

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        let text: String = node.text().unwrap_or_default().split_ascii_whitespace().collect();
        let engines = [&STANDARD, &STANDARD_NO_PAD, &URL_SAFE, &URL_SAFE_NO_PAD];
        let bytes = engines.iter().find_map(|engine| engine.decode(&text).ok());
        if node.text().is_none() || bytes.is_none() {
            // Not the text itself: it may be a secret.
            decoder.error(node.mark, "must be base64");
            return None;
        }
        bytes.map(Self)
    }
}

/// A port given by number or by name, as Kubernetes allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IntOrString {
    /// A number.
    Int(i32),
    /// A name.
    String(String),
}

impl Decode for IntOrString {
    const SHAPE: Shape = Shape::Scalar("int or string");

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        if matches!(node.plain().map(classify), Some(Plain::Int(_))) {
            return i32::decode(node, decoder).map(Self::Int);
        }
        String::decode(node, decoder).map(Self::String)
    }
}

/// Any JSON: what a `google.protobuf.Struct` holds, or a field whose inside we do not read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Json(pub serde_json::Value);

impl Decode for Json {
    const SHAPE: Shape = Shape::Scalar("any");

    fn decode(node: &Node, _: &mut Decoder<'_>) -> Option<Self> {
        Some(Self(to_json(node)))
    }
}

/// The JSON that a node means by itself.
pub(crate) fn to_json(node: &Node) -> serde_json::Value {
    match &node.value {
        Value::Sequence(items) => items.iter().map(to_json).collect(),
        Value::Mapping(entries) => {
            entries.iter().map(|entry| (entry.key.clone(), to_json(&entry.value))).collect()
        }
        Value::Scalar(scalar) if scalar.style != Style::Plain => scalar.text.clone().into(),
        Value::Scalar(scalar) => match classify(&scalar.text) {
            Plain::Null => serde_json::Value::Null,
            Plain::Bool(value) => value.into(),
            Plain::Int(value) => i64::try_from(value)
                .map(Into::into)
                .or_else(|_| u64::try_from(value).map(Into::into))
                .unwrap_or_else(|_| scalar.text.clone().into()),
            Plain::Float(value) => value.into(),
            Plain::Text => scalar.text.clone().into(),
        },
    }
}
