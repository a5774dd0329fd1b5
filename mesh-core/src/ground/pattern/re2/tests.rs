//! RE2's documented syntax, and what others write beside it.

use proptest::prelude::*;

use crate::pattern::Pattern;

/// Expressions, what they match as a whole, and what they do not.
const READ: &[(&str, &[&str], &[&str])] = &[
    // Braces that repeat nothing stand for themselves.
    ("/{*}", &["/{}", "/{{{}"], &["/", "/x"]),
    ("{id}", &["{id}"], &["id"]),
    ("a{,2}", &["a{,2}"], &["aa"]),
    ("a{01}", &["a{01}"], &["a"]),
    ("a{2}b{1,}c{3,4}?", &["aabccc", "aabbcccc"], &["abccc", "aacccc"]),
    // Rust's operators of classes, which RE2 does not have.
    ("[a[b]", &["a", "[", "b"], &["]", "ab"]),
    ("[[]", &["["], &["]"]),
    ("[a&&b]", &["a", "&", "b"], &[""]),
    ("[a~~b]", &["a", "~", "b"], &[""]),
    ("[+--]", &["+", ",", "-"], &["."]),
    ("[a-z--]", &["q", "-"], &["A"]),
    ("[a-]", &["a", "-"], &["b"]),
    ("[-a]", &["a", "-"], &["b"]),
    ("[a-c-e]", &["b", "-", "e"], &["d"]),
    ("[]a]", &["]", "a"], &["b"]),
    ("[^]a]", &["b"], &["]", "a"]),
    ("[]-a]", &["]", "^", "_", "`", "a"], &["b"]),
    ("[{]{[]{]", &["{{]", "{{{"], &["{]"]),
    ("[.*$^|()]", &[".", "*", "$", "^", "|", "(", ")"], &["a"]),
    ("[[:]", &["[", ":"], &["]"]),
    ("[[:alpha:]*]+", &["a*Z"], &["1"]),
    ("[[:word:]]+", &["aZ0_"], &["-"]),
    ("[[:^digit:]]", &["a"], &["1"]),
    ("[^[:space:]]", &["a"], &[" ", "\u{b}"]),
    (r"[\d\-x]+", &["1-x"], &["d"]),
    (r"[\D]", &["a"], &["1"]),
    (r"[^\W_]", &["a"], &["_", "-"]),
    (r"[\]\\\[]+", &[r"]\["], &["a"]),
    (r"[\x41-\x{43}\101]", &["A", "B", "C"], &["D"]),
    (r"[\p{Greek}\pN]+", &["α1"], &["a"]),
    (r"[^\p{^Greek}]", &["α"], &["a"]),
    // Quoting.
    (r"\Qa.b*\E+", &["a.b*", "a.b**"], &["axb*"]),
    (r"/\Q(x|y", &["/(x|y"], &["/x"]),
    (r"\Qa\\Eb", &[r"a\b"], &["ab"]),
    (r"x\Q\E", &["x"], &[""]),
    // Escapes.
    (r"\.\-\/\_\<\>\ \#", &[".-/_<> #"], &["x-/_<> #"]),
    (r"\x41\x{42}\101\0", &["ABA\0"], &["ABA"]),
    (r"\a\f\t\n\r\v", &["\u{7}\u{c}\t\n\r\u{b}"], &[""]),
    (r"\x{e9}\xe9", &["éé"], &["e"]),
    (r"\s", &[" ", "\t", "\u{c}"], &["\u{b}", "\u{a0}"]),
    (r"\S\w\W\D", &["\u{b}a-b"], &[" a-b"]),
    (r"\pL\d", &["é1"], &["é\u{663}"]),
    (r"\p{Lu}\P{Lu}\p{^Lu}\P{^Lu}\p{Any}", &["AaaAx"], &["aaaAx"]),
    (r"\Aa\b-\B-b\z", &["a--b"], &["a-b"]),
    (r"é\b-", &[], &["é-"]),
    // Groups and flags.
    ("(?i)a+?|b", &["AA", "B"], &["c"]),
    ("(?i:a)b", &["Ab"], &["AB"]),
    ("(?i)É", &["é"], &["e"]),
    ("(?s).(?-s:.)", &["\na"], &["\n\n"]),
    ("(?ii-i)a", &["a"], &["A"]),
    ("(?)a(?:)", &["a"], &[""]),
    ("(?U)a+", &["aa"], &[""]),
    ("(?m)^a$", &["a"], &["a\n"]),
    ("(?P<n>a)(?<m>b)(?P<1x>c)", &["abc"], &["ab"]),
    ("a||(b|)", &["a", "b", ""], &["ab"]),
    ("}]a#", &["}]a#"], &["a"]),
    // As often as RE2 repeats.
    ("a{1000}b*(c*)*", &[], &["a"]),
    ("(a{10}){100}", &[], &["a"]),
    ("(?:a{0}){1000}", &[""], &["a"]),
];

const REFUSED: &[&str] = &[
    // Repetitions.
    "a**",
    "/{**}",
    "a{2}{3}",
    "a+?*",
    "a*+",
    "a{2}*",
    "a{1001}",
    "a{1,1001}",
    "a{1001,}",
    "(a{100}){11}",
    "((a{10}){10}|b){11}",
    "*a",
    "(+)",
    "a{3,2}",
    // Groups, flags and what looks around.
    "(a",
    "a)",
    "a)|(b",
    "(a))|((b)",
    "(?i)a)|(b",
    "(?x)a",
    "(?u)a",
    "(?R)a",
    "(?-)a",
    "(?i-)a",
    "(?i--s)a",
    "(?i",
    "(?=a)",
    "(?!a)",
    "(?<=a)b",
    "(?<!a)b",
    "(?#a)",
    "(?>a)",
    "(?'n'a)",
    "(?P=n)",
    "(?P<n>a)(?P<n>b)",
    "(?P<n-1>a)",
    "(?P<>a)",
    "(?P<n.x>a)",
    "(?P<n",
    "(?|a)",
    // Escapes.
    r"\",
    r"\Z",
    r"\G",
    r"\h",
    r"\H",
    r"\R",
    r"\X",
    r"\K",
    r"\N",
    r"\e",
    r"\cA",
    r"\u0041",
    r"\U00000041",
    r"\E",
    r"\1",
    r"\8",
    r"(a)\1",
    r"\k<n>",
    r"\x4",
    r"\x{}",
    r"\x{110000}",
    r"\x{41",
    r"\é",
    r"\b{start}\q",
    r"\y",
    r"\p",
    r"\p{",
    r"\p{Grek}",
    r"\p{greek}",
    r"\p{Alphabetic}",
    r"\p{sc=Greek}",
    r"\p{Letter}",
    r"\pX",
    // A byte of a character: a cluster refuses it, whatever the proxy would do.
    r"\C",
    // Classes.
    "[",
    "[a",
    "[]",
    "[^]",
    "[z-a]",
    "[a--b]",
    r"[\d-",
    r"[a-\d]",
    r"[\b]",
    r"[\B]",
    r"[\z]",
    r"[\A]",
    r"[\h]",
    r"[\Q.\E]",
    "[[:nope:]]",
    "[[:alpha:]",
    "[[:ALPHA:]]",
    r"[\1]",
    r"[\p{nope}]",
];

#[test]
fn vm_2_expressions_are_read_as_re2_reads_them() {
    let mut wrong = Vec::new();
    for (text, matched, not) in READ {
        match Pattern::new(text) {
            Ok(pattern) => {
                let misses = matched.iter().filter(|value| !pattern.matches(value));
                let takes = not.iter().filter(|value| pattern.matches(value));
                wrong.extend(misses.chain(takes).map(|value| format!("{text} and {value:?}")));
            }
            Err(error) => wrong.push(format!("{text}: {error}")),
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn vm_2_what_re2_refuses_is_refused() {
    let read: Vec<_> = REFUSED.iter().filter(|text| Pattern::new(text).is_ok()).collect();
    assert!(read.is_empty(), "{read:?}");
}

proptest! {
    /// Characters that mean something, beside others.
    #[test]
    fn vm_2_any_text_is_translated_or_refused(text in r"[a{}0-9,*+?()|\[\]\\^:pxéQE&~<>.dwPU=!i-]{0,20}") {
        if let Ok(pattern) = Pattern::new(&text) {
            let _ = pattern.matches("a");
        }
    }

    /// A text that is quoted matches itself alone.
    #[test]
    fn vm_2_a_quoted_text_matches_itself(text in r"[ -~é]{1,20}") {
        prop_assume!(!text.contains(r"\E"));
        let quoted = Pattern::new(&format!(r"\Q{text}\E")).unwrap();
        prop_assert!(quoted.matches(&text));
        prop_assert!(!quoted.matches(text + "x"));
    }
}
