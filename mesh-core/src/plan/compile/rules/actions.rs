//! What a rule does to a request: redirect, rewrite, headers, cross-origin rules
//! (VA-4, VA-7 to VA-9, VA-11).

use http::uri::Authority;

use super::matches;
use crate::api::istio::{
    CorsPolicy as WrittenCors, HeaderOperations, Headers, HttpRedirect, HttpRewrite, RedirectPortSelection,
    StringMatch, UnmatchedPreflights,
};
use crate::cors::{CorsPolicy, Unmatched};
use crate::route::{self, Direction, HeaderOps, PathRewrite, Redirect, RedirectPath, RedirectPort, Rewrite};

/// Why an action cannot be made of its block.
type Refused = String;

/// A redirect (VA-8); `port` is the one that the request came to.
pub(crate) fn redirect(
    written: &HttpRedirect,
    uri: Option<&StringMatch>,
    port: u16,
) -> Result<Redirect, Refused> {
    let mut redirect = Redirect::default();
    if let Some(code) = written.redirect_code.filter(|code| *code != 0) {
        redirect.status = Redirect::status_of(code).ok_or_else(|| {
            format!("redirect code {code} is none of 301, 302, 303, 307, 308: the rule is dropped")
        })?;
    }
    redirect.scheme = written.scheme.as_deref().filter(|scheme| !scheme.is_empty()).map(Into::into);
    redirect.authority =
        written.authority.as_deref().filter(|authority| !authority.is_empty()).map(Into::into);
    let fixed = written.port.and_then(|port| u16::try_from(port).ok()).filter(|port| *port != 0);
    redirect.port = match (fixed, written.derive_port) {
        (Some(port), _) => RedirectPort::Fixed(port),
        (None, Some(RedirectPortSelection::FromRequestPort)) => RedirectPort::Fixed(port),
        (None, Some(RedirectPortSelection::FromProtocolDefault) | None) => RedirectPort::Unset,
    };
    let set = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    redirect.path = match (set(&written.uri), set(&written.prefix_rewrite)) {
        (Some(path), _) => RedirectPath::Full(path.into()),
        (None, Some(to)) => RedirectPath::Prefix { matched: prefix_of(uri), to: to.into() },
        (None, None) => RedirectPath::Unchanged,
    };
    Ok(redirect)
}

/// Length of the prefix that a rule matched: `/` where it asks nothing of the path.
fn prefix_of(uri: Option<&StringMatch>) -> usize {
    uri.and_then(|uri| uri.prefix.as_deref()).map_or(1, str::len)
}

/// A change of path and authority: what is replaced depends on what matched (VA-7).
pub(crate) fn rewrite(
    written: Option<&HttpRewrite>,
    uri: Option<&StringMatch>,
) -> Result<Option<Rewrite>, Refused> {
    let Some(written) = written else { return Ok(None) };
    let whole = uri.is_some_and(|uri| uri.exact.is_some() || uri.regex.is_some());
    let path = match (&written.uri_regex_rewrite, written.uri.as_deref().filter(|uri| !uri.is_empty())) {
        (Some(regex), _) => {
            let path =
                PathRewrite::regex(&regex.r#match, &regex.rewrite).map_err(|error| error.to_string())?;
            Some(path)
        }
        (None, Some(to)) if whole => Some(PathRewrite::Whole(to.into())),
        (None, Some(to)) => Some(PathRewrite::Prefix { matched: prefix_of(uri), to: to.into() }),
        (None, None) => None,
    };
    let authority = match written.authority.as_deref().filter(|authority| !authority.is_empty()) {
        Some(text) => {
            Some(Authority::try_from(text).map_err(|error| format!("authority {text:?}: {error}"))?)
        }
        None => None,
    };
    Ok(Some(Rewrite { path, authority }))
}

/// Cross-origin rules (VA-11). The old list of plain origins counts only where the new one is empty.
pub(crate) fn cors(written: &WrittenCors) -> Result<CorsPolicy, Refused> {
    let mut origins = Vec::with_capacity(written.allow_origins.len());
    for origin in &written.allow_origins {
        let origin = matches::string(origin).map_err(|error| error.to_string())?;
        origins.push(origin.ok_or("an origin needs `exact`, `prefix` or `regex`")?);
    }
    if origins.is_empty() {
        origins.extend(written.allow_origin.iter().map(|origin| route::StringMatch::exact(origin)));
    }
    let policy = CorsPolicy::of_lists(
        origins,
        &written.allow_methods,
        &written.allow_headers,
        &written.expose_headers,
    )
    .map_err(|error| error.to_string())?
    .credentials(written.allow_credentials.unwrap_or_default())
    .unmatched(match written.unmatched_preflights {
        UnmatchedPreflights::Unspecified | UnmatchedPreflights::Forward => Unmatched::Forward,
        UnmatchedPreflights::Ignore => Unmatched::Ignore,
    });
    Ok(match written.max_age {
        Some(age) => policy.max_age(age),
        None => policy,
    })
}

/// Header changes of one level, for the request and for the response (VA-4).
pub(crate) fn header_ops(written: Option<&Headers>) -> Result<(HeaderOps, HeaderOps), Refused> {
    let Some(written) = written else { return Ok(Default::default()) };
    Ok((
        operations(Direction::Request, written.request.as_ref())?,
        operations(Direction::Response, written.response.as_ref())?,
    ))
}

fn operations(direction: Direction, written: Option<&HeaderOperations>) -> Result<HeaderOps, Refused> {
    let Some(written) = written else { return Ok(HeaderOps::default()) };
    HeaderOps::build(
        direction,
        written.remove.iter().map(String::as_str),
        written.set.iter().map(|(name, value)| (name.as_str(), value.as_str())),
        written.add.iter().map(|(name, value)| (name.as_str(), value.as_str())),
    )
    .map_err(|error| error.to_string())
}
