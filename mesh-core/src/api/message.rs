//! One table per message type.
//!
//! The [`message!`](crate::api) macro turns a list of fields into a struct, its decoder, the list of
//! names that "unknown field" is checked against, and the rows of the support table. A field whose
//! meaning is not implemented yet stands in the table as `refused`: it is known, typed and
//! documented, and a document that uses it is rejected by name. To support it is to change that one
//! word, so the table cannot say one thing and the decoder another.
//!
//! A third word, `inert`, is for fields that files have and that change nothing here: those about a control
//! plane, or names for people. The table says why, `[told Note]`, and whoever writes one is told so at its
//! place; nothing is dropped in silence, and no row claims more than is done.
//!
//! ```text
//! message! {
//!     /// A rule.
//!     pub struct HttpRoute {
//!         /// Name for logs.
//!         supported name: String,
//!         /// Another VirtualService's rules.
//!         refused delegate: Option<Delegate>,
//!     }
//! }
//! ```
//! Names are the proto's `snake_case`; the `camelCase` form is derived (Y-3), or given by `as "meshMTLS"`.
//! `[oneof group]` after the type makes two written members of one group an error (Y-8). `pub struct
//! Name [open]` tolerates unknown fields (Kubernetes kinds, of which we read a part). `[text]` after
//! an enum's number lists the name as in the API.

use super::at::At;
use super::decode::{Decoder, Fields, Form};
use super::tree::{Node, Value};
use crate::analysis::{Code, Level};

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

    /// For what somebody might rely on.
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
    pub(crate) json: Option<&'static str>,
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
        self.ident.strip_prefix("r#").unwrap_or(self.ident)
    }

    /// The JSON name, in `lowerCamelCase`.
    #[must_use]
    pub fn json_name(&self) -> String {
        self.json.map_or_else(|| lower_camel(self.proto_name()), str::to_owned)
    }

    /// Whether `key` names this field.
    pub(crate) fn is_named(&self, key: &str, form: Form) -> bool {
        (form == Form::Proto && key == self.proto_name())
            || match self.json {
                Some(json) => key == json,
                None => is_lower_camel(key, self.proto_name()),
            }
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

/// A type that can be read from a tree node.
pub trait Decode: Sized {
    /// What its values look like.
    const SHAPE: Shape;

    /// Reads a node that is not null. On failure the reason has been reported to `decoder`.
    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self>;
}

/// A type with a table.
pub trait Message: Decode + Default {
    /// The table.
    const TABLE: &'static Table;
}

/// `per_try_timeout` → `perTryTimeout`, `consecutive_5xx_errors` → `consecutive5xxErrors`.
pub(crate) fn lower_camel(snake: &str) -> String {
    camel(snake).collect()
}

/// Whether `text` is the camel form of a name, without making it.
fn is_lower_camel(text: &str, snake: &str) -> bool {
    camel(snake).eq(text.chars())
}

fn camel(snake: &str) -> impl Iterator<Item = char> + '_ {
    let mut raise = false;
    snake.chars().filter_map(move |c| {
        if c == '_' {
            raise = true;
            return None;
        }
        Some(if std::mem::take(&mut raise) { c.to_ascii_uppercase() } else { c })
    })
}

/// Used by the macro: the empty message and its fields' nodes.
pub(crate) fn begin<'n, M: Message>(
    node: &'n Node,
    decoder: &mut Decoder<'_>,
) -> Option<(M, At, Fields<'n>)> {
    let (at, fields) = decoder.begin(node, M::TABLE)?;
    Some((M::default(), at, fields))
}

macro_rules! status {
    (supported) => {
        $crate::api::message::Status::Supported
    };
    (refused) => {
        $crate::api::message::Status::Refused
    };
    (deprecated) => {
        $crate::api::message::Status::Deprecated
    };
    (inert) => {
        $crate::api::message::Status::Inert
    };
}

macro_rules! optional {
    () => {
        None
    };
    ($value:expr) => {
        Some($value)
    };
}

macro_rules! message {
    (
        $(#[$meta:meta])*
        pub struct $name:ident $([$open:ident])? {
            $(
                $(#[$field_meta:meta])*
                $status:ident $field:ident $(as $json:literal)? : $ty:ty $([oneof $group:ident])? $([told $note:expr])?
            ),* $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct $name {
            /// Where it was written.
            pub at: $crate::api::at::At,
            $( $(#[$field_meta])* pub $field: $ty, )*
        }

        impl $crate::api::message::Message for $name {
            const TABLE: &'static $crate::api::message::Table = &$crate::api::message::Table {
                name: stringify!($name),
                open: <[&str]>::len(&[$(stringify!($open))?]) > 0,
                fields: &[$(
                    $crate::api::message::Field {
                        ident: stringify!($field),
                        json: $crate::api::message::optional!($($json)?),
                        status: $crate::api::message::status!($status),
                        oneof: $crate::api::message::optional!($(stringify!($group))?),
                        shape: <$ty as $crate::api::message::Decode>::SHAPE,
                        note: $crate::api::message::optional!($($note)?),
                    }
                ),*],
            };
        }

        impl $crate::api::message::Decode for $name {
            const SHAPE: $crate::api::message::Shape =
                $crate::api::message::Shape::Message(<Self as $crate::api::message::Message>::TABLE);

            fn decode(
                node: &$crate::api::tree::Node,
                decoder: &mut $crate::api::decode::Decoder<'_>,
            ) -> Option<Self> {
                #[allow(unused_mut, reason = "a message may have no fields")]
                let (mut message, at, mut fields) = $crate::api::message::begin::<Self>(node, decoder)?;
                message.at = at;
                $( decoder.field(&mut fields, &mut message.$field); )*
                fields.finish();
                Some(message)
            }
        }
    };
}

macro_rules! enumeration {
    (
        $(#[$meta:meta])*
        pub enum $name:ident {
            $(
                $(#[$value_meta:meta])*
                $status:ident $variant:ident = $number:literal [$text:literal]
            ),* $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name {
            $( $(#[$value_meta])* $variant, )*
        }

        impl $name {
            const VALUES: &'static [$crate::api::message::EnumValue] = &[$(
                $crate::api::message::EnumValue {
                    name: $text,
                    number: $number,
                    status: $crate::api::message::status!($status),
                }
            ),*];

            /// The name as written.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),* }
            }
        }

        impl Default for $name {
            fn default() -> Self {
                const FIRST: usize = 0;
                [$(Self::$variant),*][FIRST]
            }
        }

        impl $crate::api::message::Decode for $name {
            const SHAPE: $crate::api::message::Shape = $crate::api::message::Shape::Enum(Self::VALUES);

            fn decode(
                node: &$crate::api::tree::Node,
                decoder: &mut $crate::api::decode::Decoder<'_>,
            ) -> Option<Self> {
                let index = decoder.enumeration(node, Self::VALUES)?;
                [$(Self::$variant),*].get(index).copied()
            }
        }
    };
}

pub(crate) use {enumeration, message, optional, status};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn y_3_camel_names_are_the_protos() {
        for (snake, camel) in [
            ("per_try_timeout", "perTryTimeout"),
            ("consecutive_5xx_errors", "consecutive5xxErrors"),
            ("http1_max_pending_requests", "http1MaxPendingRequests"),
            ("http2_keep_alive", "http2KeepAlive"),
            ("hosts", "hosts"),
        ] {
            assert_eq!(lower_camel(snake), camel);
        }
    }
}
