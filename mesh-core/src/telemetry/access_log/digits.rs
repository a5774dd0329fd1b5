//! Decimal numbers, without the formatter.

/// Appends a number with at least `width` digits, at most 20.
pub(super) fn write(out: &mut String, mut number: u64, width: usize) {
    let mut buffer = [b'0'; 20];
    let mut at = buffer.len();
    while number > 0 {
        at -= 1;
        buffer[at] = b'0' + (number % 10) as u8;
        number /= 10;
    }
    let at = at.min(buffer.len().saturating_sub(width));
    ascii(out, &buffer[at..]);
}

/// Appends bytes that this module or a neighbour made of ASCII.
pub(super) fn ascii(out: &mut String, bytes: &[u8]) {
    out.push_str(std::str::from_utf8(bytes).expect("digits are ASCII"));
}

#[cfg(test)]
mod tests {
    use super::*;

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
