//! Decimal numbers, without the formatter.

use std::net::Ipv4Addr;

/// Appends a number.
pub(super) fn write(out: &mut String, number: u64) {
    out.push_str(itoa::Buffer::new().format(number));
}

/// Appends an IPv4 address, and the port if one is given.
pub(super) fn ipv4(out: &mut String, address: Ipv4Addr, port: Option<u16>) {
    let mut digits = itoa::Buffer::new();
    for (index, octet) in address.octets().into_iter().enumerate() {
        if index > 0 {
            out.push('.');
        }
        out.push_str(digits.format(octet));
    }
    if let Some(port) = port {
        out.push(':');
        out.push_str(digits.format(port));
    }
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
        for (number, want) in [(0, "0"), (7, "7"), (123, "123"), (u64::MAX, "18446744073709551615")] {
            let mut out = String::new();
            write(&mut out, number);
            assert_eq!(out, want);
        }
        for (number, want) in [(0, "000"), (7, "007"), (23, "023"), (123, "123")] {
            let mut place = *b"xxx";
            fill(&mut place, number);
            assert_eq!(place, want.as_bytes());
        }
    }
}
