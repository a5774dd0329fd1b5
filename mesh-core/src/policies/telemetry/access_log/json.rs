//! JSON strings: quoting and escaping.

/// Appends `text` as a JSON string.
pub(super) fn string(out: &mut String, text: &str) {
    out.push('"');
    let start = out.len();
    out.push_str(text);
    finish(out, start);
}

/// Escapes what stands in `out` from `start` on, and closes the string.
pub(super) fn finish(out: &mut String, start: usize) {
    // Without leaving early: that is done many bytes at a time.
    if out.as_bytes()[start..].iter().fold(false, |found, &byte| found | needs_escape(byte)) {
        let raw = out.split_off(start);
        escape(out, &raw);
    }
    out.push('"');
}

const fn needs_escape(byte: u8) -> bool {
    (byte < 0x20) | (byte == b'"') | (byte == b'\\')
}

fn escape(out: &mut String, text: &str) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            control if u32::from(control) < 0x20 => {
                let code = u32::from(control) as usize;
                out.push_str("\\u00");
                out.push(char::from(HEX[code >> 4]));
                out.push(char::from(HEX[code & 15]));
            }
            plain => out.push(plain),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn al_2_strings_are_escaped_as_a_json_parser_expects() {
        let raw: String = (0..0x90).filter_map(char::from_u32).chain("é\u{2028}😀".chars()).collect();
        let mut out = String::from("x");
        string(&mut out, &raw);
        assert_eq!(serde_json::from_str::<String>(&out[1..]).unwrap(), raw);
    }
}
