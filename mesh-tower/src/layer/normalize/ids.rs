//! Header values for request ids.
//!
//! Every request without an id gets one of 36 bytes, and retries copy the request's head. An id in a value of its own
//! costs two allocations; a slice of a shared piece of memory costs none.

use std::cell::RefCell;

use bytes::BytesMut;
use http::HeaderValue;

/// The size of a piece, and so the most bytes that the id of a long stream keeps alive.
const PIECE: usize = 576;

thread_local! {
    static PIECES: RefCell<BytesMut> = RefCell::default();
}

/// A header value of `id`, which is short and visible ASCII.
pub(super) fn header_value(id: &[u8]) -> HeaderValue {
    PIECES.with_borrow_mut(|piece| {
        if piece.capacity() < id.len() {
            // Not `reserve`: it would copy into memory that earlier ids may have left.
            *piece = BytesMut::with_capacity(PIECE.max(id.len()));
        }
        piece.extend_from_slice(id);
        let id = piece.split().freeze();
        HeaderValue::from_maybe_shared(id).expect("visible ASCII")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_stay_what_they_are_while_more_are_made() {
        let text = |number: usize| format!("{number:036}");
        let values: Vec<_> = (0..100).map(|number| header_value(text(number).as_bytes())).collect();
        for (number, value) in values.iter().enumerate() {
            assert_eq!(value.as_bytes(), text(number).as_bytes());
        }
    }
}
