//! The server that attempts were recorded with: attempt k of a case takes step k of its script, over both
//! endpoints together; the last step repeats.
//!
//! It speaks bytes rather than through a server of ours, because the steps are about bytes: a reset is not an end,
//! and half a response is not a broken one.

use std::collections::HashMap;
use std::future::ready;
use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mesh_core::circuit::Keepalive;
use mesh_core::endpoint::Address;
use mesh_tower::test::{Close, Pipe, pass};
use mesh_tower::upstream::pool::{Connect, Connecting, Stream};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

/// The header that distinguishes cases that are played at once.
pub(super) const CASE: &str = "x-case";

/// The network of the recording: both endpoints, and the steps that cases have taken so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Steps(Arc<Mutex<HashMap<String, Vec<String>>>>);

impl Steps {
    /// The steps that this case has taken.
    pub(super) fn taken(&self, case: &str) -> Vec<String> {
        self.0.lock().unwrap().get(case).cloned().unwrap_or_default()
    }

    /// The step that follows for a case with this script.
    fn next(&self, case: &str, script: &str) -> String {
        let mut cases = self.0.lock().unwrap();
        let taken = cases.entry(case.to_owned()).or_default();
        let step = script.split(',').nth(taken.len()).or(script.split(',').next_back());
        taken.push(step.unwrap_or_default().to_owned());
        taken.last().unwrap().clone()
    }

    async fn serve(self, mut stream: DuplexStream, close: Close) {
        let Ok(request) = read(&mut stream).await else { return };
        let field = |name: &str| {
            let mut lines = request.lines().filter_map(|line| line.split_once(':'));
            lines.find(|(known, _)| known.eq_ignore_ascii_case(name)).map_or("", |(_, value)| value.trim())
        };
        let step = self.next(field(CASE), field("x-script"));
        let body = if request.starts_with("HEAD ") { "" } else { "step " };
        let (status, fields) = match &*step {
            "reset" => return close.set_reset(true),
            "close" => return,
            "half" => {
                let half = if body.is_empty() { "" } else { "abc" };
                let text = format!("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n{half}");
                return drop(stream.write_all(text.as_bytes()).await);
            }
            "slow" => {
                pass(Duration::from_millis(700)).await;
                ("200", "")
            }
            "grpc14" => ("200", "content-type: application/grpc\r\ngrpc-status: 14\r\n"),
            "rl" => ("429", "x-envoy-ratelimited: true\r\n"),
            status => (status, ""),
        };
        let length = "step ".len() + status.len();
        let body = if body.is_empty() { String::new() } else { format!("{body}{status}") };
        let text = format!(
            "HTTP/1.1 {status} Step\r\n{fields}content-length: {length}\r\nconnection: close\r\n\r\n{body}"
        );
        // A caller that has left takes no answer.
        let _ = stream.write_all(text.as_bytes()).await;
    }
}

impl Connect for Steps {
    fn connect(&self, _: &Address, _: Option<&Keepalive>) -> Connecting {
        let (pipe, server) = Pipe::new();
        tokio::spawn(self.clone().serve(server, pipe.close()));
        Box::pin(ready(Ok(Stream::new(pipe))))
    }
}

/// Reads a request to its last byte; returns its head.
async fn read(stream: &mut DuplexStream) -> io::Result<String> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let length = head.lines().find_map(|line| {
        line.to_ascii_lowercase()
            .strip_prefix("content-length:")
            .map(|length| length.trim().parse::<usize>().expect("a length"))
    });
    while bytes.len() < end + length.unwrap_or(0) {
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(head)
}
