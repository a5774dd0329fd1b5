//! `WebSocket`s over HTTP/2, in HTTP/1.1's form (VA-14, RFC 8441).
//!
//! An HTTP/2 caller opens one with an extended `CONNECT`, which proves nothing and needs no key: the stream is
//! its own. An HTTP/1.1 endpoint wants `Upgrade` and a key, and proves with 101 that it has read it. So the
//! request gets a key of ours, and the answer loses the proof, which the caller could not check. Towards an
//! endpoint of HTTP/2 it is the other way round: the key stays here, and the proof is made here.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, UPGRADE};
use http::{HeaderMap, HeaderValue};
use sha1::{Digest, Sha1};

use crate::rng::Rng;

/// Makes of an extended `CONNECT`'s headers those of a `GET` that asks for a `WebSocket`.
pub fn ask(headers: &mut HeaderMap, rng: &mut impl Rng) {
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    let (high, low) = (rng.next_u64(), rng.next_u64());
    let key = STANDARD.encode((u128::from(high) << 64 | u128::from(low)).to_be_bytes());
    if let Ok(key) = HeaderValue::try_from(key) {
        headers.insert(SEC_WEBSOCKET_KEY, key);
    }
}

/// Makes of the headers of a 101 those of a 200 that answers an extended `CONNECT`.
pub fn agree(headers: &mut HeaderMap) {
    for name in [CONNECTION, UPGRADE, SEC_WEBSOCKET_ACCEPT] {
        headers.remove(name);
    }
}

/// Makes of the headers of a `GET` that asks for a `WebSocket` those of an extended `CONNECT`; the key that was
/// in them is for [`prove`].
pub fn connect(headers: &mut HeaderMap) -> Option<HeaderValue> {
    for name in [CONNECTION, UPGRADE] {
        headers.remove(name);
    }
    headers.remove(SEC_WEBSOCKET_KEY)
}

/// Makes of the headers of a success that answers an extended `CONNECT` those of a 101 (RFC 6455 section 4.2.2).
pub fn prove(headers: &mut HeaderMap, key: Option<&HeaderValue>) {
    const SALT: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    if let Some(key) = key {
        let proof = STANDARD.encode(Sha1::new().chain_update(key).chain_update(SALT).finalize());
        // Base64 is always fit for a header.
        if let Ok(proof) = HeaderValue::try_from(proof) {
            headers.insert(SEC_WEBSOCKET_ACCEPT, proof);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::headers::hop::{self, Upgrade};
    use crate::rng::SeededRng;

    #[test]
    fn va_14_an_extended_connect_becomes_an_upgrade_and_back() {
        let mut rng = SeededRng::new(7);
        let mut headers = HeaderMap::new();
        headers.insert("sec-websocket-protocol", HeaderValue::from_static("chat"));
        ask(&mut headers, &mut rng);
        assert_eq!(hop::upgrade(&headers), Upgrade::WebSocket);
        let first = headers[SEC_WEBSOCKET_KEY].clone();
        assert_eq!(STANDARD.decode(&first).unwrap().len(), 16);
        ask(&mut headers, &mut rng);
        assert_ne!(headers[SEC_WEBSOCKET_KEY], first, "each has its own");

        headers.remove(SEC_WEBSOCKET_KEY);
        headers.insert(SEC_WEBSOCKET_ACCEPT, HeaderValue::from_static("proof"));
        agree(&mut headers);
        assert_eq!(
            (headers.len(), &headers["sec-websocket-protocol"]),
            (1, &HeaderValue::from_static("chat"))
        );
    }

    /// The key and its proof are those of RFC 6455, section 1.3.
    #[test]
    fn va_14_an_upgrade_becomes_an_extended_connect_and_back() {
        let mut headers = HeaderMap::new();
        ask(&mut headers, &mut SeededRng::new(7));
        headers.insert(SEC_WEBSOCKET_KEY, HeaderValue::from_static("dGhlIHNhbXBsZSBub25jZQ=="));
        headers.insert("sec-websocket-version", HeaderValue::from_static("13"));
        let key = connect(&mut headers);
        assert_eq!(headers.keys().collect::<Vec<_>>(), ["sec-websocket-version"]);
        let mut answer = HeaderMap::new();
        prove(&mut answer, key.as_ref());
        assert_eq!(hop::upgrade(&answer), Upgrade::WebSocket);
        assert_eq!(answer[SEC_WEBSOCKET_ACCEPT], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }
}
