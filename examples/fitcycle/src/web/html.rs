//! Text that is safe to stand in HTML.

use std::fmt::{self, Write};

/// Shows `T` with the five characters that mean something to HTML replaced, in text as well as in quoted attributes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Esc<T>(pub(crate) T);

impl<T: fmt::Display> fmt::Display for Esc<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Escaping(f), "{}", self.0)
    }
}

struct Escaping<'a, 'b>(&'a mut fmt::Formatter<'b>);

impl Write for Escaping<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text;
        while let Some(at) = rest.find(['&', '<', '>', '"', '\'']) {
            self.0.write_str(&rest[..at])?;
            self.0.write_str(match rest.as_bytes()[at] {
                b'&' => "&amp;",
                b'<' => "&lt;",
                b'>' => "&gt;",
                b'"' => "&quot;",
                _ => "&#39;",
            })?;
            rest = &rest[at + 1..];
        }
        self.0.write_str(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_becomes_text() {
        let shown = Esc("<b a=\"1\" c='2'>Tom & Jérôme</b>").to_string();
        assert_eq!(shown, "&lt;b a=&quot;1&quot; c=&#39;2&#39;&gt;Tom &amp; Jérôme&lt;/b&gt;");
    }

    #[test]
    fn pieces_of_a_longer_value_are_escaped_too() {
        assert_eq!(Esc(format_args!("{}{}", "<", 7)).to_string(), "&lt;7");
    }
}
