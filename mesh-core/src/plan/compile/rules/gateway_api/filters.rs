//! From the Gateway API's filters to header changes, redirects, rewrites and cross-origin rules (GA-7 to GA-9).

use std::time::Duration;

use http::uri::Authority;

use crate::api::gateway_api::{
    HeaderEntry, HeaderModifier, HttpCors, HttpPathModifier, HttpPathModifierType, HttpRequestRedirect,
    HttpUrlRewrite, RedirectScheme,
};
use crate::cors::CorsPolicy;
use crate::route::{
    Direction, HeaderOps, HeaderOpsError, PathRewrite, Redirect, RedirectPath, RedirectPort, Rewrite,
    StringMatch,
};
use crate::telemetry::access_log::Template;

/// Compiles the header changes of a filter (GA-7).
///
/// Values may hold `%VAR%` as in a VirtualService, because Istio fills them here too. What is no
/// known variable is meant as it stands, as the Gateway API says. What a message cannot have is not
/// removed from it, and a response has no host to set.
pub(super) fn header_ops(
    direction: Direction,
    written: &HeaderModifier,
) -> Result<HeaderOps, HeaderOpsError> {
    let literal = |value: &str| match Template::parse(value) {
        Ok(_) => value.to_owned(),
        Err(_) => value.replace('%', "%%"),
    };
    let is_host = |name: &str| name.eq_ignore_ascii_case("host");
    let values = |entries: &[HeaderEntry]| -> Vec<(String, String)> {
        let kept = entries.iter().filter(|entry| direction == Direction::Request || !is_host(&entry.name));
        kept.map(|entry| (entry.name.clone(), literal(&entry.value))).collect()
    };
    let (set, add) = (values(&written.set), values(&written.add));
    let removable = |name: &&str| !is_host(name) && http::HeaderName::from_bytes(name.as_bytes()).is_ok();
    HeaderOps::build(
        direction,
        written.remove.iter().map(String::as_str).filter(removable),
        set.iter().map(|(name, value)| (name.as_str(), value.as_str())),
        add.iter().map(|(name, value)| (name.as_str(), value.as_str())),
    )
}

/// Compiles a redirect filter for a match with this path prefix, at a listener of this port
/// (GA-7 to GA-9).
/// Fails if the status is none of 301, 302, 303, 307, 308, or the port is none.
pub(super) fn redirect(
    written: &HttpRequestRedirect,
    prefix: Option<usize>,
    listener: u16,
) -> Result<Redirect, String> {
    let code = written.status_code.unwrap_or(302);
    let port = match (written.port, written.scheme) {
        (Some(port), _) => u16::try_from(port)
            .ok()
            .filter(|port| *port > 0)
            .ok_or_else(|| format!("port {port} is not within 1 and 65535"))?,
        (None, Some(RedirectScheme::Http)) => 80,
        (None, Some(RedirectScheme::Https)) => 443,
        (None, None) => listener,
    };
    let path = written.path.as_ref().map(|path| match replacement(path) {
        Replacement::Whole(to) => RedirectPath::Full(rooted(to)),
        Replacement::Prefix(to) => {
            RedirectPath::Segments { matched: prefix.unwrap_or_default(), to: to.into() }
        }
    });
    Ok(Redirect {
        status: Redirect::status_of(code)
            .ok_or_else(|| format!("status code {code} is none of 301, 302, 303, 307, 308"))?,
        scheme: written.scheme.map(|scheme| scheme.as_str().into()),
        authority: written.hostname.as_deref().map(Into::into),
        port: RedirectPort::Fixed(port),
        path: path.unwrap_or_default(),
    })
}

/// Compiles a rewrite filter for a match with this path prefix (GA-7, GA-8).
/// Fails if the host is none.
pub(super) fn rewrite(written: &HttpUrlRewrite, prefix: Option<usize>) -> Result<Rewrite, String> {
    let path = written.path.as_ref().map(|path| match replacement(path) {
        Replacement::Whole(to) => PathRewrite::Whole(rooted(to)),
        Replacement::Prefix(to) => {
            PathRewrite::Segments { matched: prefix.unwrap_or_default(), to: to.into() }
        }
    });
    let authority = written
        .hostname
        .as_deref()
        .map(|host| Authority::try_from(host).map_err(|error| format!("hostname {host:?}: {error}")));
    Ok(Rewrite { path, authority: authority.transpose()? })
}

/// Compiles a CORS filter (GA-7).
/// Fails if a value can't stand in a header.
pub(super) fn cors(written: &HttpCors) -> Result<CorsPolicy, String> {
    let origins = written.allow_origins.iter().map(|origin| match origin.split_once('*') {
        // `*` alone is any origin.
        None | Some(("", "")) => Ok(StringMatch::exact(origin)),
        Some((before, after)) => {
            let (before, after) = (regex::escape(before), regex::escape(after));
            StringMatch::regex(&format!("{before}[^/]+{after}")).map_err(|error| error.to_string())
        }
    });
    let origins = origins.collect::<Result<Vec<_>, _>>()?;
    let policy = CorsPolicy::of_lists(
        origins,
        &written.allow_methods,
        &written.allow_headers,
        &written.expose_headers,
    )
    .map_err(|error| error.to_string())?;
    let age = Duration::from_secs(u64::from(written.max_age.unwrap_or(5)));
    Ok(policy.credentials(written.allow_credentials.unwrap_or_default()).max_age(age))
}

enum Replacement<'w> {
    Whole(&'w str),
    Prefix(&'w str),
}

/// A path begins with `/`, whether that was written or not.
fn rooted(path: &str) -> Box<str> {
    if path.starts_with('/') { path.into() } else { format!("/{path}").into() }
}

fn replacement(written: &HttpPathModifier) -> Replacement<'_> {
    match written.r#type.unwrap_or_default() {
        HttpPathModifierType::ReplaceFullPath => {
            Replacement::Whole(written.replace_full_path.as_deref().unwrap_or("/"))
        }
        HttpPathModifierType::ReplacePrefixMatch => {
            Replacement::Prefix(written.replace_prefix_match.as_deref().unwrap_or_default())
        }
    }
}
