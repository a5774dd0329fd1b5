//! One table per message type.
//!
//! The [`message!`](crate::api) macro turns a list of fields into a struct, its decoder, the list of
//! names that "unknown field" is checked against, and the rows of the support table. A field whose
//! meaning is not implemented yet stands in the table as `refused`: it is known, typed and
//! documented, and a document that uses it is rejected by name. To support it is to change that one
//! word, so the table cannot say one thing and the decoder another.
//!
//! A third word, `inert`, is for fields that files have and that change nothing here: fields about a control plane, or
//! names for people. The table has the reason, `[note Note]`, and a finding reports it at the place of the field: no field
//! is dropped in silence, and no row claims more than the code does.
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
pub use super::decode::Decode;
use super::decode::{Decoder, Fields};
pub use super::schema::{EnumValue, Field, Note, Shape, Status, Table};
use super::tree::Node;

/// A type with a table.
pub trait Message: Decode + Default {
    /// The table.
    const TABLE: &'static Table;
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
                $status:ident $field:ident $(as $json:literal)? : $ty:ty $([oneof $group:ident])? $([note $note:expr])?
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
                        json: $crate::api::schema::json_name!($field $($json)?),
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
                decoder.finish(&fields);
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
