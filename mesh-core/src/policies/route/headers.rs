//! Header operations of rules and destinations (VA-4, VA-6).
//!
//! One level is applied as remove, set, add; inside each by header name. Values without `%VAR%` are
//! made when the rule is compiled; the others ask a [`Vars`] for the facts, and only then. All values of
//! a level see the headers as its removals left them. One that comes out empty is neither set nor added:
//! what was there stays.
//!
//! The headers that say where a message ends, and what its connection is to do, are the connection's own. A
//! rule that changed them would cut a body short, or leave its reader waiting: they are left out.

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::telemetry::access_log::{FormatError, Record, Template};

/// Which headers the operations are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The request's.
    Request,
    /// The response's.
    Response,
}

/// Where `%VAR%` values get their facts from; asked only if there is one to fill.
pub trait Vars {
    /// The facts that are known by now.
    fn record(&self) -> Record<'_>;
}

impl Vars for () {
    fn record(&self) -> Record<'_> {
        Record::default()
    }
}

impl Vars for Record<'_> {
    fn record(&self) -> Record<'_> {
        self.clone()
    }
}

/// What happens to headers at one level; nothing by default, which takes no memory of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeaderOps(Option<Box<Operations>>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Operations {
    remove: Box<[HeaderName]>,
    set: Box<[(HeaderName, Value)]>,
    add: Box<[(HeaderName, Value)]>,
    authority: Option<Value>,
    /// Whether a value that is set or added depends on the request.
    templates: bool,
}

/// A header value, ready or to be filled.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Value {
    Constant(HeaderValue),
    Template(Box<Template>),
}

/// Why header operations were refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name:?}: {reason}")]
pub struct HeaderOpsError {
    /// The header.
    pub name: String,
    /// The mistake in it.
    pub reason: String,
}

impl HeaderOpsError {
    fn new(name: &str, reason: impl Into<String>) -> Self {
        Self { name: name.into(), reason: reason.into() }
    }
}

impl HeaderOps {
    /// Compiles one level. Operations on headers that frame a message ([`is_framing`]) are left out.
    ///
    /// # Errors
    /// If a name is no header name or may not be touched, or a value holds control characters, an
    /// unknown `%VAR%` or an unbalanced `%` (VA-4, VA-6).
    pub fn build<'a>(
        direction: Direction,
        remove: impl IntoIterator<Item = &'a str>,
        set: impl IntoIterator<Item = (&'a str, &'a str)>,
        add: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, HeaderOpsError> {
        let mut remove = remove.into_iter().map(removable).collect::<Result<Vec<_>, _>>()?;
        remove.retain(|name| !is_framing(name.as_str()));
        remove.sort_unstable_by(|a, b| a.as_str().cmp(b.as_str()));
        let mut authority = None;
        let set = values(direction, set, &mut authority)?;
        let add = values(direction, add, &mut authority)?;
        if remove.is_empty() && set.is_empty() && add.is_empty() && authority.is_none() {
            return Ok(Self::default());
        }
        let templates = set.iter().chain(&add).any(|(_, value)| matches!(value, Value::Template(_)));
        Ok(Self(Some(Operations { remove: remove.into(), set, add, authority, templates }.into())))
    }

    /// The operations of two levels that count as one: all removals, then what is set here and then what
    /// `later` sets, then what both add (VA-5). The authority is the one of here, else `later`'s.
    #[must_use]
    pub fn merged(&self, later: &Self) -> Self {
        match (&self.0, &later.0) {
            (Some(first), Some(later)) => Self(Some(first.merged(later).into())),
            (Some(_), None) => self.clone(),
            (None, _) => later.clone(),
        }
    }

    /// Whether nothing is done.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Whether a value depends on the request.
    #[must_use]
    pub fn has_variables(&self) -> bool {
        let depends = |all: &Operations| all.templates || matches!(all.authority, Some(Value::Template(_)));
        self.0.as_deref().is_some_and(depends)
    }

    /// Applies the operations to request headers; returns the new authority, if they set one.
    ///
    /// `%REQ(X)%` sees the headers as the removals left them.
    #[must_use = "the new authority is for the caller to set"]
    pub fn apply_request(&self, headers: &mut HeaderMap, vars: &impl Vars) -> Option<HeaderValue> {
        let operations = self.0.as_deref()?;
        operations.apply(headers, |headers, template| {
            template.value(&Record { request_headers: Some(headers), ..vars.record() })
        });
        match operations.authority.as_ref()? {
            Value::Constant(value) => Some(value.clone()),
            Value::Template(template) => {
                filled(&template.value(&Record { request_headers: Some(headers), ..vars.record() }))
            }
        }
    }

    /// Applies the operations to response headers.
    pub fn apply_response(&self, headers: &mut HeaderMap, vars: &impl Vars) {
        let Some(operations) = &self.0 else { return };
        operations.apply(headers, |headers, template| {
            template.value(&Record { response_headers: Some(headers), ..vars.record() })
        });
    }
}

impl Operations {
    fn merged(&self, later: &Self) -> Self {
        Self {
            remove: [&*self.remove, &*later.remove].concat().into(),
            set: [&*self.set, &*later.set].concat().into(),
            add: [&*self.add, &*later.add].concat().into(),
            authority: self.authority.clone().or_else(|| later.authority.clone()),
            templates: self.templates || later.templates,
        }
    }

    fn apply(&self, headers: &mut HeaderMap, fill: impl Fn(&HeaderMap, &Template) -> String) {
        for name in &self.remove {
            headers.remove(name);
        }
        let mut values = if self.templates { self.values(headers, fill) } else { Vec::new() }.into_iter();
        for (name, value) in &self.set {
            match value {
                Value::Constant(value) => drop(headers.insert(name, value.clone())),
                Value::Template(_) => {
                    if let Some(Some(value)) = values.next() {
                        headers.insert(name, value);
                    }
                }
            }
        }
        for (name, value) in &self.add {
            match value {
                Value::Constant(value) => drop(headers.append(name, value.clone())),
                Value::Template(_) => {
                    if let Some(Some(value)) = values.next() {
                        headers.append(name, value);
                    }
                }
            }
        }
    }

    /// The values of all templates, in their order, before any of them changes what another one sees.
    fn values(
        &self,
        headers: &HeaderMap,
        fill: impl Fn(&HeaderMap, &Template) -> String,
    ) -> Vec<Option<HeaderValue>> {
        let templates = self.set.iter().chain(&self.add).filter_map(|(_, value)| match value {
            Value::Constant(_) => None,
            Value::Template(template) => Some(filled(&fill(headers, template))),
        });
        templates.collect()
    }
}

/// Whether a header frames messages, or is about their connection: no rule sets, adds or removes it.
#[must_use]
pub fn is_framing(name: &str) -> bool {
    let names =
        ["content-length", "transfer-encoding", "connection", "keep-alive", "proxy-connection", "upgrade"];
    names.iter().any(|framing| framing.eq_ignore_ascii_case(name))
}

/// An empty or impossible value is none.
fn filled(text: &str) -> Option<HeaderValue> {
    if text.is_empty() { None } else { HeaderValue::from_bytes(text.as_bytes()).ok() }
}

fn removable(name: &str) -> Result<HeaderName, HeaderOpsError> {
    if name.starts_with(':') || name.eq_ignore_ascii_case("host") {
        return Err(HeaderOpsError::new(name, "may not be removed"));
    }
    HeaderName::try_from(name).map_err(|_| HeaderOpsError::new(name, "is not a header name"))
}

fn values<'a>(
    direction: Direction,
    pairs: impl IntoIterator<Item = (&'a str, &'a str)>,
    authority: &mut Option<Value>,
) -> Result<Box<[(HeaderName, Value)]>, HeaderOpsError> {
    let mut values = Vec::new();
    for (name, text) in pairs {
        let value = Value::new(name, text)?;
        if name.eq_ignore_ascii_case("host") || name == ":authority" {
            if direction == Direction::Response {
                return Err(HeaderOpsError::new(name, "may not be set on a response"));
            }
            *authority = Some(value);
        } else if name.starts_with(':') {
            return Err(HeaderOpsError::new(name, "only `:authority` may be set"));
        } else {
            let name =
                HeaderName::try_from(name).map_err(|_| HeaderOpsError::new(name, "is not a header name"))?;
            if !is_framing(name.as_str()) {
                values.push((name, value));
            }
        }
    }
    values.sort_by(|(a, _): &(HeaderName, Value), (b, _)| a.as_str().cmp(b.as_str()));
    Ok(values.into())
}

impl Value {
    fn new(name: &str, text: &str) -> Result<Self, HeaderOpsError> {
        if text.chars().any(|character| character.is_control() && character != '\t') {
            return Err(HeaderOpsError::new(name, "control characters are not allowed in a value"));
        }
        let template = Template::parse(text)
            .map_err(|error: FormatError| HeaderOpsError::new(name, error.to_string()))?;
        match template.constant() {
            Some(text) => HeaderValue::from_bytes(text.as_bytes())
                .map(Self::Constant)
                .map_err(|_| HeaderOpsError::new(name, "is not a header value")),
            None => Ok(Self::Template(Box::new(template))),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    fn build(
        remove: &[&str],
        set: &[(&str, &str)],
        add: &[(&str, &str)],
    ) -> Result<HeaderOps, HeaderOpsError> {
        let (remove, set, add) = (remove.iter().copied(), set.iter().copied(), add.iter().copied());
        HeaderOps::build(Direction::Request, remove, set, add)
    }

    fn all<'a>(headers: &'a HeaderMap, name: &str) -> Vec<&'a str> {
        headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect()
    }

    #[test]
    fn va_4_remove_then_set_then_add() {
        let ops =
            build(&["a", "b"], &[("B", "set"), ("c", "set")], &[("a", "added"), ("c", "added")]).unwrap();
        let mut headers = HeaderMap::new();
        for name in ["a", "b", "c", "d"] {
            headers.append(name, HeaderValue::from_static("old"));
            headers.append(name, HeaderValue::from_static("older"));
        }
        assert_eq!(ops.apply_request(&mut headers, &()), None);
        assert_eq!(all(&headers, "a"), ["added"]);
        assert_eq!(all(&headers, "b"), ["set"]);
        assert_eq!(all(&headers, "c"), ["set", "added"]);
        assert_eq!(all(&headers, "d"), ["old", "older"]);
    }

    #[test]
    fn va_4_host_is_an_authority_rewrite() {
        for name in ["host", "Host", ":authority"] {
            let ops = build(&[], &[(name, "new.example")], &[]).unwrap();
            let mut headers = HeaderMap::new();
            assert_eq!(ops.apply_request(&mut headers, &()).unwrap(), "new.example");
            assert!(headers.is_empty());
        }
    }

    #[test]
    fn va_4_what_may_not_be_touched() {
        assert!(build(&["host"], &[], &[]).is_err());
        assert!(build(&[":authority"], &[], &[]).is_err());
        assert!(build(&[], &[(":path", "/")], &[]).is_err());
        assert!(build(&[], &[("a b", "x")], &[]).is_err());
        assert!(HeaderOps::build(Direction::Response, [], [("host", "x")], []).is_err());
    }

    #[test]
    fn va_4_what_frames_a_message_stays_as_it_is() {
        let names = [
            "content-length",
            "Transfer-Encoding",
            "connection",
            "keep-alive",
            "proxy-connection",
            "upgrade",
        ];
        for name in names {
            assert!(build(&[name], &[(name, "7")], &[(name, "7")]).unwrap().is_empty(), "{name}");
            let ops = HeaderOps::build(Direction::Response, [name], [(name, "%REQ(x)%")], []).unwrap();
            assert!(ops.is_empty() && !ops.has_variables(), "{name}");
        }
        assert!(build(&[], &[("content-length", "a\nb")], &[]).is_err(), "refused as before");
        assert!(!build(&["te"], &[], &[]).unwrap().is_empty());
    }

    #[test]
    fn va_6_values_may_hold_variables() {
        let ops = build(
            &[],
            &[
                ("x-from", "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%"),
                ("x-all", "%REQ(x-a)%/%PROTOCOL%"),
                ("x-p", "1%%"),
            ],
            &[("x-none", "%UPSTREAM_HOST%")],
        )
        .unwrap();
        assert!(ops.has_variables());
        let record = Record {
            downstream_remote: Some("10.1.2.3:4".parse().unwrap()),
            protocol: Some("HTTP/1.1"),
            ..Record::default()
        };
        let mut headers = HeaderMap::new();
        headers.insert("x-a", HeaderValue::from_static("a"));
        assert_eq!(ops.apply_request(&mut headers, &record), None);
        assert_eq!(headers["x-from"], "10.1.2.3");
        assert_eq!(headers["x-all"], "a/HTTP/1.1");
        assert_eq!(headers["x-p"], "1%");
        assert!(!headers.contains_key("x-none"));
    }

    #[test]
    fn va_6_an_empty_value_leaves_what_was_there() {
        let ops = build(&[], &[("x-set", "%REQ(x-none)%")], &[("x-add", "%REQ(x-none)%")]).unwrap();
        let mut headers = HeaderMap::new();
        headers.insert("x-set", HeaderValue::from_static("old"));
        headers.insert("x-add", HeaderValue::from_static("old"));
        let _ = ops.apply_request(&mut headers, &());
        assert_eq!((all(&headers, "x-set"), all(&headers, "x-add")), (vec!["old"], vec!["old"]));
    }

    #[test]
    fn va_4_values_see_what_the_removals_left_and_nothing_that_is_set() {
        let sets = [("a", "new"), ("b", "%REQ(a)%"), ("c", "<%REQ(gone)%>")];
        let ops = build(&["gone"], &sets, &[("a", "%REQ(a)%")]).unwrap();
        let mut headers = HeaderMap::new();
        for name in ["a", "gone"] {
            headers.insert(name, HeaderValue::from_static("old"));
        }
        let _ = ops.apply_request(&mut headers, &());
        assert_eq!(all(&headers, "a"), ["new", "old"]);
        assert_eq!((all(&headers, "b"), all(&headers, "c")), (vec!["old"], vec!["<>"]));
    }

    #[test]
    fn va_5_two_levels_as_one_remove_then_set_then_add() {
        let rule = build(&["a"], &[("x", "rule"), ("host", "rule")], &[("y", "rule")]).unwrap();
        let destination = build(&["b"], &[("x", "destination"), ("y", "destination")], &[("y", "more")]);
        let ops = rule.merged(&destination.unwrap());
        let mut headers = HeaderMap::new();
        headers.insert("b", HeaderValue::from_static("old"));
        assert_eq!(ops.apply_request(&mut headers, &()).unwrap(), "rule");
        assert_eq!(all(&headers, "x"), ["destination"]);
        assert_eq!(all(&headers, "y"), ["destination", "rule", "more"], "what is added is not set away");
        assert!(!headers.contains_key("b"));
    }

    #[test]
    fn va_6_response_values_see_both_sides() {
        let ops = HeaderOps::build(
            Direction::Response,
            [],
            [("x", "%REQ(:METHOD)% %RESP(y)% %RESPONSE_FLAGS%")],
            [],
        )
        .unwrap();
        let mut headers = HeaderMap::new();
        headers.insert("y", HeaderValue::from_static("z"));
        ops.apply_response(&mut headers, &Record { method: Some("GET"), ..Record::default() });
        assert_eq!(headers["x"], "GET z -");
    }

    #[test]
    fn va_6_bad_values_are_refused() {
        for bad in ["%NOPE%", "50%", "a\nb", "a\0"] {
            assert!(build(&[], &[("x", bad)], &[]).is_err(), "{bad:?}");
        }
        assert!(build(&[], &[("x", "a\tb é")], &[]).is_ok());
    }

    #[test]
    fn va_4_any_operation_is_something_to_do() {
        assert!(build(&[], &[], &[]).unwrap().is_empty());
        for ops in [
            build(&["a"], &[], &[]),
            build(&[], &[("a", "x")], &[]),
            build(&[], &[], &[("a", "x")]),
            build(&[], &[("host", "new.example")], &[]),
        ] {
            assert!(!ops.as_ref().unwrap().is_empty(), "{ops:?}");
        }
    }

    struct Counted(Cell<u32>);

    impl Vars for Counted {
        fn record(&self) -> Record<'_> {
            self.0.set(self.0.get() + 1);
            Record::default()
        }
    }

    #[test]
    fn facts_are_asked_for_only_by_variables() {
        let counted = Counted(Cell::new(0));
        let constant = build(&[], &[("x", "y")], &[("host", "h")]).unwrap();
        assert!(!constant.has_variables());
        let _ = constant.apply_request(&mut HeaderMap::new(), &counted);
        assert_eq!(counted.0.get(), 0);
        let variable = build(&[], &[("x", "%PROTOCOL%")], &[]).unwrap();
        let _ = variable.apply_request(&mut HeaderMap::new(), &counted);
        assert_eq!(counted.0.get(), 1);
    }
}
