//! `loadBalancer.consistentHash` (LB-5 to LB-8).

use std::collections::BTreeSet;

use super::Check;
use crate::api::istio::{ConsistentHashLb, HttpCookie, MagLev};
use crate::balance::{HashHeader, Maglev, Ring};
use crate::diagnostic::{Code, Diagnostic};

/// LB-5 to LB-8. That there is one key at most is the decoder's business.
pub(super) fn consistent_hash(hash: &ConsistentHashLb, check: &mut Check<'_>) {
    // Istio takes each of these: requests have no key then, and go anywhere.
    match (&hash.http_header_name, &hash.http_cookie, &hash.http_query_parameter_name) {
        (Some(name), ..) if HashHeader::new(name).is_none() => {
            let message = format!("`{name}` is not a header name: no request has this key");
            check.note(Code::SchemaWarning, hash.at.field("httpHeaderName"), message);
        }
        (_, Some(cookie), _) => self::cookie(cookie, check),
        (.., Some(name)) if name.is_empty() => {
            let message = "a parameter needs a name: no request has this key";
            check.note(Code::SchemaWarning, hash.at.field("httpQueryParameterName"), message);
        }
        (None, None, None) if hash.use_source_ip.is_none() => {
            let hint = "write one of `httpHeaderName`, `httpCookie`, `useSourceIp`, `httpQueryParameterName`";
            let message = "there is no hash key: requests go anywhere";
            check.report(Diagnostic::new(Code::SchemaWarning, hash.at.origin(), message).hint(hint));
        }
        _ => {}
    }
    // 0 is unset, as everywhere in this message.
    if hash.minimum_ring_size.is_some_and(|size| size > 0) {
        for (field, chosen) in [("ringHash", hash.ring_hash.is_some()), ("maglev", hash.maglev.is_some())] {
            if chosen {
                check.error(hash.at.field(field), "excludes the old `minimumRingSize`");
            }
        }
        ring_size(hash.minimum_ring_size, &hash.at, check);
    }
    if let Some(ring) = &hash.ring_hash {
        ring_size(ring.minimum_ring_size, &ring.at, check);
    }
    if let Some(maglev) = &hash.maglev {
        table_size(maglev, check);
    }
}

fn ring_size(size: Option<u64>, at: &crate::api::At, check: &mut Check<'_>) {
    if let Some(size) = size.filter(|size| *size > Ring::MAX_POINTS) {
        let message = format!("{size} is more than a ring can have: it has {}", Ring::MAX_POINTS);
        check.note(Code::SchemaWarning, at.field("minimumRingSize"), message);
    }
}

fn table_size(maglev: &MagLev, check: &mut Check<'_>) {
    let hint = || format!("Envoy's own default is {}", Maglev::DEFAULT_SIZE);
    match maglev.table_size {
        None | Some(0) => check.error_hint(maglev.at.origin(), "`tableSize` is needed", hint()),
        Some(size) if !Maglev::is_size(size) => {
            let message = format!("must be a prime below {}, not {size}", Maglev::SIZE_LIMIT);
            check.error_hint(maglev.at.field("tableSize"), message, hint());
        }
        Some(_) => {}
    }
}

/// LB-6.
fn cookie(cookie: &HttpCookie, check: &mut Check<'_>) {
    if cookie.name.is_empty() {
        check.error(cookie.at.origin(), "a cookie needs a name");
    }
    let is_value = |text: &str| text.bytes().all(|byte| (b' '..=b'~').contains(&byte) && byte != b';');
    let is_name = |text: &str| is_value(text) && !text.contains(['=', ' ', ',', '"']);
    for (field, text, sound) in
        [("name", &cookie.name, is_name(&cookie.name)), ("path", &cookie.path, is_value(&cookie.path))]
    {
        if !sound {
            let message = format!("{text:?} has characters that no cookie has");
            check.note(Code::SchemaWarning, cookie.at.field(field), message);
        }
    }
    let mut names = BTreeSet::new();
    for attribute in &cookie.attributes {
        if attribute.name.is_empty() {
            check.error(attribute.at.origin(), "an attribute needs a name");
        } else if !names.insert(attribute.name.as_str()) {
            let message = format!("`{}` is there already", attribute.name);
            check.error(attribute.at.field("name"), message);
        } else if !is_name(&attribute.name) || !is_value(&attribute.value) {
            let message = format!("`{}` has characters that no cookie has", attribute.name);
            check.note(Code::SchemaWarning, attribute.at.origin(), message);
        }
    }
}
