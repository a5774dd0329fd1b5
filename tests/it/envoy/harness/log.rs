//! Access logs, line by line, as both proxies print them.

use std::sync::{Arc, Mutex};

use serde_json::{Map, Value};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use super::DEADLINE;

/// The fields of a line: name, and operator of Envoy's format.
pub(crate) const FIELDS: [(&str, &str); 15] = [
    ("step", "%REQ(X-STEP)%"),
    ("method", "%REQ(:METHOD)%"),
    ("path", "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%"),
    ("authority", "%REQ(:AUTHORITY)%"),
    ("protocol", "%PROTOCOL%"),
    ("code", "%RESPONSE_CODE%"),
    ("flags", "%RESPONSE_FLAGS%"),
    ("details", "%RESPONSE_CODE_DETAILS%"),
    ("reason", "%UPSTREAM_TRANSPORT_FAILURE_REASON%"),
    ("route", "%ROUTE_NAME%"),
    ("cluster", "%UPSTREAM_CLUSTER_RAW%"),
    ("upstream", "%UPSTREAM_HOST%"),
    ("attempts", "%UPSTREAM_REQUEST_ATTEMPT_COUNT%"),
    ("received", "%BYTES_RECEIVED%"),
    ("sent", "%BYTES_SENT%"),
];

/// The format as a JSON object.
pub(crate) fn format() -> Value {
    FIELDS.iter().map(|&(name, operator)| (name.to_owned(), operator.into())).collect::<Map<_, _>>().into()
}

/// The lines that a proxy has printed.
#[derive(Clone, Debug)]
pub(crate) struct Log {
    lines: Arc<Mutex<Vec<Map<String, Value>>>>,
    count: watch::Receiver<usize>,
}

impl Log {
    /// Reads the lines of the output.
    pub(crate) fn of(mut output: mpsc::UnboundedReceiver<String>) -> Self {
        let lines = Arc::<Mutex<Vec<_>>>::default();
        let (sender, count) = watch::channel(0);
        let kept = lines.clone();
        tokio::spawn(async move {
            while let Some(line) = output.recv().await {
                if let Ok(Value::Object(line)) = serde_json::from_str(&line) {
                    kept.lock().unwrap().push(line);
                    sender.send_modify(|count| *count += 1);
                }
            }
        });
        Self { lines, count }
    }

    /// Takes the line of a step once it has arrived; `None` is a request without a step.
    pub(crate) async fn take(&self, step: Option<&str>) -> Map<String, Value> {
        let mut count = self.count.clone();
        let taking = async {
            loop {
                count.mark_unchanged();
                if let Some(line) = self.find(step) {
                    return line;
                }
                count.changed().await.expect("the proxy runs");
            }
        };
        timeout(DEADLINE, taking).await.unwrap_or_else(|_| panic!("no line of {step:?}: {:?}", self.lines))
    }

    fn find(&self, step: Option<&str>) -> Option<Map<String, Value>> {
        let mut lines = self.lines.lock().unwrap();
        let found = lines.iter().position(|line| line["step"].as_str() == step)?;
        Some(lines.remove(found))
    }
}
