//! `x-request-id`: a random UUID that may carry the trace decision (HD-1, TR-2).

use http::{HeaderName, HeaderValue};

use super::{digits_of, header_value};
use crate::rng::Rng;

/// The header.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Where Envoy hides its decision: the version digit of the UUID.
const DECISION: usize = 14;
/// Length of a UUID in text.
const LENGTH: usize = 36;

/// Why a trace is recorded, as the request id encodes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum TraceReason {
    /// It is not, or nothing was decided.
    #[default]
    None,
    /// Chance.
    Sampled,
    /// This side forced it.
    Forced,
    /// The client forced it.
    Client,
}

impl TraceReason {
    /// Whether the trace is recorded.
    #[must_use]
    pub const fn is_sampled(self) -> bool {
        !matches!(self, Self::None)
    }

    const fn digit(self) -> u8 {
        match self {
            Self::None => b'4',
            Self::Sampled => b'9',
            Self::Forced => b'a',
            Self::Client => b'b',
        }
    }
}

/// Makes a version 4 UUID (RFC 9562), as text.
#[must_use]
pub fn request_id(rng: &mut impl Rng) -> [u8; LENGTH] {
    let random = u128::from(rng.next_u64()) << 64 | u128::from(rng.next_u64());
    // Version 4 in bits 76..80, variant 10 in bits 62..64.
    let bits = random & !(0xf << 76 | 0x3 << 62) | 0x4 << 76 | 0x2 << 62;
    let mut text = [b'-'; LENGTH];
    let parts = [96, 64, 32, 0].map(|shift| digits_of((bits >> shift) as u32));
    text[..8].copy_from_slice(&parts[0]);
    text[9..13].copy_from_slice(&parts[1][..4]);
    text[14..18].copy_from_slice(&parts[1][4..]);
    text[19..23].copy_from_slice(&parts[2][..4]);
    text[24..28].copy_from_slice(&parts[2][4..]);
    text[28..].copy_from_slice(&parts[3]);
    text
}

/// A request id that is shaped like a UUID.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestId([u8; LENGTH]);

impl RequestId {
    /// Reads a header value; `None` if it is no UUID, as any text may stand in that header.
    #[must_use]
    pub fn parse(value: &HeaderValue) -> Option<Self> {
        let text: [u8; LENGTH] = value.as_bytes().try_into().ok()?;
        let shaped = text.iter().enumerate().all(|(index, byte)| match index {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        });
        shaped.then_some(Self(text))
    }

    /// The decision that it carries.
    #[must_use]
    pub const fn reason(&self) -> TraceReason {
        match self.0[DECISION] {
            b'9' => TraceReason::Sampled,
            b'a' => TraceReason::Forced,
            b'b' => TraceReason::Client,
            _ => TraceReason::None,
        }
    }

    /// The id carrying another decision.
    #[must_use]
    pub fn with(mut self, reason: TraceReason) -> HeaderValue {
        self.0[DECISION] = reason.digit();
        header_value(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::SeededRng;

    #[test]
    fn hd_1_request_ids_are_version_4_uuids() {
        let mut rng = SeededRng::new(3);
        let ids: Vec<_> = (0..100).map(|_| header_value(request_id(&mut rng))).collect();
        for id in &ids {
            let bytes = id.as_bytes();
            assert!(RequestId::parse(id).is_some(), "{id:?}");
            assert_eq!(bytes[14], b'4');
            assert!(b"89ab".contains(&bytes[19]), "{id:?}");
        }
        assert_ne!(ids[0], ids[1]);
    }

    #[test]
    fn tr_2_the_decision_rides_in_character_14() {
        let id = RequestId::parse(&header_value(request_id(&mut SeededRng::new(3)))).unwrap();
        assert_eq!(id.reason(), TraceReason::None);
        for (reason, digit) in
            [(TraceReason::Sampled, b'9'), (TraceReason::Forced, b'a'), (TraceReason::Client, b'b')]
        {
            let marked = id.with(reason);
            assert_eq!(marked.as_bytes()[14], digit);
            assert_eq!(RequestId::parse(&marked).unwrap().reason(), reason);
        }
        assert_eq!(RequestId::parse(&HeaderValue::from_static("my-own-id")), None);
    }
}
