//! Text, numbers, booleans, lists and maps: what they look like and what else they may be written as
//! (Y-4, Y-7, Y-10).

use super::{Decode, Decoder};
use crate::api::schema::{Form, Shape};
use crate::api::source::path_key;
use crate::api::tree::{Entry, Node, Plain, Style, Value, classify};
use crate::diagnostic::{Code, Level};
use crate::text_map::TextMap;

impl Decoder<'_> {
    fn number(&mut self, node: &Node, what: &str) -> Option<Plain> {
        // Numbers may come as text in proto-JSON (Y-7), in quotes or not.
        let plain = match &node.value {
            Value::Scalar(scalar)
                if scalar.style == Style::Plain
                    || (scalar.style == Style::Quoted && self.form == Form::Proto) =>
            {
                classify(&scalar.text)
            }
            Value::Scalar(_) | Value::Sequence(_) | Value::Mapping(_) => Plain::Text,
        };
        if !matches!(plain, Plain::Int(_) | Plain::Float(_)) {
            let number = node.text().filter(|text| matches!(classify(text), Plain::Int(_) | Plain::Float(_)));
            let hint = number.map(|number| format!("write it without quotes: {number}"));
            let message = format!("must be {what}, not {}", node.describe());
            self.report(Code::SchemaValidationError, Level::Error, node.mark, message, hint);
            return None;
        }
        Some(plain)
    }

    fn integer<T: TryFrom<i128>>(&mut self, node: &Node, what: &str) -> Option<T> {
        let value = match self.number(node, what)? {
            Plain::Int(value) => Some(value),
            // `1e3` is a whole number too, as in proto-JSON.
            #[expect(
                clippy::cast_possible_truncation,
                reason = "whole and within the range of exact doubles"
            )]
            Plain::Float(value) if value.fract() == 0.0 && value.abs() < 9e15 => Some(value as i128),
            Plain::Float(_) | Plain::Bool(_) | Plain::Null | Plain::Text => None,
        };
        let result = value.and_then(|value| T::try_from(value).ok());
        if result.is_none() {
            self.error(node.mark, format!("must be {what}, not {}", node.describe()));
        }
        result
    }
}

impl Decode for String {
    const SHAPE: Shape = Shape::Scalar("string");

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        let quote = match &node.value {
            Value::Scalar(scalar) if scalar.style != Style::Plain => return Some(scalar.text.clone()),
            Value::Scalar(scalar) if classify(&scalar.text) == Plain::Text => {
                return Some(scalar.text.clone());
            }
            Value::Scalar(scalar) => Some(format!("write it in quotes: \"{}\"", scalar.text)),
            Value::Sequence(_) | Value::Mapping(_) => None,
        };
        let message = format!("must be text, not {}", node.describe());
        decoder.report(Code::SchemaValidationError, Level::Error, node.mark, message, quote);
        None
    }
}

impl Decode for bool {
    const SHAPE: Shape = Shape::Scalar("bool");

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        if let Some(Plain::Bool(value)) = node.plain().map(classify) {
            return Some(value);
        }
        let message = format!("must be true or false, not {}", node.describe());
        let hint = match node.text().map(str::to_ascii_lowercase).as_deref() {
            Some("yes" | "on" | "y" | "true") => Some("write true"),
            Some("no" | "off" | "n" | "false") => Some("write false"),
            _ => None,
        };
        let hint = hint.map(str::to_owned);
        decoder.report(Code::SchemaValidationError, Level::Error, node.mark, message, hint);
        None
    }
}

macro_rules! integers {
    ($($ty:ty = $name:literal $what:literal),*) => {$(
        impl Decode for $ty {
            const SHAPE: Shape = Shape::Scalar($name);

            fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
                decoder.integer(node, $what)
            }
        }
    )*};
}

integers! {
    i32 = "int32" "a whole number",
    i64 = "int64" "a whole number",
    u32 = "uint32" "a whole number ≥ 0",
    u64 = "uint64" "a whole number ≥ 0"
}

impl Decode for f64 {
    const SHAPE: Shape = Shape::Scalar("double");

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        match decoder.number(node, "a number")? {
            #[expect(clippy::cast_precision_loss, reason = "a double is what was asked for")]
            Plain::Int(value) => Some(value as Self),
            Plain::Float(value) => Some(value),
            Plain::Bool(_) | Plain::Null | Plain::Text => None,
        }
    }
}

impl<T: Decode> Decode for Option<T> {
    const SHAPE: Shape = T::SHAPE;

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        T::decode(node, decoder).map(Some)
    }
}

/// What few messages have, in a block of its own.
impl<T: Decode> Decode for Box<T> {
    const SHAPE: Shape = T::SHAPE;

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        T::decode(node, decoder).map(Self::new)
    }
}

impl<T: Decode> Decode for Vec<T> {
    const SHAPE: Shape = Shape::List(&T::SHAPE);

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        let Value::Sequence(items) = &node.value else {
            let hint = "begin each item with `- `";
            decoder.error_hint(node.mark, format!("must be a list, not {}", node.describe()), hint);
            return None;
        };
        let mut values = Self::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let value = decoder.below(&format!("[{index}]"), |decoder| {
                if item.is_null() {
                    decoder.error(item.mark, "a list item must not be null");
                    return None;
                }
                T::decode(item, decoder)
            });
            values.extend(value);
        }
        Some(values)
    }
}

impl<T: Decode> Decode for TextMap<T> {
    const SHAPE: Shape = Shape::Map(&T::SHAPE);

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        let Some(entries) = node.entries() else {
            decoder.error(node.mark, format!("must be a map, not {}", node.describe()));
            return None;
        };
        let value = |entry: &Entry| {
            let value = decoder.below(&path_key(&entry.key), |decoder| {
                if entry.value.is_null() {
                    decoder.error(entry.key_mark, "a map value must not be null");
                    return None;
                }
                T::decode(&entry.value, decoder)
            });
            value.map(|value| (entry.key.clone(), value))
        };
        Some(entries.iter().filter_map(value).collect())
    }
}
