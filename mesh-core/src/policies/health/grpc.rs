//! `grpc.health.v1` on the wire: two messages of one field each.

/// Where the question is put.
pub const GRPC_PATH: &str = "/grpc.health.v1.Health/Check";

/// `HealthCheckResponse.ServingStatus.SERVING`.
const SERVING: u64 = 1;

/// A `HealthCheckRequest` (field 1 is the service's name) with gRPC's prefix.
///
/// # Panics
/// If the name has 4 GiB or more.
#[must_use]
pub fn grpc_request(service: &str) -> Vec<u8> {
    let mut message = Vec::with_capacity(service.len() + 6);
    if !service.is_empty() {
        message.push(0x0a);
        let mut length = service.len();
        while length >= 0x80 {
            message.push((length & 0x7f) as u8 | 0x80);
            length >>= 7;
        }
        message.push(length as u8);
        message.extend_from_slice(service.as_bytes());
    }
    let mut frame = vec![0];
    let length = u32::try_from(message.len()).expect("a name below 4 GiB");
    frame.extend_from_slice(&length.to_be_bytes());
    frame.extend_from_slice(&message);
    frame
}

/// Whether a `HealthCheckResponse`, with gRPC's prefix, says `SERVING` in field 1.
#[must_use]
pub fn is_serving(frame: &[u8]) -> bool {
    let Some((&[0, a, b, c, d], message)) = frame.split_first_chunk::<5>() else { return false };
    let length = u32::from_be_bytes([a, b, c, d]) as usize;
    message.get(..length).and_then(status) == Some(SERVING)
}

/// Field 1 of a message; the last one written counts. `None` if it cannot be read.
fn status(mut message: &[u8]) -> Option<u64> {
    let mut status = 0;
    while !message.is_empty() {
        let tag = varint(&mut message)?;
        match tag & 7 {
            0 => {
                let value = varint(&mut message)?;
                if tag >> 3 == 1 {
                    status = value;
                }
            }
            1 => message = message.get(8..)?,
            2 => {
                let length = usize::try_from(varint(&mut message)?).ok()?;
                message = message.get(length..)?;
            }
            5 => message = message.get(4..)?,
            _ => return None,
        }
    }
    Some(status)
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hc_1_the_question_names_the_service() {
        assert_eq!(grpc_request(""), [0, 0, 0, 0, 0]);
        assert_eq!(grpc_request("a.B"), [&[0, 0, 0, 0, 5, 0x0a, 3], "a.B".as_bytes()].concat());
        let long = "x".repeat(300);
        assert_eq!(grpc_request(&long)[5..8], [0x0a, 0xac, 0x02]);
        assert_eq!(grpc_request(&long).len(), 5 + 3 + 300);
    }

    #[test]
    fn hc_1_only_serving_is_well() {
        assert!(is_serving(&[0, 0, 0, 0, 2, 0x08, 1]));
        assert!(!is_serving(&[0, 0, 0, 0, 2, 0x08, 2]), "NOT_SERVING");
        assert!(!is_serving(&[0, 0, 0, 0, 0]), "UNKNOWN");
        assert!(!is_serving(&[1, 0, 0, 0, 2, 0x08, 1]), "compressed");
        assert!(!is_serving(&[0, 0, 0, 0, 3, 0x08, 1]), "cut off");
        assert!(!is_serving(&[0, 0, 0, 0, 2, 0x08, 0x81]), "a number without an end");
        assert!(!is_serving(b""));
        // Fields of a later version are passed over.
        let later = [0x12, 1, b'x', 0x19, 0, 0, 0, 0, 0, 0, 0, 0, 0x25, 0, 0, 0, 0, 0x08, 1];
        assert!(is_serving(&[&[0, 0, 0, 0, later.len() as u8], &later[..]].concat()));
        assert!(!is_serving(&[0, 0, 0, 0, 3, 0x0b, 0x08, 1]), "a group");
    }
}
