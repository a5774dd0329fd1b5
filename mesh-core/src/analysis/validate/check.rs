//! The common work of every validator: report, and check the common types of values.

use std::collections::HashMap;
use std::time::Duration;

use super::{schema, text};
use crate::analysis::blocks::PolicyResult;
use crate::api::decode::Strictness;
use crate::api::{At, Metadata, Source};
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::error::Origin;
use crate::units;

/// Collects what a validator finds in one resource.
#[derive(Debug)]
pub struct Check<'a> {
    source: &'a Source,
    strictness: Strictness,
    diagnostics: &'a mut Diagnostics,
}

impl<'a> Check<'a> {
    /// Collects findings about the resource of `source`.
    pub fn new(source: &'a Source, diagnostics: &'a mut Diagnostics) -> Self {
        Self { source, strictness: Strictness::Strict, diagnostics }
    }

    /// The same with another strictness about what is not implemented (Y-9).
    #[must_use]
    pub fn strictness(self, strictness: Strictness) -> Self {
        Self { strictness, ..self }
    }

    /// Reports a finding.
    pub fn report(&mut self, mut diagnostic: Diagnostic) {
        if diagnostic.origin.resource.is_empty() {
            // An absent field has no position: that of the resource stands for it.
            let path = diagnostic.origin.path;
            diagnostic.origin = self.source.origin(path, self.source.mark);
        }
        self.diagnostics.push(diagnostic);
    }

    /// Reports a broken rule.
    pub fn error(&mut self, origin: Origin, message: impl Into<String>) {
        self.report(schema(origin, message));
    }

    /// Reports a broken rule and what would be right.
    pub fn error_hint(&mut self, origin: Origin, message: impl Into<String>, hint: impl Into<String>) {
        self.report(schema(origin, message).hint(hint));
    }

    /// Reports the fields that the constructor of a policy refuses.
    pub(super) fn refused<T>(&mut self, policy: PolicyResult<T>) {
        for finding in policy.err().into_iter().flatten() {
            self.report(finding);
        }
    }

    /// Reports that a field does not go together with another one of its object, and what would be right.
    pub(super) fn error_beside(&mut self, origin: Origin, message: &str, hint: &str) {
        self.report(schema(origin, message).hint(hint).of_two_fields());
    }

    /// Reports what we do not implement, and what is instead, as the decoder does of a field (Y-9).
    pub(super) fn not_implemented<'h>(
        &mut self,
        origin: Origin,
        message: impl Into<String>,
        hint: impl Into<Option<&'h str>>,
    ) {
        let Some(level) = self.strictness.not_implemented() else { return };
        let finding = Diagnostic::new(Code::NotImplemented, origin, message).level(level);
        self.report(match hint.into() {
            Some(hint) => finding.hint(hint),
            None => finding,
        });
    }

    /// Reports something else, at its usual level.
    pub fn note(&mut self, code: Code, origin: Origin, message: impl Into<String>) {
        self.report(Diagnostic::new(code, origin, message));
    }

    /// The rule of most durations: at least 1 ms, whole milliseconds (Y-6).
    pub(super) fn duration(&mut self, at: &At, field: &str, value: Option<Duration>) {
        if let Some(Err(rule)) = value.map(units::standard_duration) {
            self.error(at.field(field), rule);
        }
    }

    /// A duration that may also be 0s (Y-6).
    pub(super) fn duration_or_zero(&mut self, at: &At, field: &str, value: Option<Duration>) {
        self.duration(at, field, value.filter(|value| !value.is_zero()));
    }

    /// A duration of at least 1 ms, and of any precision.
    pub(super) fn duration_from_1ms(&mut self, at: &At, field: &str, value: Option<Duration>) {
        if value.is_some_and(|value| value < Duration::from_millis(1)) {
            self.error(at.field(field), "a duration must be at least 1ms");
        }
    }

    /// A port number.
    pub(super) fn port(&mut self, at: &At, field: &str, port: u32) {
        if !(1..=65_535).contains(&port) {
            self.error(at.field(field), format!("a port is a number from 1 to 65535, not {port}"));
        }
    }

    /// A number that may not be negative.
    pub(super) fn not_negative(&mut self, at: &At, field: &str, value: i32) {
        if value < 0 {
            self.error(at.field(field), format!("must be ≥ 0, not {value}"));
        }
    }

    /// Labels to select by (N-6).
    pub(super) fn selector<'l>(
        &mut self,
        at: &At,
        field: &str,
        labels: impl Iterator<Item = (&'l String, &'l String)>,
    ) {
        let mut empty = true;
        for (key, value) in labels {
            empty = false;
            if key.is_empty() || key.contains('*') || value.contains('*') {
                let message = "a selector takes whole labels: neither an empty name nor `*` is allowed";
                self.error(at.entry(field, key), message);
            } else if value.chars().count() > 63 {
                self.error(at.entry(field, key), "the value of a label has at most 63 characters");
            }
        }
        if empty {
            self.note(
                Code::IneffectiveSelector,
                at.field(field),
                "a selector without labels selects everything",
            );
        }
    }

    /// Labels of workloads (H-2).
    pub(super) fn labels<'l>(
        &mut self,
        at: &At,
        field: &str,
        labels: impl IntoIterator<Item = (&'l String, &'l String)>,
    ) {
        for (key, value) in labels {
            if !text::is_label_key(key) {
                let hint = "at most 63 letters, digits, `-`, `_` and `.`, perhaps after a DNS name and a `/`";
                let message = format!("`{key}` is not the key of a label");
                self.error_hint(at.entry(field, key), message, hint);
            } else if !text::is_label_value(value) {
                let hint = "letters, digits, `-`, `_` and `.`, of which the first and the last are no signs";
                let message = format!("{value:?} is not the value of a label");
                self.error_hint(at.entry(field, key), message, hint);
            }
        }
    }

    /// The name of a port.
    pub(super) fn port_name(&mut self, at: &At, field: &str, name: &str) {
        if !text::is_label(name) {
            self.error(at.field(field), format!("the port name `{name}` is not a DNS-1123 label"));
        }
    }

    /// A text of at most so many characters.
    pub(super) fn length(&mut self, origin: Origin, text: &str, most: usize) {
        if text.len() > most && text.chars().count() > most {
            self.error(origin, format!("at most {most} characters are allowed"));
        }
    }

    /// A list or map of at most so many entries.
    pub(super) fn count(&mut self, at: &At, field: &str, count: usize, most: usize) {
        if count > most {
            self.error(at.field(field), format!("at most {most} are allowed, not {count}"));
        }
    }

    /// The namespaces that see a resource (N-4). `none` says whether `~` is allowed.
    pub(super) fn export_to(&mut self, at: &At, meta: &Metadata, list: &[String], none: bool) {
        let mut seen: HashMap<&str, usize> = HashMap::new();
        for (index, entry) in list.iter().enumerate() {
            let place = || at.item("exportTo", index);
            let alone = entry == "*" || (entry == "~" && none);
            if alone && list.len() > 1 {
                self.error(place(), format!("`{entry}` excludes other entries"));
            } else if !alone && entry != "." && !text::is_label(entry) {
                let also = if none { "`.`, `*` or `~`" } else { "`.` or `*`" };
                self.error(place(), format!("`{entry}` is neither a namespace nor {also}"));
            }
            let namespace = if entry == "." { meta.namespace.as_str() } else { entry.as_str() };
            if seen.insert(namespace, index).is_some() && !alone {
                self.error(place(), format!("the namespace {namespace} is written twice"));
            }
        }
    }
}
