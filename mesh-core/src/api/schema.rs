//! What a message may hold: the fields of its table, the shapes of their values, and which of them work.
//!
//! The [`message!`](crate::api::message) macro fills the tables; the decoder, the support table and the
//! checks of names read them.

use super::tree::{Node, Value};
use crate::diagnostic::{Code, Level};

/// Whether a field, enum value or kind does what it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Implemented.
    Supported,
    /// Known and not implemented: using it is error `MESH0002`.
    Refused,
    /// Works, and using it is reported as deprecated (`IST0002`).
    Deprecated,
    /// Accepted and of no effect, which is told where it is written; [`Field::note`] says why.
    Inert,
}

/// Why a field that is accepted has no effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Note {
    /// The reason, as it ends a sentence.
    pub why: &'static str,
    /// What would be right, if that can be said.
    pub hint: Option<&'static str>,
    pub(crate) code: Code,
    /// How it is told; `None` where the field has no effect on traffic by its nature, anywhere.
    pub level: Option<Level>,
    /// Values, as written, that say what is so anyway.
    pub(crate) same: &'static [&'static str],
}

impl Note {
    /// For what only concerns a control plane, Envoy or Kubernetes.
    pub(crate) const fn info(why: &'static str) -> Self {
        Self { why, hint: None, code: Code::NotImplemented, level: Some(Level::Info), same: &[] }
    }

    /// For fields that a user might rely on.
    pub(crate) const fn warning(why: &'static str) -> Self {
        Self { level: Some(Level::Warning), ..Self::info(why) }
    }

    /// For what describes, and changes no traffic anywhere.
    pub(crate) const fn silent(why: &'static str) -> Self {
        Self { level: None, ..Self::info(why) }
    }

    pub(crate) const fn hint(self, hint: &'static str) -> Self {
        Self { hint: Some(hint), ..self }
    }

    pub(crate) const fn code(self, code: Code) -> Self {
        Self { code, ..self }
    }

    /// Not about these values: they say what is so anyway.
    pub(crate) const fn unless(self, same: &'static [&'static str]) -> Self {
        Self { same, ..self }
    }

    /// Whether a value asks for nothing that is not so anyway: one that is listed, or an empty one.
    pub(crate) fn is_met_by(&self, node: &Node) -> bool {
        match &node.value {
            Value::Scalar(scalar) => scalar.text.is_empty() || self.same.contains(&&*scalar.text),
            Value::Sequence(items) => items.iter().all(|item| self.is_met_by(item)),
            Value::Mapping(entries) => entries.iter().all(|entry| self.is_met_by(&entry.value)),
        }
    }
}

/// The table of a message type.
#[derive(Debug)]
pub struct Table {
    /// The type's name.
    pub name: &'static str,
    /// Whether unknown fields are tolerated.
    pub open: bool,
    /// The fields in the order of the API.
    pub fields: &'static [Field],
}

/// One field of a message.
#[derive(Debug)]
pub struct Field {
    pub(crate) ident: &'static str,
    pub(crate) json: &'static str,
    /// Whether it does what it says.
    pub status: Status,
    /// The oneof it belongs to.
    pub oneof: Option<&'static str>,
    /// What its values look like.
    pub shape: Shape,
    /// Of a field that is [`Status::Inert`]: why.
    pub note: Option<Note>,
}

impl Field {
    /// The proto name, in `snake_case`.
    #[must_use]
    pub fn proto_name(&self) -> &'static str {
        proto_name(self.ident)
    }

    /// The JSON name, in `lowerCamelCase`.
    #[must_use]
    pub const fn json_name(&self) -> &'static str {
        self.json
    }

    /// Whether `key` names this field.
    pub(crate) fn is_named(&self, key: &str, form: Form) -> bool {
        key == self.json || (form == Form::Proto && key == self.proto_name())
    }
}

/// What a field's values look like, for the support table.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// A scalar, named as in the API's documentation.
    Scalar(&'static str),
    /// An enum and its values.
    Enum(&'static [EnumValue]),
    /// A message.
    Message(&'static Table),
    /// A list.
    List(&'static Self),
    /// A map with text keys.
    Map(&'static Self),
}

/// One value of an enum.
#[derive(Debug)]
pub struct EnumValue {
    /// The name as written.
    pub name: &'static str,
    /// The number that may be written in its place.
    pub number: i32,
    /// Whether it does what it says.
    pub status: Status,
}

/// How a kind's values are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Form {
    /// Proto-JSON: fields in either spelling, numbers as text, enum values by number (Y-3, Y-7).
    #[default]
    Proto,
    /// JSON, as Kubernetes and the Gateway API have it: one spelling, one type.
    Json,
}

/// The JSON name of a field: as given, else made from the proto name.
macro_rules! json_name {
    ($field:ident) => {{
        const PROTO: &str = $crate::api::schema::proto_name(stringify!($field));
        const CAMEL: [u8; $crate::api::schema::camel_length(PROTO)] = $crate::api::schema::lower_camel(PROTO);
        match std::str::from_utf8(&CAMEL) {
            Ok(name) => name,
            Err(_) => panic!("a field's name is ASCII"),
        }
    }};
    ($field:ident $json:literal) => {
        $json
    };
}
pub(crate) use json_name;

/// The proto name of a field that is called `ident`.
pub(crate) const fn proto_name(ident: &'static str) -> &'static str {
    match ident.as_bytes() {
        [b'r', b'#', ..] => ident.split_at(2).1,
        _ => ident,
    }
}

/// How long the name is that [`lower_camel`] makes.
pub(crate) const fn camel_length(snake: &str) -> usize {
    let (bytes, mut at, mut length) = (snake.as_bytes(), 0, 0);
    while at < bytes.len() {
        length += (bytes[at] != b'_') as usize;
        at += 1;
    }
    length
}

/// `per_try_timeout` → `perTryTimeout`, `consecutive_5xx_errors` → `consecutive5xxErrors`.
pub(crate) const fn lower_camel<const LENGTH: usize>(snake: &str) -> [u8; LENGTH] {
    let (bytes, mut at) = (snake.as_bytes(), 0);
    let (mut camel, mut length, mut raise) = ([0; LENGTH], 0, false);
    while at < bytes.len() {
        if bytes[at] == b'_' {
            raise = true;
        } else {
            camel[length] = if raise { bytes[at].to_ascii_uppercase() } else { bytes[at] };
            (length, raise) = (length + 1, false);
        }
        at += 1;
    }
    camel
}

#[cfg(test)]
mod tests {
    #[test]
    fn y_3_camel_names_are_the_protos() {
        assert_eq!(json_name!(per_try_timeout), "perTryTimeout");
        assert_eq!(json_name!(consecutive_5xx_errors), "consecutive5xxErrors");
        assert_eq!(json_name!(http1_max_pending_requests), "http1MaxPendingRequests");
        assert_eq!(json_name!(http2_keep_alive), "http2KeepAlive");
        assert_eq!(json_name!(hosts), "hosts");
        assert_eq!(json_name!(r#match), "match");
        assert_eq!(json_name!(mesh_mtls "meshMTLS"), "meshMTLS");
    }
}
