//! One finding.

use std::fmt;

use serde_json::{Value, json};

use super::position::Origin;
use super::{Code, Level};

/// One finding (Y-11): what, how bad, where, and what would be right.
///
/// `Display` gives Istio's line; the alternate form (`{:#}`) adds the exact place and the hint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// The stable name.
    pub code: Code,
    /// How bad.
    pub level: Level,
    /// The node it is about.
    pub origin: Origin,
    /// The mistake, beginning with the path of the node where one is known.
    pub message: String,
    /// The correction, if it is known.
    pub hint: Option<String>,
    /// Whether the configuration as a whole must not go into force: set on errors of documents that
    /// restrict callers, because without them more callers would be allowed than was written.
    pub fail_closed: bool,
    /// Whether it says that two fields of one object do not go together: no second mistake where one of the
    /// object's fields could not be read.
    pub(crate) of_two_fields: bool,
}

impl Diagnostic {
    /// A finding of the code's usual level.
    #[must_use]
    pub fn new(code: Code, origin: Origin, message: impl Into<String>) -> Self {
        Self {
            code,
            level: code.level(),
            origin,
            message: message.into(),
            hint: None,
            fail_closed: false,
            of_two_fields: false,
        }
    }

    /// The same with another level.
    #[must_use]
    pub fn level(mut self, level: Level) -> Self {
        self.level = level;
        self
    }

    /// The same with a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same, forbidding the configuration as a whole.
    #[must_use]
    pub fn fail_closed(mut self) -> Self {
        self.fail_closed = true;
        self
    }

    /// The same, of two fields of one object.
    pub(crate) fn of_two_fields(mut self) -> Self {
        self.of_two_fields = true;
        self
    }

    /// Whether the level is [`Level::Error`].
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.level == Level::Error
    }

    /// The JSON form (AN-1), with the exact place besides what Istio prints.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let place = &self.origin;
        let mut object = json!({
            "code": self.code.as_str(),
            "level": self.level.to_string(),
            "message": self.text(),
            "origin": place.resource.as_ref(),
            "reference": if place.line > 0 { format!("{}:{}", place.file, place.line) } else { place.file.to_string() },
            "file": place.file.as_ref(),
            "line": place.line,
            "column": place.column,
            "path": place.path.as_ref(),
        });
        if let (Some(hint), Some(map)) = (&self.hint, object.as_object_mut()) {
            map.insert("hint".into(), hint.clone().into());
        }
        object
    }

    fn text(&self) -> String {
        if self.origin.path.is_empty() {
            self.message.clone()
        } else {
            format!("{}: {}", self.origin.path, self.message)
        }
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = &self.origin;
        write!(f, "{} [{}] (", self.level, self.code)?;
        if !place.resource.is_empty() {
            write!(f, "{} ", place.resource)?;
        }
        write!(f, "{}", place.file)?;
        if place.line > 0 {
            write!(f, ":{}", place.line)?;
            if f.alternate() {
                write!(f, ":{}", place.column)?;
            }
        }
        write!(f, ") {}", self.text())?;
        match &self.hint {
            Some(hint) if f.alternate() => write!(f, "\n    hint: {hint}"),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::position::Group;

    fn diagnostic() -> Diagnostic {
        let origin = Origin {
            group: Group::Istio,
            resource: "VirtualService default/reviews".into(),
            file: "reviews.yaml".into(),
            line: 14,
            column: 7,
            path: "spec.http[0].retrys".into(),
        };
        Diagnostic::new(Code::SchemaValidationError, origin, "unknown field").hint("did you mean `retries`?")
    }

    #[test]
    fn an_1_text_form() {
        assert_eq!(
            diagnostic().to_string(),
            "Error [IST0106] (VirtualService default/reviews reviews.yaml:14) spec.http[0].retrys: unknown field"
        );
        assert!(format!("{:#}", diagnostic()).ends_with("unknown field\n    hint: did you mean `retries`?"));
        assert!(format!("{:#}", diagnostic()).contains("reviews.yaml:14:7)"));
    }

    #[test]
    fn an_1_json_form() {
        let json = diagnostic().to_json();
        assert_eq!(json["code"], "IST0106");
        assert_eq!(json["level"], "Error");
        assert_eq!(json["origin"], "VirtualService default/reviews");
        assert_eq!(json["reference"], "reviews.yaml:14");
        assert_eq!(json["column"], 7);
        assert_eq!(json["hint"], "did you mean `retries`?");
    }
}
