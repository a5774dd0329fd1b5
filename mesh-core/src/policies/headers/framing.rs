//! Where a message of HTTP/1.1 ends (RFC 9112 section 6).
//!
//! Two readers that cut one stream of bytes differently can be made to take a part of a body for the next message.
//! So a message whose end its reader could see in two places is refused, and its connection is closed. The library
//! that parses the head sees to most of that; here is the rest, as functions of the headers alone.

use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue, StatusCode, Version};

use crate::reply::{Flag, LocalReply};

/// Why the end of an answer is uncertain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Misframed {
    /// `Transfer-Encoding` is not `chunked`, or not in HTTP/1.1.
    #[error("the answer has a transfer coding other than one `chunked`")]
    Coding,
    /// `Content-Length` is no number, or there are several.
    #[error("the answer has a content-length that is not one number")]
    Length,
    /// `Content-Length` beside `Transfer-Encoding`.
    #[error("the answer is chunked and has a content-length too")]
    Both,
    /// Either of them where there is no body.
    #[error("the answer has no content and says how long it is")]
    NoContent,
}

/// Refuses a request with a transfer coding other than one `chunked`.
///
/// # Errors
/// 400 if there are several fields, or an empty element: readers disagree about both. 501 for another coding.
pub fn request(headers: &HeaderMap) -> Result<(), LocalReply> {
    let mut fields = headers.get_all(TRANSFER_ENCODING).iter();
    let Some(codings) = fields.next() else { return Ok(()) };
    let several = fields.next().is_some();
    if !several && is_chunked(codings) {
        return Ok(());
    }
    let holds_nothing = |element: &[u8]| element.trim_ascii().is_empty();
    let mut reply = LocalReply::bad_request("http1.invalid_transfer_encoding");
    if !several && !codings.as_bytes().split(|byte| *byte == b',').any(holds_nothing) {
        reply.status = StatusCode::NOT_IMPLEMENTED;
        debug_assert!(reply.flags.has(Flag::DownstreamProtocolError));
    }
    Err(reply)
}

/// Makes one line of several `Content-Length` lines of a request that say the same, as RFC 9110 (8.6) allows: endpoints
/// of HTTP/1.1 refuse more.
///
/// # Errors
/// 400 if they differ.
pub fn unify_length(headers: &mut HeaderMap) -> Result<(), LocalReply> {
    let mut lines = headers.get_all(CONTENT_LENGTH).iter();
    let Some(first) = lines.next().cloned() else { return Ok(()) };
    if lines.any(|line| *line != first) {
        return Err(LocalReply::bad_request("http1.codec_error"));
    }
    headers.insert(CONTENT_LENGTH, first);
    Ok(())
}

/// Refuses an answer that could be read to two ends, and takes the length from a 204. `sized` says that its reader
/// has taken its length from `Content-Length` alone, so that there is no transfer coding to look for.
///
/// # Errors
/// The mistake in it.
pub fn response(
    status: StatusCode,
    version: Version,
    headers: &mut HeaderMap,
    sized: bool,
) -> Result<(), Misframed> {
    let length = length(headers)?;
    if sized {
        return Ok(());
    }
    let mut fields = headers.get_all(TRANSFER_ENCODING).iter();
    let chunked = match fields.next() {
        None => false,
        Some(codings) if is_chunked(codings) && fields.next().is_none() && version == Version::HTTP_11 => {
            true
        }
        Some(_) => return Err(Misframed::Coding),
    };
    if chunked && length.is_some() {
        return Err(Misframed::Both);
    }
    if status == StatusCode::NO_CONTENT {
        if chunked || length.is_some_and(|length| length > 0) {
            return Err(Misframed::NoContent);
        }
        if length.is_some() {
            headers.remove(CONTENT_LENGTH);
        }
    }
    Ok(())
}

/// The one `Content-Length`, if there is any.
fn length(headers: &HeaderMap) -> Result<Option<u64>, Misframed> {
    let Some(field) = headers.get(CONTENT_LENGTH) else { return Ok(None) };
    // In most heads no name occurs twice: then there is no second one to look for.
    let repeats = headers.len() > headers.keys_len();
    let several = repeats && headers.get_all(CONTENT_LENGTH).iter().nth(1).is_some();
    let digit = |byte: &u8| byte.is_ascii_digit().then(|| u64::from(byte - b'0'));
    let append = |length: u64, byte| length.checked_mul(10)?.checked_add(digit(byte)?);
    let length = field.as_bytes().iter().try_fold(0, append);
    match length {
        Some(length) if !field.is_empty() && !several => Ok(Some(length)),
        _ => Err(Misframed::Length),
    }
}

fn is_chunked(codings: &HeaderValue) -> bool {
    codings.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked")
}

#[cfg(test)]
mod tests {
    use super::super::tests::headers;
    use super::*;

    const TE: &str = "transfer-encoding";
    const CL: &str = "content-length";

    #[test]
    fn rfc_9110_8_6_equal_lengths_become_one_and_others_are_refused() {
        let mut equal = headers(&[(CL, "5"), ("x", "y"), (CL, "5")]);
        assert!(crate::headers::Survey::of(&equal).split_lengths);
        unify_length(&mut equal).unwrap();
        assert_eq!(equal, headers(&[(CL, "5"), ("x", "y")]));
        assert!(!crate::headers::Survey::of(&equal).split_lengths);
        assert_eq!(unify_length(&mut headers(&[(CL, "5"), (CL, "6")])).unwrap_err().status, 400);
    }

    #[test]
    fn rfc_9112_6_1_a_request_has_one_transfer_coding_and_that_is_chunked() {
        let of = |fields: &[&'static str]| {
            let pairs: Vec<_> = fields.iter().map(|value| (TE, *value)).collect();
            request(&headers(&pairs)).map_err(|reply| reply.status.as_u16())
        };
        for good in [&[][..], &["chunked"], &["Chunked"]] {
            assert_eq!(of(good), Ok(()), "{good:?}");
        }
        for bad in
            [&["chunked", "chunked"][..], &["gzip", "chunked"], &["", "chunked"], &[""], &[", chunked"]]
        {
            assert_eq!(of(bad), Err(400), "{bad:?}");
        }
        for unknown in ["gzip", "gzip, chunked", "chunked, chunked", "chunked;q=1", "identity"] {
            assert_eq!(of(&[unknown]), Err(501), "{unknown}");
        }
    }

    #[test]
    fn rfc_9112_6_3_an_answer_has_one_end() {
        fn of(status: u16, pairs: &[(&'static str, &'static str)]) -> Result<(), Misframed> {
            let status = StatusCode::from_u16(status).unwrap();
            response(status, Version::HTTP_11, &mut headers(pairs), false)
        }
        for good in [&[][..], &[(CL, "0")], &[(CL, "18446744073709551615")], &[(TE, "chunked")]] {
            assert_eq!(of(200, good), Ok(()), "{good:?}");
            assert_eq!(of(304, good), Ok(()), "{good:?}");
        }
        for length in ["", "a", "5a", "+5", "-5", " 5", "5, 5", "18446744073709551616"] {
            assert_eq!(of(200, &[(CL, length)]), Err(Misframed::Length), "{length:?}");
        }
        for second in ["5", "6"] {
            assert_eq!(of(200, &[(CL, "5"), (CL, second)]), Err(Misframed::Length));
        }
        for coding in ["", "gzip", "gzip, chunked", "chunked,", "chunked, chunked"] {
            assert_eq!(of(200, &[(TE, coding)]), Err(Misframed::Coding), "{coding:?}");
        }
        assert_eq!(of(200, &[(TE, "chunked"), (TE, "chunked")]), Err(Misframed::Coding));
        assert_eq!(of(200, &[(TE, "chunked"), (CL, "5")]), Err(Misframed::Both));
        assert_eq!(of(204, &[(TE, "chunked")]), Err(Misframed::NoContent));
        assert_eq!(of(204, &[(CL, "5")]), Err(Misframed::NoContent));
        let mut old = headers(&[(TE, "chunked")]);
        let judged = response(StatusCode::OK, Version::HTTP_10, &mut old, false);
        assert_eq!(judged, Err(Misframed::Coding));
    }

    #[test]
    fn rfc_9110_8_6_a_204_has_no_length() {
        for (status, left) in [(StatusCode::NO_CONTENT, 0), (StatusCode::OK, 1)] {
            let mut map = headers(&[(CL, "0")]);
            assert_eq!(response(status, Version::HTTP_11, &mut map, false), Ok(()));
            assert_eq!(map.len(), left, "{status}");
        }
    }
}
