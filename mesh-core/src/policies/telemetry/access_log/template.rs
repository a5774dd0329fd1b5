//! Text with `%OPERATOR%`s in it, parsed once.

use super::captured::Wanted;
use super::operator::Operator;
use super::{ExtraKind, FormatError, Record};

/// A parsed text: literals and operators in turn.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Template {
    segments: Vec<Segment>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    Text(Box<str>),
    Operator(Operator),
}

impl Template {
    /// Parses a text; `%%` is a plain `%`.
    ///
    /// # Errors
    /// If a `%` is unbalanced, or an operator is unknown or lacks its argument (AL-3, VA-6).
    pub fn parse(text: &str) -> Result<Self, FormatError> {
        let mut segments = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find('%') {
            literal.push_str(&rest[..at]);
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix('%') {
                literal.push('%');
                rest = after;
                continue;
            }
            let (operator, after) = Operator::parse(rest)?;
            if !literal.is_empty() {
                segments.push(Segment::Text(std::mem::take(&mut literal).into()));
            }
            segments.push(Segment::Operator(operator));
            rest = after;
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            segments.push(Segment::Text(literal.into()));
        }
        Ok(Self { segments })
    }

    /// The text, if there is no operator in it.
    #[must_use]
    pub fn constant(&self) -> Option<String> {
        match &*self.segments {
            [] => Some(String::new()),
            [Segment::Text(text)] => Some(text.to_string()),
            _ => None,
        }
    }

    /// Appends the text with its operators filled; `absent` stands for what is not there.
    pub fn write(&self, record: &Record<'_>, absent: &str, out: &mut String) {
        for segment in &self.segments {
            match segment {
                Segment::Text(text) => out.push_str(text),
                Segment::Operator(operator) => {
                    if !operator.write(record, out) {
                        out.push_str(absent);
                    }
                }
            }
        }
    }

    /// The text as a header value has it: what is absent is left out.
    #[must_use]
    pub fn value(&self, record: &Record<'_>) -> String {
        let mut out = String::new();
        for segment in &self.segments {
            match segment {
                Segment::Text(text) => out.push_str(text),
                Segment::Operator(operator) => {
                    operator.write(record, &mut out);
                }
            }
        }
        out
    }

    /// The operators whose values come from [`super::Extra`], with their arguments, so that they can be
    /// checked when the configuration is compiled.
    pub fn extras(&self) -> impl Iterator<Item = (ExtraKind, &str)> {
        self.segments.iter().filter_map(|segment| match segment {
            Segment::Operator(operator) => operator.extra(),
            Segment::Text(_) => None,
        })
    }

    /// The headers that the operators name.
    pub(super) fn wanted(&self, wanted: &mut Wanted) {
        for segment in &self.segments {
            if let Segment::Operator(operator) = segment {
                operator.wanted(wanted);
            }
        }
    }

    /// The operator, if the text is one operator and nothing else: JSON keeps its type (AL-2).
    pub(super) fn single(&self) -> Option<&Operator> {
        match &*self.segments {
            [Segment::Operator(operator)] => Some(operator),
            _ => None,
        }
    }
}
