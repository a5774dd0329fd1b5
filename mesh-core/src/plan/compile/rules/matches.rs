//! From a match block as a VirtualService writes it to a [`Matcher`].

use crate::api::istio;
use crate::route::{Matcher, PatternError, StringMatch};

/// A condition of a match block that was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub(crate) struct MatchError {
    /// The field, relative to the block, such as `headers.x-user.regex`.
    pub(crate) field: String,
    /// What is wrong with it.
    pub(crate) reason: PatternError,
}

/// Compiles a condition as written; `None` asks for presence (VM-5).
///
/// Fails if the prefix or regex is empty, or the regex is refused (VM-2).
pub(crate) fn string(written: &istio::StringMatch) -> Result<Option<StringMatch>, PatternError> {
    if written.is_presence() {
        return Ok(None);
    }
    if let Some(text) = &written.exact {
        return Ok(Some(StringMatch::exact(text)));
    }
    if let Some(text) = &written.prefix {
        return if text.is_empty() {
            Err(PatternError::new("a prefix may not be empty"))
        } else {
            Ok(Some(StringMatch::prefix(text)))
        };
    }
    written.regex.as_deref().map(StringMatch::regex).transpose()
}

/// Compiles the conditions that are about the request; the static ones are a [`Scope`](crate::route::Scope).
/// Fails with the first condition that is refused.
pub(crate) fn matcher(written: &istio::HttpMatchRequest) -> Result<Matcher, MatchError> {
    let mut matcher = Matcher::any();
    if let Some(uri) = &written.uri {
        // The one place where an empty prefix is allowed (VM-2).
        let want = if uri.prefix.as_deref() == Some("") {
            Some(StringMatch::prefix(""))
        } else {
            compiled("uri", uri)?
        };
        if let Some(want) = want {
            matcher = matcher.uri(want, written.ignore_uri_case);
        }
    }
    if let Some(want) = plain("method", written.method.as_deref())? {
        matcher = matcher.method(want);
    }
    if let Some(want) = plain("authority", written.authority.as_deref())? {
        matcher = matcher.authority(want);
    }
    if let Some(want) = plain("scheme", written.scheme.as_deref())? {
        matcher = matcher.scheme(want);
    }
    for (name, written) in &written.headers {
        let field = format!("headers.{name}");
        let want = compiled(&field, written)?;
        matcher = matcher.header(name, want).map_err(|reason| MatchError { field, reason })?;
    }
    for (name, written) in &written.without_headers {
        let field = format!("withoutHeaders.{name}");
        let want = compiled(&field, written)?;
        matcher = matcher.without_header(name, want).map_err(|reason| MatchError { field, reason })?;
    }
    for (name, written) in &written.query_params {
        matcher = matcher.query_param(name, compiled(&format!("queryParams.{name}"), written)?);
    }
    Ok(matcher)
}

/// A condition on what every request has: presence says nothing.
fn plain(field: &str, written: Option<&istio::StringMatch>) -> Result<Option<StringMatch>, MatchError> {
    written.map_or(Ok(None), |written| compiled(field, written))
}

fn compiled(field: &str, written: &istio::StringMatch) -> Result<Option<StringMatch>, MatchError> {
    string(written).map_err(|reason| {
        let member = if written.prefix.is_some() { "prefix" } else { "regex" };
        MatchError { field: format!("{field}.{member}"), reason }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vm_2_written_blocks_are_checked() {
        let written = |text: &str| istio::StringMatch { regex: Some(text.into()), ..Default::default() };
        let block = istio::HttpMatchRequest {
            headers: [("x".to_owned(), written("*"))].into(),
            query_params: [("q".to_owned(), written("[0-9]+"))].into(),
            uri: Some(istio::StringMatch { prefix: Some(String::new()), ..Default::default() }.into()),
            ..Default::default()
        };
        let compiled = matcher(&block).unwrap();
        assert_eq!(
            compiled.to_string(),
            "uri prefix \"\" and header x present and query parameter \"q\" regex \"[0-9]+\""
        );
        let bad = istio::HttpMatchRequest {
            headers: [("x".to_owned(), written("("))].into(),
            ..Default::default()
        };
        assert_eq!(matcher(&bad).unwrap_err().field, "headers.x.regex");
        let empty = istio::HttpMatchRequest {
            method: Some(istio::StringMatch { prefix: Some(String::new()), ..Default::default() }.into()),
            ..Default::default()
        };
        assert_eq!(matcher(&empty).unwrap_err().field, "method.prefix");
    }
}
