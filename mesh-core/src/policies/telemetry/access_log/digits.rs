//! Decimal numbers, without the formatter.

use std::net::Ipv4Addr;

/// Appends a number with at least `width` digits, at most 20.
pub(super) fn write(out: &mut String, number: u64, width: usize) {
    let mut buffer = [b'0'; 20];
    let (mut at, mut rest) = (buffer.len(), number);
    // Zero has no digit of its own: the width gives it one.
    while rest > 0 {
        at -= 1;
        buffer[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    let at = at.min(buffer.len().saturating_sub(width));
    ascii(out, &buffer[at..]);
}

/// Appends an IPv4 address, and a port if there is one to be told, in one piece.
pub(super) fn ipv4(out: &mut String, address: Ipv4Addr, port: Option<u16>) {
    // "255.255.255.255:65535"
    let mut text = [0; 21];
    let mut length = 0;
    let mut put = |byte: u8| {
        text[length] = byte;
        length += 1;
    };
    for (index, octet) in address.octets().into_iter().enumerate() {
        if index > 0 {
            put(b'.');
        }
        if octet >= 100 {
            put(b'0' + octet / 100);
        }
        if octet >= 10 {
            put(b'0' + octet / 10 % 10);
        }
        put(b'0' + octet % 10);
    }
    if let Some(port) = port {
        put(b':');
        let mut unit = 10_000;
        while unit > 1 && port < unit {
            unit /= 10;
        }
        while unit > 0 {
            put(b'0' + (port / unit % 10) as u8);
            unit /= 10;
        }
    }
    ascii(out, &text[..length]);
}

/// Writes a number into the whole of `place`, with leading zeros.
pub(super) fn fill(place: &mut [u8], mut number: u16) {
    for digit in place.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

/// Appends bytes that this module or a neighbour made of ASCII.
pub(super) fn ascii(out: &mut String, bytes: &[u8]) {
    out.push_str(std::str::from_utf8(bytes).expect("digits are ASCII"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_as_the_formatter_writes_them() {
        for address in
            [[0, 0, 0, 0], [127, 0, 0, 1], [9, 10, 99, 100], [255, 255, 255, 255], [101, 110, 200, 7]]
        {
            let address = Ipv4Addr::from(address);
            let mut out = String::new();
            ipv4(&mut out, address, None);
            assert_eq!(out, address.to_string());
            for port in [0, 1, 9, 10, 80, 99, 100, 999, 1000, 8080, 9999, 10_000, 65_535] {
                out.clear();
                ipv4(&mut out, address, Some(port));
                assert_eq!(out, format!("{address}:{port}"));
            }
        }
    }

    #[test]
    fn numbers_are_decimal_and_padded() {
        for (number, width, want) in
            [(0, 1, "0"), (0, 3, "000"), (7, 2, "07"), (123, 2, "123"), (u64::MAX, 1, "18446744073709551615")]
        {
            let mut out = String::new();
            write(&mut out, number, width);
            assert_eq!(out, want);
        }
    }
}
