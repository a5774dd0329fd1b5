//! The comparison.

use super::Seen;

/// The outcomes of one step behind both proxies.
#[derive(Debug)]
pub(crate) struct Both {
    pub(crate) ours: Seen,
    pub(crate) envoy: Seen,
}

/// The page that explains each difference that a test accepts.
const RECORDED: &str = include_str!("../../../../docs/differences-from-envoy.md");

impl Both {
    /// Both had the same outcome; returns it.
    #[track_caller]
    pub(crate) fn alike(self) -> Seen {
        compare(self.ours.lines(), self.envoy.lines(), "", &[]);
        self.envoy
    }

    /// Both answered that no connection could be made, with this body; our body adds the reason.
    #[track_caller]
    pub(crate) fn connect_failure(self, body: &str) -> Seen {
        let longer = format!("{body}, transport failure reason: delayed connect error: Connection refused");
        let mut lines = Vec::new();
        for (side, text) in [("+", &*longer), ("-", body)] {
            lines.push(format!("{side} body {text:?}"));
            lines.push(format!("{side} header content-length: {}", text.len()));
            lines.push(format!("{side} log sent: {}", text.len()));
        }
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        self.differ("The reason of a failed connection", &lines).envoy
    }

    /// Both did the same except for these lines, `+` ours and `-` Envoy's; the reason is under this bold heading in
    /// `docs/differences-from-envoy.md`.
    #[track_caller]
    pub(crate) fn differ(self, heading: &str, lines: &[&str]) -> Self {
        compare(self.ours.lines(), self.envoy.lines(), heading, lines);
        self
    }
}

/// The two differ by exactly these lines; the page of differences records them under `heading`.
#[track_caller]
pub(super) fn compare(ours: &[String], envoy: &[String], heading: &str, lines: &[&str]) {
    if !lines.is_empty() {
        recorded(heading);
    }
    let found = difference(ours, envoy);
    let mut expected: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
    expected.sort_unstable();
    assert!(
        found == expected,
        "found (+ ours, - Envoy's):\n{}\nexpected:\n{}\nEnvoy's:\n{}",
        found.join("\n"),
        expected.join("\n"),
        envoy.join("\n")
    );
}

/// Checks that the documentation has the difference.
#[track_caller]
pub(crate) fn recorded(heading: &str) {
    assert!(RECORDED.contains(&format!("**{heading}")), "{heading:?} is not recorded");
}

/// The lines of each side that the other does not have, sorted.
fn difference(ours: &[String], envoy: &[String]) -> Vec<String> {
    let (mut only_ours, mut only_envoy) = (ours.to_vec(), envoy.to_vec());
    only_ours.retain(|line| match only_envoy.iter().position(|other| other == line) {
        Some(same) => {
            only_envoy.remove(same);
            false
        }
        None => true,
    });
    let ours = only_ours.into_iter().map(|line| format!("+ {line}"));
    let mut lines: Vec<String> = ours.chain(only_envoy.into_iter().map(|line| format!("- {line}"))).collect();
    lines.sort_unstable();
    lines
}
