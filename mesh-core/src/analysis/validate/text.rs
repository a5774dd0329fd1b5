//! Whether a text is a host, a label or an address as Istio takes them (H-2): names in any letter case, and
//! nothing that DNS could not have.

use std::net::IpAddr;

/// A DNS-1123 label in any letter case: letters, digits and inner hyphens, at most 63.
pub(super) fn is_label(text: &str) -> bool {
    text.len() <= 63 && is_long_label(text)
}

/// The same without a limit of its own.
fn is_long_label(text: &str) -> bool {
    let outer = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
        && outer(bytes.first())
        && outer(bytes.last())
}

/// A name without wildcard: labels, of which the last may be empty (`a.test.`) and is no number.
pub(super) fn is_name(text: &str) -> bool {
    (1..=255).contains(&text.len()) && are_labels(text)
}

/// A name whose first label may be `*`, or begin with it.
pub(super) fn is_wildcard_name(text: &str) -> bool {
    let (first, rest) = text.split_once('.').map_or((text, None), |(first, rest)| (first, Some(rest)));
    let after_star = first.strip_prefix("*-").or_else(|| first.strip_prefix('*'));
    let label = first == "*" || is_label(after_star.unwrap_or(first));
    (1..=255).contains(&text.len()) && first.len() <= 63 && label && rest.is_none_or(are_labels)
}

/// Whether the star of a wildcard is only a part of a label: `*a.test`.
pub(super) fn is_partial_wildcard(text: &str) -> bool {
    text.contains('*') && text != "*" && !text.starts_with("*.")
}

fn are_labels(text: &str) -> bool {
    let last = text.rsplit('.').next().unwrap_or_default();
    text.is_empty()
        || (last.parse::<i64>().is_err() && text.strip_suffix('.').unwrap_or(text).split('.').all(is_label))
}

/// The key of a label of workloads: a name of at most 63 characters, maybe after a DNS name and a `/`.
pub(super) fn is_label_key(text: &str) -> bool {
    let (prefix, name) = text.split_once('/').map_or((None, text), |(prefix, name)| (Some(prefix), name));
    prefix.is_none_or(|prefix| prefix.len() <= 253 && prefix.split('.').all(is_long_label))
        && (1..=63).contains(&name.len())
        && is_label_value(name)
}

/// The value of a label of workloads: nothing, or letters, digits, `-`, `_` and `.` between two letters or
/// digits.
pub(super) fn is_label_value(text: &str) -> bool {
    let outer = |byte: Option<&u8>| byte.is_none_or(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte))
        && outer(bytes.first())
        && outer(bytes.last())
}

/// Whether one host covers the other: equal, or the suffix of a wildcard (H-3).
pub(super) fn overlap(a: &str, b: &str) -> bool {
    let covers = |wide: &str, narrow: &str| {
        wide.strip_prefix('*')
            .is_some_and(|suffix| narrow.strip_prefix('*').unwrap_or(narrow).ends_with(suffix))
    };
    a == b || covers(a, b) || covers(b, a)
}

/// An IP address.
pub(super) fn is_ip(text: &str) -> bool {
    text.parse::<IpAddr>().is_ok()
}

/// A block of IP addresses; an address by itself is none.
pub(super) fn is_cidr(text: &str) -> bool {
    text.contains('/') && text.parse::<ipnet::IpNet>().is_ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn h_2_hosts() {
        let long = "a".repeat(63);
        for good in [
            "reviews",
            "reviews.prod",
            "*",
            "*.",
            "*.foo.com",
            "*-x.foo.com",
            "*x.foo.com",
            "a.b.c.",
            "Foo.com",
        ] {
            assert!(is_wildcard_name(good), "{good}");
        }
        for good in ["503", "1.a", &long] {
            assert!(is_wildcard_name(good), "{good}");
        }
        for bad in [
            "",
            ".",
            "a..b",
            "-a.com",
            "a-.com",
            "a*.com",
            "foo.*.com",
            "*-",
            "**",
            "*--x.com",
            "a b",
            "a/b",
            "a:80",
            "a_b.com",
            "10.0.0.1",
            "a.1",
            "::1",
        ] {
            assert!(!is_wildcard_name(bad), "{bad}");
        }
        assert!(!is_wildcard_name(&format!("{long}a.com")));
        assert!(!is_wildcard_name(&format!("*{long}.com")));
        assert!(!is_wildcard_name(&[long.as_str(); 5].join(".")));
    }

    #[test]
    fn h_2_names_have_no_wildcard_and_no_number_at_the_end() {
        for (text, good) in [("a", true), ("a.test.", true), ("503", false), ("a.1", false), ("*.a", false)] {
            assert_eq!(is_name(text), good, "{text}");
        }
    }

    #[test]
    fn h_3_overlap() {
        for (a, b, expected) in [
            ("a.foo.com", "*.foo.com", true),
            ("foo.com", "*.foo.com", false),
            ("*.a.foo.com", "*.foo.com", true),
            ("*", "a", true),
            ("a", "a", true),
            ("*.bar.com", "*.foo.com", false),
        ] {
            assert_eq!(overlap(a, b), expected, "{a} {b}");
            assert_eq!(overlap(b, a), expected, "{b} {a}");
        }
    }

    #[test]
    fn labels_have_a_name_maybe_after_a_domain() {
        let long = "x".repeat(64);
        for (key, good) in [
            ("app", true),
            ("8080", true),
            ("a.b/c", true),
            ("App.Kubernetes.io/part_of", true),
            ("", false),
            ("-a", false),
            ("a/", false),
            ("/a", false),
            ("a/b/c", false),
            ("a_b/c", false),
            (":method", false),
            ("*", false),
            (long.as_str(), false),
        ] {
            assert_eq!(is_label_key(key), good, "{key}");
        }
        for (value, good) in [("", true), ("v1.2_3-a", true), ("a b", false), ("a/b", false), (".a", false)] {
            assert_eq!(is_label_value(value), good, "{value}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_judged_without_panic(text in any::<String>(), other in any::<String>()) {
            let _ = (is_label(&text), is_name(&text), is_wildcard_name(&text), is_label_key(&text));
            let _ = overlap(&text, &other);
        }
    }
}
