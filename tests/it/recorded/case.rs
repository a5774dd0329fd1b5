//! A line of a recording: a configuration, and its requests.

use mesh_core::api::Documents;
use serde_json::Value;

/// A configuration and its cases.
#[derive(Debug)]
pub(super) struct Configuration {
    /// Its line in the file, from 1.
    pub(super) line: usize,
    whole: Value,
}

/// One request, and Istio's behaviour.
#[derive(Clone, Copy, Debug)]
pub(super) struct Case<'a> {
    pub(super) configuration: &'a Configuration,
    /// The request.
    pub(super) request: &'a Value,
    /// The outcome, in the recording's words.
    pub(super) observed: &'a Value,
}

/// The configurations of a file of `tests/fixtures/recorded`.
pub(super) fn read(name: &str) -> Vec<Configuration> {
    let path = format!("{}/fixtures/recorded/{name}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let lines = text.lines().zip(1..);
    lines.map(|(text, line)| Configuration { line, whole: serde_json::from_str(text).unwrap() }).collect()
}

impl Configuration {
    /// The documents as written, if the line has them.
    pub(super) fn documents(&self) -> &[Value] {
        self.whole["documents"].as_array().map(Vec::as_slice).unwrap_or_default()
    }

    /// A part of the line by its name.
    pub(super) fn part(&self, name: &str) -> &Value {
        &self.whole[name]
    }

    pub(super) fn cases(&self) -> impl Iterator<Item = Case<'_>> {
        let cases = self.whole["cases"].as_array().map(Vec::as_slice).unwrap_or_default();
        cases.iter().map(|case| Case {
            configuration: self,
            request: &case["request"],
            observed: &case["observed"],
        })
    }
}

/// Documents as the reader of a folder would parse them. JSON is YAML.
pub(super) fn parse<'a>(documents: impl IntoIterator<Item = &'a Value>) -> Documents {
    let texts: Vec<String> = documents.into_iter().map(Value::to_string).collect();
    // Istio's run time leaves out wrong parts of a document too.
    Documents::parse([("recorded.yaml", texts.join("\n---\n"))]).0
}

impl Case<'_> {
    /// A text of the request.
    pub(super) fn asked(&self, name: &str) -> &str {
        self.request[name].as_str().unwrap_or_default()
    }
}
