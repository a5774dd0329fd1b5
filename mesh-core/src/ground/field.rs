//! Mistakes in the parts that a policy is made of.
//!
//! The constructor of a policy takes plain parts and is the only place of their rules. Its error names each field as
//! the configuration names it, such as `attempts` or `abort.httpStatus`. The analyser knows where the field was
//! written and reports it there; the compiler keeps the value.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use http::StatusCode;

use crate::units::{self, Percent};

/// A field that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    path: &'static str,
    index: Option<usize>,
    message: Cow<'static, str>,
    hint: Option<Cow<'static, str>>,
    of_two_fields: bool,
}

/// The fields of one policy that break rules, in the order of the rules.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldErrors(Vec<FieldError>);

impl FieldError {
    /// The field at `path`, as the configuration names it; an empty path is the policy as a whole.
    pub(crate) fn new(path: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self { path, index: None, message: message.into(), hint: None, of_two_fields: false }
    }

    /// The item of a list field.
    pub(crate) fn item(path: &'static str, index: usize, message: impl Into<Cow<'static, str>>) -> Self {
        Self { index: Some(index), ..Self::new(path, message) }
    }

    /// The same error, and what would be right.
    pub(crate) fn hint(mut self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same error, of a field that does not go together with another one of its object.
    pub(crate) const fn of_two_fields(mut self) -> Self {
        self.of_two_fields = true;
        self
    }

    /// The field, as the configuration names it; empty for the policy as a whole.
    #[must_use]
    pub const fn path(&self) -> &'static str {
        self.path
    }

    /// The place in the list, if the field is one.
    #[must_use]
    pub const fn index(&self) -> Option<usize> {
        self.index
    }

    /// The rule that is broken.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The correction, if it is known.
    #[must_use]
    pub fn advice(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// Whether two fields of one object do not go together.
    #[must_use]
    pub const fn is_of_two_fields(&self) -> bool {
        self.of_two_fields
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.path, self.index) {
            ("", None) => {}
            (path, None) => write!(f, "{path}: ")?,
            (path, Some(index)) => write!(f, "{path}[{index}]: ")?,
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for FieldError {}

impl FieldErrors {
    pub(crate) fn push(&mut self, error: FieldError) {
        self.0.push(error);
    }

    /// The value, if no field breaks a rule.
    pub(crate) fn or<T>(self, value: T) -> Result<T, Self> {
        if self.0.is_empty() { Ok(value) } else { Err(self) }
    }

    /// A duration keeps the rule of most fields: at least 1 ms, whole milliseconds (Y-6).
    pub(crate) fn duration(&mut self, path: &'static str, value: Option<Duration>) {
        if let Some(Err(rule)) = value.map(units::standard_duration) {
            self.push(FieldError::new(path, rule));
        }
    }

    /// A number is not negative.
    pub(crate) fn not_negative(&mut self, path: &'static str, value: i32) {
        if value < 0 {
            self.push(FieldError::new(path, format!("must be ≥ 0, not {value}")));
        }
    }

    /// A number is a percentage; one too small to ever be met is 0. `None` is not written, or breaks the rule.
    pub(crate) fn percentage(&mut self, path: &'static str, value: Option<f64>) -> Option<Percent> {
        let percent = Percent::or_never(value?);
        percent.map_err(|error| self.push(FieldError::new(path, error.to_string()))).ok()
    }

    /// A number is the status of an answer, from 200 to 599; `None` where it breaks the rule.
    pub(crate) fn answer_status(
        &mut self,
        path: &'static str,
        value: impl TryInto<u16> + fmt::Display + Copy,
    ) -> Option<StatusCode> {
        let status = value.try_into().ok().filter(|status| (200..600).contains(status));
        let status = status.and_then(|status| StatusCode::from_u16(status).ok());
        if status.is_none() {
            self.push(FieldError::new(path, format!("must be a status from 200 to 599, not {value}")));
        }
        status
    }

    /// A share of requests (FI-1); nothing where it breaks the rule.
    pub(crate) fn share(&mut self, path: &'static str, value: f64) -> Percent {
        Percent::new(value).unwrap_or_else(|error| {
            self.push(FieldError::new(path, format!("the percentage {error}")));
            Percent::ZERO
        })
    }
}

impl IntoIterator for FieldErrors {
    type Item = FieldError;
    type IntoIter = std::vec::IntoIter<FieldError>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl fmt::Display for FieldErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for FieldErrors {}
