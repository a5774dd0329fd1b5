//! Stopping without losing a request (OP-4).

use std::num::NonZeroUsize;
use std::time::Duration;

use mesh_proxy::Settings;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::support::{DEADLINE, World, bind, echo_heads, gateway_to, get, read_head, settings};

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: a.test\r\n\r\n";

#[tokio::test]
async fn op_4_while_draining_it_is_not_ready_accepts_and_says_close() {
    let (folder, settings) = settings(&gateway_to(echo_heads().await));
    let settings = settings.bind(bind("80=127.0.0.1:0")).termination_drain(Duration::from_secs(3600));
    let world = World::start(folder, settings).await;
    let gateway = world.address("gateway|80");
    let mut early = TcpStream::connect(gateway).await.unwrap();
    early.write_all(REQUEST).await.unwrap();
    let head = read_head(&mut early).await;
    assert!(!head.contains("connection: close"), "{head}");
    world.shutdown.drain();
    world.until("/ready", "503 Service Unavailable").await;
    // One that was open before, and one that comes now.
    let mut late = TcpStream::connect(gateway).await.unwrap();
    for stream in [&mut early, &mut late] {
        stream.write_all(REQUEST).await.unwrap();
        let mut answer = String::new();
        timeout(DEADLINE, stream.read_to_string(&mut answer)).await.expect("it closes").unwrap();
        assert!(answer.contains("HTTP/1.1 200 OK") && answer.contains("connection: close"), "{answer}");
    }
    world.shutdown.now();
    timeout(DEADLINE, world.serving).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn op_4_open_work_ends_before_the_proxy_does() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let world = World::gateway(&gateway_to(listener.local_addr().unwrap())).await;
    let gateway = world.address("gateway|80");
    let mut idle = TcpStream::connect(gateway).await.unwrap();
    idle.write_all(b"").await.unwrap();
    let asking = tokio::spawn(get(gateway, "/slow"));
    let (mut backend, _) = listener.accept().await.unwrap();
    read_head(&mut backend).await;
    world.shutdown.drain();
    // Nothing is accepted any more once the socket is closed; the open request still gets its answer.
    let refused = async { while TcpStream::connect(gateway).await.is_ok() {} };
    timeout(DEADLINE, refused).await.expect("it stops to listen");
    assert!(!world.serving.is_finished());
    backend.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ndone").await.unwrap();
    let answer = timeout(DEADLINE, asking).await.unwrap().unwrap();
    assert!(answer.ends_with("done"), "{answer}");
    let mut nothing = Vec::new();
    timeout(DEADLINE, idle.read_to_end(&mut nothing)).await.expect("an idle connection is closed").unwrap();
    timeout(DEADLINE, world.serving).await.unwrap().unwrap().unwrap();
}

/// MC-3: the ProxyConfig says how long a stopping proxy accepts, and how long open work may take.
#[tokio::test]
async fn mc_3_the_drain_times_are_the_configured_ones() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let config = "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: istio, namespace: istio-system}\ndata:\n  \
                  mesh: |\n    defaultConfig: {terminationDrainDuration: 1ms, drainDuration: 1ms}\n";
    let yaml = format!("{}{config}", gateway_to(listener.local_addr().unwrap()));
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("mesh.yaml"), yaml).unwrap();
    let settings = Settings::new(folder.path()).admin(None).workers(NonZeroUsize::MIN);
    let world = World::start(folder, settings.bind(bind("80=127.0.0.1:0"))).await;
    let gateway = world.address("gateway|80");
    let mut asking = TcpStream::connect(gateway).await.unwrap();
    asking.write_all(REQUEST).await.unwrap();
    let (mut backend, _) = listener.accept().await.unwrap();
    read_head(&mut backend).await;
    // No server answers: with Istio's 45 seconds the call would outlast the deadline.
    world.stop().await.unwrap();
}
