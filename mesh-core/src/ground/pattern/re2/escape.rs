//! Escapes behind a `\`, in a class and outside.

use super::super::PatternError;

/// Writes a character that stands for itself.
pub(super) fn push(out: &mut String, character: char) {
    if r"\.+*?()|[]{}^$#&-~".contains(character) {
        out.push('\\');
    }
    if character.is_ascii_control() {
        // Errors show the expression.
        out.push_str(&format!(r"\x{{{:X}}}", u32::from(character)));
    } else {
        out.push(character);
    }
}

/// Writes `\d`, `\s`, `\w` or the opposite of one, two bytes long, at the beginning; `false` if none is there. All
/// are of ASCII; a vertical tab is no `\s`.
pub(super) fn perl(text: &str, out: &mut String) -> bool {
    let Some(kind) = text.strip_prefix('\\').and_then(|kind| kind.chars().next()) else { return false };
    let ranges = match kind.to_ascii_lowercase() {
        'd' => "0-9",
        's' => r"\t\n\x0C\r ",
        'w' => "0-9A-Za-z_",
        _ => return false,
    };
    out.push_str(if kind.is_ascii_uppercase() { "[^" } else { "[" });
    out.push_str(ranges);
    out.push(']');
    true
}

/// The character that an escape at the beginning stands for, and its length.
pub(super) fn character(text: &str) -> Result<(char, usize), PatternError> {
    let unknown = || {
        let shown: String = text.chars().take(2).collect();
        PatternError::new(format!("RE2 knows no `{shown}`, or not so"))
    };
    let escaped = text[1..].chars().next().ok_or_else(unknown)?;
    let behind = &text[1 + escaped.len_utf8()..];
    let octal = |text: &str| text.bytes().take_while(|byte| (b'0'..b'8').contains(byte)).count();
    let character = match escaped {
        'a' => '\u{7}',
        'f' => '\u{c}',
        't' => '\t',
        'n' => '\n',
        'r' => '\r',
        'v' => '\u{b}',
        // One digit alone, other than 0, would refer to a group.
        '0'..='7' if escaped == '0' || octal(behind) > 0 => {
            let digits = 1 + octal(behind).min(2);
            let code = u32::from_str_radix(&text[1..=digits], 8).map_err(|_| unknown())?;
            return Ok((char::from_u32(code).ok_or_else(unknown)?, 1 + digits));
        }
        'x' => {
            let (digits, length) = match behind.strip_prefix('{') {
                Some(braced) => {
                    let (digits, _) = braced.split_once('}').ok_or_else(unknown)?;
                    (digits, digits.len() + 2)
                }
                None => (behind.get(..2).ok_or_else(unknown)?, 2),
            };
            if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                return Err(unknown());
            }
            let code = u32::from_str_radix(digits, 16).map_err(|_| unknown())?;
            return Ok((char::from_u32(code).ok_or_else(unknown)?, 2 + length));
        }
        other if other.is_ascii() && !other.is_ascii_alphanumeric() => other,
        _ => return Err(unknown()),
    };
    Ok((character, 2))
}

/// Writes `\pN`, `\p{Greek}`, `\P{^Greek}` at the beginning; returns its length.
pub(super) fn unicode(text: &str, out: &mut String) -> Result<usize, PatternError> {
    let behind = &text[2..];
    let (written, length) = match behind.strip_prefix('{').map(|braced| braced.split_once('}')) {
        Some(Some((name, _))) => (name, name.len() + 4),
        Some(None) => ("", 0),
        None => {
            let length = behind.chars().next().map_or(0, char::len_utf8);
            (&behind[..length], length + 2)
        }
    };
    let name = written.strip_prefix('^').unwrap_or(written);
    if name != "Any" && !names().any(|known| known == name) {
        return Err(PatternError::new(format!("RE2 knows no class `{name}` of Unicode")));
    }
    let negated = text.starts_with(r"\P") != (name != written);
    out.push_str(if negated { r"\P{" } else { r"\p{" });
    out.push_str(name);
    out.push('}');
    Ok(length)
}

/// Categories and scripts, in the one way that RE2 writes each.
fn names() -> impl Iterator<Item = &'static str> {
    const CATEGORIES: &str = "C Cc Cf Co Cs L Ll Lm Lo Lt Lu M Mc Me Mn N Nd Nl No P Pc Pd Pe Pf Pi Po Ps S Sc Sk Sm So \
                              Z Zl Zp Zs";
    const SCRIPTS: &str = "Adlam Ahom Anatolian_Hieroglyphs Arabic Armenian Avestan Balinese Bamum Bassa_Vah Batak \
        Bengali Bhaiksuki Bopomofo Brahmi Braille Buginese Buhid Canadian_Aboriginal Carian Caucasian_Albanian \
        Chakma Cham Cherokee Chorasmian Common Coptic Cuneiform Cypriot Cypro_Minoan Cyrillic Deseret Devanagari \
        Dives_Akuru Dogra Duployan Egyptian_Hieroglyphs Elbasan Elymaic Ethiopic Georgian Glagolitic Gothic \
        Grantha Greek Gujarati Gunjala_Gondi Gurmukhi Han Hangul Hanifi_Rohingya Hanunoo Hatran Hebrew Hiragana \
        Imperial_Aramaic Inherited Inscriptional_Pahlavi Inscriptional_Parthian Javanese Kaithi Kannada Katakana \
        Kawi Kayah_Li Kharoshthi Khitan_Small_Script Khmer Khojki Khudawadi Lao Latin Lepcha Limbu Linear_A \
        Linear_B Lisu Lycian Lydian Mahajani Makasar Malayalam Mandaic Manichaean Marchen Masaram_Gondi \
        Medefaidrin Meetei_Mayek Mende_Kikakui Meroitic_Cursive Meroitic_Hieroglyphs Miao Modi Mongolian Mro \
        Multani Myanmar Nabataean Nag_Mundari Nandinagari New_Tai_Lue Newa Nko Nushu Nyiakeng_Puachue_Hmong Ogham \
        Ol_Chiki Old_Hungarian Old_Italic Old_North_Arabian Old_Permic Old_Persian Old_Sogdian Old_South_Arabian \
        Old_Turkic Old_Uyghur Oriya Osage Osmanya Pahawh_Hmong Palmyrene Pau_Cin_Hau Phags_Pa Phoenician \
        Psalter_Pahlavi Rejang Runic Samaritan Saurashtra Sharada Shavian Siddham SignWriting Sinhala Sogdian \
        Sora_Sompeng Soyombo Sundanese Syloti_Nagri Syriac Tagalog Tagbanwa Tai_Le Tai_Tham Tai_Viet Takri Tamil \
        Tangsa Tangut Telugu Thaana Thai Tibetan Tifinagh Tirhuta Toto Ugaritic Vai Vithkuqi Wancho Warang_Citi \
        Yezidi Yi Zanabazar_Square";
    CATEGORIES.split_ascii_whitespace().chain(SCRIPTS.split_ascii_whitespace())
}
