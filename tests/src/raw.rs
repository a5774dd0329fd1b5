//! HTTP/1.1 byte by byte, for bytes that no client or server library would send.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::proxy::DEADLINE;

/// An endpoint that answers with given bytes and records the requests.
#[derive(Debug)]
pub struct RawEndpoint {
    address: SocketAddr,
    requests: mpsc::UnboundedReceiver<String>,
}

impl RawEndpoint {
    /// Answers each request with this function's bytes for its head. The connection goes on only after an answer that
    /// says `keep-alive`.
    ///
    /// # Panics
    /// If the loopback has no free port.
    pub async fn start(answer: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let (seen, requests) = mpsc::unbounded_channel();
        let answer = Arc::new(answer);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (seen, answer) = (seen.clone(), answer.clone());
                tokio::spawn(async move {
                    while let Some(request) = read(&mut stream).await {
                        let answer = answer(&request);
                        // The test may read no more requests, and the peer may close.
                        let _ = seen.send(request);
                        let written = stream.write_all(answer.as_bytes()).await;
                        if written.is_err() || !answer.contains("keep-alive") {
                            break;
                        }
                    }
                });
            }
        });
        Self { address, requests }
    }

    /// The address of its listener.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The next request, head and body.
    ///
    /// # Panics
    /// If no request comes.
    pub async fn next(&mut self) -> String {
        timeout(DEADLINE, self.requests.recv()).await.expect("a request in time").expect("it accepts")
    }

    /// Whether all requests have been read.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.requests.is_empty()
    }
}

/// Reads a whole request, by the framing of its head; `None` at the end of the stream.
async fn read(stream: &mut TcpStream) -> Option<String> {
    let mut text = String::new();
    loop {
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let head = head.to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            let whole = if head.contains("transfer-encoding: ") {
                body.ends_with("0\r\n\r\n")
            } else {
                body.len() >= length.map_or(0, |length| length.parse().expect("a length"))
            };
            if whole {
                return Some(text);
            }
        }
        let mut piece = [0; 4096];
        match stream.read(&mut piece).await {
            Ok(0) | Err(_) => return None,
            Ok(count) => text.push_str(&String::from_utf8_lossy(&piece[..count])),
        }
    }
}

/// Sends these bytes and reads until the peer closes.
///
/// # Panics
/// If the address refuses the connection, or the peer never closes.
pub async fn exchange(address: SocketAddr, bytes: &str) -> String {
    let exchange = async {
        let mut stream = TcpStream::connect(address).await.expect("somebody listens");
        stream.write_all(bytes.as_bytes()).await.expect("the peer reads");
        let mut text = Vec::new();
        // A reset after the answer counts as the end too.
        let _ = stream.read_to_end(&mut text).await;
        String::from_utf8_lossy(&text).into_owned()
    };
    timeout(DEADLINE, exchange).await.expect("the peer closes in time")
}
