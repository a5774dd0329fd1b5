//! Zipkin's B3 headers, multi and single.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::{Extracted, TraceContext, write_hex};

const SINGLE: HeaderName = HeaderName::from_static("b3");
const TRACE_ID: HeaderName = HeaderName::from_static("x-b3-traceid");
const SPAN_ID: HeaderName = HeaderName::from_static("x-b3-spanid");
const PARENT_ID: HeaderName = HeaderName::from_static("x-b3-parentspanid");
const SAMPLED: HeaderName = HeaderName::from_static("x-b3-sampled");
const FLAGS: HeaderName = HeaderName::from_static("x-b3-flags");

/// The form of B3 that a caller used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum B3 {
    /// `b3`.
    Single,
    /// `x-b3-traceid` and its kin.
    Multi,
}

/// Reads B3, single form first; `None` if there is none that makes sense.
pub(super) fn extract(headers: &HeaderMap) -> Option<Extracted> {
    if let Some(value) = headers.get(SINGLE)
        && let Some(extracted) = single(value.to_str().ok()?)
    {
        return Some(extracted);
    }
    multi(headers)
}

fn single(value: &str) -> Option<Extracted> {
    let b3 = Some(B3::Single);
    if let Some(sampled) = decision(value) {
        return Some(Extracted { context: None, sampled: Some(sampled), b3 });
    }
    let mut parts = value.split('-');
    let trace_id = trace_id(parts.next()?)?;
    let span_id = span_id(parts.next()?)?;
    let sampled = match parts.next() {
        Some(text) => Some(decision(text)?),
        None => None,
    };
    if parts.next().is_some_and(|parent| self::span_id(parent).is_none()) || parts.next().is_some() {
        return None;
    }
    Some(Extracted { context: Some(context(trace_id, span_id, sampled)), sampled, b3 })
}

fn multi(headers: &HeaderMap) -> Option<Extracted> {
    let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let debug = text(&FLAGS) == Some("1");
    let sampled = if debug { Some(true) } else { text(&SAMPLED).and_then(decision) };
    let ids = text(&TRACE_ID).and_then(trace_id).zip(text(&SPAN_ID).and_then(span_id));
    if ids.is_none() && sampled.is_none() {
        return None;
    }
    let context = ids.map(|(trace_id, span_id)| context(trace_id, span_id, sampled));
    Some(Extracted { context, sampled, b3: Some(B3::Multi) })
}

/// Writes B3 in this form.
pub(super) fn inject(context: TraceContext, parent: Option<u64>, form: B3, headers: &mut HeaderMap) {
    let mut text = *b"00000000000000000000000000000000-0000000000000000-0-0000000000000000";
    write_hex(&mut text[..32], context.trace_id);
    write_hex(&mut text[33..49], context.span_id.into());
    text[50] = b'0' + u8::from(context.sampled);
    write_hex(&mut text[52..], parent.unwrap_or_default().into());
    // As in the other forms: shared from the start.
    let text = Bytes::from_owner(text);
    let value = |range: std::ops::Range<usize>| {
        HeaderValue::from_maybe_shared(text.slice(range)).expect("hex digits and dashes are a header value")
    };
    match form {
        B3::Single => {
            headers.insert(SINGLE, value(0..if parent.is_some() { text.len() } else { 51 }));
        }
        B3::Multi => {
            headers.insert(TRACE_ID, value(0..32));
            headers.insert(SPAN_ID, value(33..49));
            headers.insert(SAMPLED, value(50..51));
            match parent {
                Some(_) => headers.insert(PARENT_ID, value(52..text.len())),
                None => headers.remove(PARENT_ID),
            };
        }
    }
}

fn context(trace_id: u128, span_id: u64, sampled: Option<bool>) -> TraceContext {
    TraceContext { trace_id, span_id, sampled: sampled.unwrap_or_default() }
}

fn decision(text: &str) -> Option<bool> {
    match text {
        "1" | "d" | "true" => Some(true),
        "0" | "false" => Some(false),
        _ => None,
    }
}

fn trace_id(text: &str) -> Option<u128> {
    let digits = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let id = matches!(text.len(), 16 | 32).then(|| u128::from_str_radix(text, 16).ok()).flatten();
    id.filter(|&id| digits && id != 0)
}

fn span_id(text: &str) -> Option<u64> {
    let digits = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let id = (text.len() == 16).then(|| u64::from_str_radix(text, 16).ok()).flatten();
    id.filter(|&id| digits && id != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "463ac35c9f6413ad48485a3953bb6124";
    const SPAN: &str = "a2fb4a1d1a96d312";

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    #[test]
    fn tr_1_b3_multi_is_read_and_written() {
        let incoming = headers(&[
            ("x-b3-traceid", TRACE),
            ("x-b3-spanid", SPAN),
            ("x-b3-sampled", "1"),
            ("x-b3-parentspanid", "0000000000000007"),
        ]);
        let extracted = extract(&incoming).unwrap();
        assert_eq!((extracted.sampled, extracted.b3), (Some(true), Some(B3::Multi)));
        let mut out = HeaderMap::new();
        inject(extracted.context.unwrap(), Some(7), B3::Multi, &mut out);
        assert_eq!(out, incoming);
    }

    #[test]
    fn tr_1_b3_short_ids_debug_and_deferred_decisions() {
        let short = headers(&[("x-b3-traceid", SPAN), ("x-b3-spanid", SPAN)]);
        let extracted = extract(&short).unwrap();
        assert_eq!(extracted.context.unwrap().trace_id, 0xa2fb_4a1d_1a96_d312);
        assert_eq!(extracted.sampled, None);
        assert_eq!(extract(&headers(&[("x-b3-flags", "1")])).unwrap().sampled, Some(true));
        assert_eq!(extract(&headers(&[("x-b3-sampled", "0")])).unwrap().sampled, Some(false));
    }

    #[test]
    fn tr_1_b3_single_forms() {
        for (value, sampled, ids) in [
            (format!("{TRACE}-{SPAN}-1-{SPAN}"), Some(true), true),
            (format!("{TRACE}-{SPAN}-d"), Some(true), true),
            (format!("{TRACE}-{SPAN}"), None, true),
            ("0".to_owned(), Some(false), false),
        ] {
            let extracted = extract(&headers(&[("b3", &value)])).unwrap();
            assert_eq!((extracted.sampled, extracted.context.is_some()), (sampled, ids), "{value}");
        }
        for bad in ["", "x", TRACE, "+463ac35c9f6413ad48485a3953bb612-a2fb4a1d1a96d312"] {
            assert_eq!(extract(&headers(&[("b3", bad)])), None, "{bad}");
        }
    }
}
