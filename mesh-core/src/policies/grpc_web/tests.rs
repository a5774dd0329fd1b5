use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;

use super::*;

fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    pairs
        .iter()
        .map(|(name, value)| (http::HeaderName::from_static(name), HeaderValue::from_static(value)))
        .collect()
}

fn message(bytes: &[u8]) -> Vec<u8> {
    let mut framed = vec![0];
    framed.extend(u32::try_from(bytes.len()).unwrap().to_be_bytes());
    framed.extend(bytes);
    framed
}

/// Cuts `bytes` at these places, some of which may be the same.
fn pieces<'a>(bytes: &'a [u8], cuts: &[prop::sample::Index]) -> Vec<&'a [u8]> {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    cuts.extend([0, bytes.len()]);
    cuts.sort_unstable();
    cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect()
}

#[test]
fn rf_6_four_content_types_are_grpc_web() {
    for (text, kind) in [
        ("application/grpc-web", Some(Kind::Binary)),
        ("application/grpc-web+proto", Some(Kind::Binary)),
        ("application/grpc-web+proto; charset=utf-8", Some(Kind::Binary)),
        ("application/grpc-web-text", Some(Kind::Text)),
        ("Application/gRPC-Web-Text+proto", Some(Kind::Text)),
        ("application/grpc-web+json", None),
        ("application/grpc-webs", None),
        ("application/grpc", None),
        ("application/grpc+proto", None),
        ("", None),
    ] {
        assert_eq!(Kind::of_content_type(text.as_bytes()), kind, "{text}");
    }
}

#[test]
fn rf_6_accept_tells_how_the_answer_is_written() {
    let of = |content_type, accept| {
        Call::of(&headers(&[("content-type", content_type), ("accept", accept)])).map(|call| call.response)
    };
    assert_eq!(of("application/grpc-web", "application/grpc-web-text"), Some(Kind::Text));
    assert_eq!(of("application/grpc-web-text", "application/grpc-web"), Some(Kind::Binary));
    assert_eq!(of("application/grpc-web-text", "*/*"), Some(Kind::Text));
    assert_eq!(of("application/json", "application/grpc-web-text"), None);
    assert_eq!(Call::of(&HeaderMap::new()), None);
}

#[test]
fn rf_6_trailers_are_a_frame() {
    let trailers = headers(&[("grpc-status", "0"), ("x-more", "a: b")]);
    let text = b"grpc-status:0\r\nx-more:a: b\r\n";
    let frame = Kind::Binary.trailers(&trailers);
    assert_eq!(frame[0], 0x80);
    assert_eq!(frame[1..5], u32::try_from(text.len()).unwrap().to_be_bytes());
    assert_eq!(&frame[5..], text);
    assert_eq!(STANDARD.decode(Kind::Text.trailers(&trailers)).unwrap(), frame);
}

#[test]
fn rf_6_each_message_is_padded_by_itself() {
    let both = [message(b"a"), message(b"")].concat();
    let expected = format!("{}{}", STANDARD.encode(message(b"a")), STANDARD.encode(message(b"")));
    assert_eq!(Encoder::default().push(&both), expected);
    // The bytes that arrived of an endless message are passed on.
    let mut encoder = Encoder::default();
    assert_eq!(encoder.push(&message(b"abcd")[..7]), "AAAAAARh");
    assert_eq!(encoder.finish(), "Yg==");
}

#[test]
fn rf_6_what_is_not_base64_is_refused() {
    for (text, why) in [("A*AA", Malformed::Text), ("=AAA", Malformed::Text), ("AA=A", Malformed::Text)] {
        assert_eq!(Decoder::default().push(text.as_bytes()), Err(why), "{text}");
    }
    let mut decoder = Decoder::default();
    assert_eq!(decoder.push(b"YQ==YQ").unwrap(), "a");
    assert_eq!(decoder.finish(), Err(Malformed::Length));
    assert_eq!(decoder.push(b"==").unwrap(), "a");
    assert_eq!(decoder.finish(), Ok(()));
}

proptest! {
    /// RF-6: any split of the base64 gives the same bytes, padded in between or not.
    #[test]
    fn rf_6_requests_are_decoded_whatever_the_chunks(
        parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..4),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let text: String = parts.iter().map(|part| STANDARD.encode(part)).collect();
        let mut decoder = Decoder::default();
        let mut decoded = Vec::new();
        for piece in pieces(text.as_bytes(), &cuts) {
            decoded.extend(decoder.push(piece).unwrap());
        }
        prop_assert_eq!(decoder.finish(), Ok(()));
        prop_assert_eq!(decoded, parts.concat());
    }

    /// RF-6: an answer's text is that of its messages, each by itself, whatever the chunks.
    #[test]
    fn rf_6_answers_are_encoded_message_by_message_whatever_the_chunks(
        messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..4),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let messages: Vec<Vec<u8>> = messages.iter().map(|bytes| message(bytes)).collect();
        let expected: String = messages.iter().map(|bytes| STANDARD.encode(bytes)).collect();
        let mut encoder = Encoder::default();
        let mut text = Vec::new();
        for piece in pieces(&messages.concat(), &cuts) {
            text.extend(encoder.push(piece));
        }
        text.extend(encoder.finish());
        prop_assert_eq!(String::from_utf8(text).unwrap(), expected);
    }

    /// RF-6: what is held back is less than a group, so memory does not grow with the message.
    #[test]
    fn rf_6_hardly_anything_is_held_back(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
        let mut encoder = Encoder::default();
        let text = encoder.push(&message(&[0; 1000])[..500]);
        prop_assert!(text.len() >= 498 / 3 * 4);
        let mut decoder = Decoder::default();
        let decoded = decoder.push(&STANDARD.encode(&bytes).as_bytes()[..bytes.len() / 3 * 4]).unwrap();
        prop_assert_eq!(decoded.len(), bytes.len() / 3 * 3);
    }
}
