//! Expressions as RE2 reads them, written in Rust's syntax.
//!
//! The two are near to each other and not the same: a `[` in a class, `&&`, `--`, `\Q…\E`, `\<`, `{,2}` mean
//! one thing to one and another to the other, and each knows what the other refuses. So every part that both
//! might read otherwise is written anew, and what RE2 refuses is refused: what a cluster would not take must not
//! begin to work here. `\C` (one byte) is among that, since Istio refuses it although RE2 knows it.

mod class;
mod escape;

use std::collections::HashSet;

use super::PatternError;

/// Most times that RE2 repeats something by a number, and what is repeated in it together.
const MAX_REPEAT: u32 = 1_000;

/// The same expression in Rust's syntax.
pub(super) fn translate(text: &str) -> Result<String, PatternError> {
    let mut translation =
        Translation { rest: text, out: String::with_capacity(text.len()), ..Translation::default() };
    translation.atom = 1;
    translation.most = 1;
    while let Some(first) = translation.rest.chars().next() {
        let repeated = std::mem::take(&mut translation.repeated);
        match first {
            '\\' => translation.escaped()?,
            '[' => translation.class()?,
            '(' => translation.group()?,
            ')' => translation.close()?,
            '*' | '+' | '?' => translation.repeat(1, None, repeated)?,
            '{' => match repetition(translation.rest)? {
                Some((length, times)) => translation.repeat(length, Some(times), repeated)?,
                None => translation.literal(first),
            },
            '.' | '^' | '$' | '|' => translation.plain(first),
            _ => translation.literal(first),
        }
    }
    Ok(translation.out)
}

/// An expression on its way.
#[derive(Debug, Default)]
struct Translation<'t> {
    rest: &'t str,
    out: String,
    names: HashSet<&'t str>,
    /// How often the last part is repeated by numbers, those inside it multiplied.
    atom: u32,
    /// The most of that in the group that is open, and in those around it.
    most: u32,
    around: Vec<u32>,
    /// Whether the last step was a repetition.
    repeated: bool,
}

impl<'t> Translation<'t> {
    fn take(&mut self, length: usize) -> &'t str {
        let (taken, rest) = self.rest.split_at(length);
        self.rest = rest;
        taken
    }

    fn plain(&mut self, character: char) {
        self.out.push(character);
        self.take(character.len_utf8());
        self.atom = 1;
    }

    fn literal(&mut self, character: char) {
        escape::push(&mut self.out, character);
        self.take(character.len_utf8());
        self.atom = 1;
    }

    fn class(&mut self) -> Result<(), PatternError> {
        let length = class::translate(self.rest, &mut self.out)?;
        self.take(length);
        self.atom = 1;
        Ok(())
    }

    fn escaped(&mut self) -> Result<(), PatternError> {
        self.atom = 1;
        if let Some(quoted) = self.rest.strip_prefix(r"\Q") {
            // One without an end goes on to the end of the expression.
            let (text, rest) = quoted.split_once(r"\E").unwrap_or((quoted, ""));
            text.chars().for_each(|character| escape::push(&mut self.out, character));
            self.rest = rest;
            return Ok(());
        }
        let length = match &self.rest.get(..2) {
            // Where words end is a question of ASCII, also in an expression that knows of more.
            Some(r"\b") => {
                self.out.push_str(r"(?-u:\b)");
                2
            }
            Some(r"\B") => {
                self.out.push_str(r"(?-u:\B)");
                2
            }
            Some(same @ (r"\A" | r"\z")) => {
                self.out.push_str(same);
                2
            }
            Some(r"\p" | r"\P") => escape::unicode(self.rest, &mut self.out)?,
            _ if escape::perl(self.rest, &mut self.out) => 2,
            _ => {
                let (character, length) = escape::character(self.rest)?;
                escape::push(&mut self.out, character);
                length
            }
        };
        self.take(length);
        Ok(())
    }

    /// `(`, `(?P<name>`, `(?<name>`, `(?flags)` or `(?flags:`.
    fn group(&mut self) -> Result<(), PatternError> {
        let Some(inside) = self.rest.strip_prefix("(?") else {
            self.take(1);
            self.open("(");
            return Ok(());
        };
        if let Some(named) = inside.strip_prefix("P<").or_else(|| inside.strip_prefix('<')) {
            let (name, rest) = named.split_once('>').unwrap_or_default();
            if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
                return Err(PatternError::new("the name of a group has letters, digits and `_`"));
            }
            if !self.names.insert(name) {
                return Err(PatternError::new(format!("two groups have the name {name}")));
            }
            // Groups are known by number; Rust refuses names that begin with a digit.
            self.rest = rest;
            self.open("(");
            return Ok(());
        }
        self.flags(inside)
    }

    fn open(&mut self, written: &str) {
        self.out.push_str(written);
        self.around.push(self.most);
        (self.most, self.atom) = (1, 1);
    }

    fn close(&mut self) -> Result<(), PatternError> {
        // `a)|(b` is no expression, but would become one inside of a group.
        let Some(around) = self.around.pop() else {
            return Err(PatternError::new("a `)` closes no group"));
        };
        self.plain(')');
        self.atom = self.most;
        self.most = self.most.max(around);
        Ok(())
    }

    /// The last of a flag counts; Rust refuses one that is written twice.
    fn flags(&mut self, inside: &'t str) -> Result<(), PatternError> {
        let (mut on, mut off) = (String::new(), String::new());
        let (mut negated, mut any) = (false, false);
        for (at, flag) in inside.char_indices() {
            match flag {
                'i' | 'm' | 's' | 'U' => {
                    on.retain(|known| known != flag);
                    off.retain(|known| known != flag);
                    if negated { &mut off } else { &mut on }.push(flag);
                    any = true;
                }
                '-' if !negated => (negated, any) = (true, false),
                ':' | ')' if any || !negated => {
                    self.rest = &inside[at + 1..];
                    let dash = if off.is_empty() { "" } else { "-" };
                    let written = format!("(?{on}{dash}{off}{flag}");
                    match flag {
                        ':' => self.open(&written),
                        _ if on.is_empty() && off.is_empty() => {}
                        _ => self.out.push_str(&written),
                    }
                    return Ok(());
                }
                _ => break,
            }
        }
        Err(PatternError::new("after `(?` stand flags of `imsU`, a name as `P<name>`, or `:`"))
    }

    fn repeat(&mut self, length: usize, times: Option<u32>, repeated: bool) -> Result<(), PatternError> {
        if repeated {
            return Err(PatternError::new("a repetition can't be repeated"));
        }
        self.atom = self.atom.saturating_mul(times.unwrap_or(1).max(1));
        if self.atom > MAX_REPEAT {
            return Err(too_often());
        }
        self.most = self.most.max(self.atom);
        let lazy = usize::from(self.rest[length..].starts_with('?'));
        let written = self.take(length + lazy);
        self.out.push_str(written);
        self.repeated = true;
        Ok(())
    }
}

fn too_often() -> PatternError {
    PatternError::new(format!("nothing is repeated more than {MAX_REPEAT} times"))
}

/// Length of `{n}`, `{n,}` or `{n,m}` at the beginning, and how often at most it repeats, as far as it says so;
/// `None` if it is none of them.
fn repetition(text: &str) -> Result<Option<(usize, u32)>, PatternError> {
    let Some((inner, _)) = text[1..].split_once('}') else { return Ok(None) };
    let (least, most) = inner
        .split_once(',')
        .map_or((inner, inner), |(least, most)| (least, if most.is_empty() { least } else { most }));
    let is_number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        digits && (text.len() == 1 || !text.starts_with('0'))
    };
    if !is_number(least) || !is_number(most) {
        return Ok(None);
    }
    match (least.parse::<u32>(), most.parse::<u32>()) {
        (Ok(least), Ok(most)) if least.max(most) <= MAX_REPEAT => Ok(Some((inner.len() + 2, most))),
        _ => Err(too_often()),
    }
}

#[cfg(test)]
mod tests;
