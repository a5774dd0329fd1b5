//! Bytes that no client library would send.

use std::net::SocketAddr;

use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::DEADLINE;
use super::client::Answer;

/// Sends these bytes and reads until the proxy closes; `None` if it sends no byte.
pub(crate) async fn send(address: SocketAddr, bytes: &[u8]) -> Option<Answer> {
    let exchange = async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let mut text = Vec::new();
        // A reset after the answer is an end too.
        let _ = stream.read_to_end(&mut text).await;
        text
    };
    let text = timeout(DEADLINE, exchange).await.expect("the proxy closes in time");
    let text = String::from_utf8_lossy(&text);
    if text.is_empty() {
        return None;
    }
    let (head, body) = text.split_once("\r\n\r\n").expect("a whole head");
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).expect("a status line");
    let headers = lines.map(|line| {
        let (name, value) = line.split_once(": ").expect("a header line");
        (name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap())
    });
    Some(Answer {
        status: status.parse().unwrap(),
        headers: headers.collect(),
        body: body.to_owned(),
        trailers: HeaderMap::new(),
    })
}
