//! "Did you mean …?"

/// The known name that `word` is most likely a misspelling of, if one is near enough: a third of
/// its letters may differ.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (word.chars().count().div_ceil(3)).clamp(1, 4);
    let word = word.to_lowercase();
    let length = word.chars().count();
    known
        .into_iter()
        // So many edits it takes at least.
        .filter(|name| name.chars().count().abs_diff(length) <= limit)
        .map(|name| (distance(&word, &name.to_lowercase()), name))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// Whether a word is `name` with a slip: more of its letters are right than for a hint to be of use, because
/// what is taken for a slip is an error.
pub(crate) fn is_slip(word: &str, name: &str) -> bool {
    distance(&word.to_lowercase(), &name.to_lowercase()) <= (name.chars().count() / 4).clamp(1, 3)
}

/// Edits (insert, delete, replace, swap neighbours) from `a` to `b`. A longer word than any name
/// we know is far from all of them, so the work is bounded.
fn distance(a: &str, b: &str) -> usize {
    const LONGEST: usize = 64;
    let is_long = |word: &str| word.chars().nth(LONGEST).is_some();
    if is_long(a) || is_long(b) { usize::MAX } else { strsim::osa_distance(a, b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn y_9_misspelled_names_find_the_right_one() {
        let known = ["retries", "route", "redirect", "timeout", "perTryTimeout"];
        assert_eq!(nearest("retrys", known), Some("retries"));
        assert_eq!(nearest("rotue", known), Some("route"));
        assert_eq!(nearest("timeOut", known), Some("timeout"));
        assert_eq!(nearest("perTryTimeOut", known), Some("perTryTimeout"));
        assert_eq!(nearest("banana", known), None);
        assert_eq!(nearest(&"x".repeat(10_000), known), None);
    }
}
