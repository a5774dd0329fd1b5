//! Trace context and request ids (TR, HD-1).
//!
//! Identity of a trace travels in headers, whether or not anything exports spans; so reading and
//! writing them is here and needs no tracing library. W3C is read first, then B3; what is written is
//! W3C, and B3 too where B3 came in (TR-1).

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::rng::Rng;
use crate::units::Percent;

mod b3;
mod request_id;

pub use b3::B3;
pub use request_id::{REQUEST_ID, RequestId, TraceReason, request_id};

/// The W3C header.
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Length of a `traceparent` of version 00.
const LENGTH: usize = 55;

/// Where a span stands in its trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TraceContext {
    /// The trace; never 0.
    pub trace_id: u128,
    /// The span; never 0.
    pub span_id: u64,
    /// Whether the trace is recorded.
    pub sampled: bool,
}

/// What came in, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extracted {
    /// The caller's span; `None` if B3 brought a decision without ids.
    pub context: Option<TraceContext>,
    /// The caller's decision; `None` leaves it to us.
    pub sampled: Option<bool>,
    /// The B3 form that came in, which is also to be written.
    pub b3: Option<B3>,
}

impl TraceContext {
    /// Begins a trace.
    #[must_use]
    pub fn generate(rng: &mut impl Rng, sampled: bool) -> Self {
        let high = u128::from(rng.next_u64()) << 64;
        let trace_id = (high | u128::from(rng.next_u64())).max(1);
        Self { trace_id, span_id: rng.next_u64().max(1), sampled }
    }

    /// A new span of the same trace.
    #[must_use]
    pub fn child(self, rng: &mut impl Rng) -> Self {
        Self { span_id: rng.next_u64().max(1), ..self }
    }

    /// Reads a `traceparent` value; a later version is read as far as version 00 goes.
    #[must_use]
    pub fn parse(value: &[u8]) -> Option<Self> {
        let (head, tail) = value.split_at_checked(LENGTH)?;
        let version = hex(&head[..2])?;
        let known = match version {
            0 => tail.is_empty(),
            0xff => false,
            _ => tail.is_empty() || tail[0] == b'-',
        };
        if !known || [head[2], head[35], head[52]] != [b'-'; 3] {
            return None;
        }
        let trace_id = hex(&head[3..35]).filter(|&id| id != 0)?;
        let span_id = hex(&head[36..52]).filter(|&id| id != 0)?;
        let flags = hex(&head[53..])?;
        Some(Self { trace_id, span_id: u64::try_from(span_id).ok()?, sampled: flags & 1 == 1 })
    }

    /// The context as a `traceparent` value.
    #[must_use]
    pub fn traceparent(self) -> HeaderValue {
        let mut text = *b"00-00000000000000000000000000000000-0000000000000000-00";
        write_hex(&mut text[3..35], self.trace_id);
        write_hex(&mut text[36..52], self.span_id.into());
        text[54] = b'0' + u8::from(self.sampled);
        header_value(text)
    }

    /// Reads the caller's context: W3C first, then B3 (TR-1).
    #[must_use]
    pub fn extract(headers: &HeaderMap) -> Extracted {
        let b3 = b3::extract(headers);
        if let Some(context) = headers.get(TRACEPARENT).and_then(|value| Self::parse(value.as_bytes())) {
            let b3 = b3.and_then(|b3| b3.b3);
            return Extracted { context: Some(context), sampled: Some(context.sampled), b3 };
        }
        b3.unwrap_or(Extracted { context: None, sampled: None, b3: None })
    }

    /// Writes the context for the next hop: W3C, and B3 in the form that came in; `parent` is the span
    /// above this one.
    pub fn inject(self, parent: Option<u64>, b3: Option<B3>, headers: &mut HeaderMap) {
        headers.insert(TRACEPARENT, self.traceparent());
        if let Some(form) = b3 {
            b3::inject(self, parent, form, headers);
        }
    }
}

/// Whether this request is recorded, and why (TR-2): the incoming bit wins; then a trusted
/// `x-envoy-force-trace`; then what the request id says, where that is honoured; then chance.
#[must_use]
pub fn sample(
    incoming: Option<bool>,
    forced: bool,
    request_id: Option<TraceReason>,
    share: Percent,
    rng: &mut impl Rng,
) -> TraceReason {
    match (incoming, request_id) {
        (Some(true), Some(reason)) if reason.is_sampled() => reason,
        (Some(true), _) => TraceReason::Sampled,
        (Some(false), _) => TraceReason::None,
        (None, _) if forced => TraceReason::Forced,
        (None, Some(reason)) if reason.is_sampled() => reason,
        (None, _) if share.hit(rng) => TraceReason::Sampled,
        (None, _) => TraceReason::None,
    }
}

/// Whether a header carries trace context and is handed from an incoming request to the calls made
/// for it, unasked (TR-1).
#[must_use]
pub fn is_propagated(name: &str) -> bool {
    match name {
        "x-request-id"
        | "traceparent"
        | "tracestate"
        | "baggage"
        | "b3"
        | "grpc-trace-bin"
        | "sw8"
        | "x-ot-span-context"
        | "x-cloud-trace-context" => true,
        _ => match name.strip_prefix("x-") {
            Some(rest) => {
                rest.starts_with("datadog-")
                    || matches!(
                        rest,
                        "b3-traceid" | "b3-spanid" | "b3-parentspanid" | "b3-sampled" | "b3-flags"
                    )
            }
            None => false,
        },
    }
}

/// Copies the trace headers that `outgoing` does not have (TR-1).
pub fn propagate(incoming: &HeaderMap, outgoing: &mut HeaderMap) {
    for name in incoming.keys().filter(|name| is_propagated(name.as_str())) {
        if !outgoing.contains_key(name) {
            for value in incoming.get_all(name) {
                outgoing.append(name, value.clone());
            }
        }
    }
}

/// Lower-case hexadecimal digits as a number.
fn hex(digits: &[u8]) -> Option<u128> {
    digits.iter().try_fold(0, |number, digit| {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(number << 4 | u128::from(digit))
    })
}

/// A header value of what this module writes.
///
/// Shared from the start, as it will be copied with its request: a value that is made of a slice takes a
/// second allocation when it is first cloned.
fn header_value<const N: usize>(text: [u8; N]) -> HeaderValue {
    HeaderValue::from_maybe_shared(Bytes::from_owner(text)).expect("hex digits and dashes are a header value")
}

/// Fills `out` with the number's lowest digits.
fn write_hex(out: &mut [u8], mut number: u128) {
    for eight in out.rchunks_mut(8) {
        let digits = digits_of(number as u32);
        eight.copy_from_slice(&digits[8 - eight.len()..]);
        number >>= 32;
    }
}

/// Eight digits at once, a byte each: every request without an id gets one.
const fn digits_of(number: u32) -> [u8; 8] {
    let mut digits = number as u64;
    digits = (digits | digits << 16) & 0x0000_ffff_0000_ffff;
    digits = (digits | digits << 8) & 0x00ff_00ff_00ff_00ff;
    digits = (digits | digits << 4) & 0x0f0f_0f0f_0f0f_0f0f;
    // From ten on, six more reach the next bit: those are letters.
    let letters = (digits + 0x0606_0606_0606_0606) >> 4 & 0x0101_0101_0101_0101;
    (digits + 0x3030_3030_3030_3030 + letters * (b'a' - b'9' - 1) as u64).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::rng::SeededRng;

    const VALID: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn tr_1_traceparent_is_read_and_written() {
        let context = TraceContext::parse(VALID.as_bytes()).unwrap();
        assert_eq!(context.trace_id, 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c);
        assert_eq!(context.span_id, 0xb7ad_6b71_6920_3331);
        assert!(context.sampled);
        assert_eq!(context.traceparent(), VALID);
        let child = context.child(&mut SeededRng::new(1));
        assert_eq!((child.trace_id, child.sampled), (context.trace_id, true));
        assert_ne!(child.span_id, context.span_id);
    }

    #[test]
    fn tr_1_bad_traceparents_are_no_context() {
        let later = format!("01{}-more", &VALID[2..]);
        assert!(TraceContext::parse(later.as_bytes()).is_some());
        for bad in [
            "".to_owned(),
            VALID[..54].to_owned(),
            format!("{VALID}-x"),
            format!("ff{}", &VALID[2..]),
            VALID.to_uppercase(),
            VALID.replace("b7ad6b7169203331", "0000000000000000"),
            VALID.replace("0af7651916cd43dd8448eb211c80319c", "00000000000000000000000000000000"),
            VALID.replace("-b7", "_b7"),
            format!("01{}more", &VALID[2..]),
        ] {
            assert_eq!(TraceContext::parse(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn tr_1_w3c_is_read_before_b3_and_both_are_written() {
        let mut headers = HeaderMap::new();
        headers.insert("b3", HeaderValue::from_static("0"));
        headers.insert(TRACEPARENT, HeaderValue::from_static(VALID));
        let extracted = TraceContext::extract(&headers);
        assert_eq!(extracted.sampled, Some(true));
        assert_eq!(extracted.b3, Some(B3::Single));
        let mut out = HeaderMap::new();
        extracted.context.unwrap().inject(Some(5), extracted.b3, &mut out);
        assert_eq!(out[TRACEPARENT], VALID);
        assert_eq!(out["b3"], "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1-0000000000000005");
    }

    #[test]
    fn tr_1_trace_headers_are_handed_on_unless_set() {
        let mut incoming = HeaderMap::new();
        for name in ["x-request-id", "baggage", "x-datadog-trace-id", "cookie", "x-b3-flags", "sw8"] {
            incoming.insert(name, HeaderValue::from_static("in"));
        }
        let mut outgoing = HeaderMap::new();
        outgoing.insert("baggage", HeaderValue::from_static("own"));
        propagate(&incoming, &mut outgoing);
        assert_eq!(outgoing["x-request-id"], "in");
        assert_eq!(outgoing["baggage"], "own");
        assert_eq!(outgoing["x-datadog-trace-id"], "in");
        assert!(!outgoing.contains_key("cookie"));
        assert_eq!(outgoing.len(), 5);
    }

    #[test]
    fn tr_2_the_incoming_bit_wins_then_force_then_the_id_then_chance() {
        use TraceReason::{Client, Forced, None as Off, Sampled};
        let rng = &mut SeededRng::new(1);
        let all = Percent::HUNDRED;
        let none = Percent::ZERO;
        assert_eq!(sample(Some(false), true, Some(Forced), all, rng), Off);
        assert_eq!(sample(Some(true), false, None, none, rng), Sampled);
        assert_eq!(sample(Some(true), false, Some(Client), none, rng), Client);
        assert_eq!(sample(None, true, None, none, rng), Forced);
        assert_eq!(sample(None, false, Some(Sampled), none, rng), Sampled);
        assert_eq!(sample(None, false, Some(Off), all, rng), Sampled);
        assert_eq!(sample(None, false, None, none, rng), Off);
    }

    proptest! {
        #[test]
        fn tr_1_what_is_written_is_read_back(seed: u64, sampled: bool) {
            let context = TraceContext::generate(&mut SeededRng::new(seed), sampled);
            prop_assert_eq!(TraceContext::parse(context.traceparent().as_bytes()), Some(context));
        }

        #[test]
        fn tr_1_any_bytes_are_read_without_panic(bytes: Vec<u8>) {
            let _ = TraceContext::parse(&bytes);
        }
    }
}
