//! What stands around the admin pages.

use std::io::Read;

use flate2::read::GzDecoder;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::{DEADLINE, World, echo_heads, exchange, gateway_to};

#[tokio::test]
async fn op_3_pages_are_compressed_on_request_and_long_bodies_refused() {
    let world = World::gateway(&gateway_to(echo_heads().await)).await;
    let plain = world.admin("/config_dump").await;
    let (head, page) = plain.split_once("\r\n\r\n").unwrap();
    assert!(!head.contains("content-encoding"), "{head}");

    let mut stream = TcpStream::connect(world.address("admin")).await.unwrap();
    // HTTP/1.0: the body comes in one piece and ends with the connection.
    stream.write_all(b"GET /config_dump HTTP/1.0\r\naccept-encoding: gzip\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    timeout(DEADLINE, stream.read_to_end(&mut answer)).await.expect("it closes").unwrap();
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap();
    let head = std::str::from_utf8(&answer[..end]).unwrap();
    assert!(head.contains("content-encoding: gzip\r\n"), "{head}");
    let mut unpacked = String::new();
    GzDecoder::new(&answer[end + 4..]).read_to_string(&mut unpacked).unwrap();
    assert_eq!(unpacked, page);

    let long = "POST /logging HTTP/1.1\r\nhost: x\r\ncontent-length: 20000\r\nconnection: close\r\n\r\n";
    let refused = exchange(world.address("admin"), long).await;
    assert!(refused.starts_with("HTTP/1.1 413"), "{refused}");
    world.stop().await.unwrap();
}
