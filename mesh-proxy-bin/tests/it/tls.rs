//! HTTPS at a gateway (GW-5, GW-7, GW-11).

use std::net::SocketAddr;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{CipherSuite, ClientConfig, RootCertStore, SupportedProtocolVersion};

use mesh_proxy::{Proxy, Shutdown};

use crate::support::{DEADLINE, World, bind, echo_heads, gateway_to, settings};

type Certificate = CertifiedKey<KeyPair>;

fn certificate() -> Certificate {
    generate_simple_self_signed(["a.test".to_owned()]).unwrap()
}

fn secret(certificate: &Certificate) -> String {
    format!(
        "apiVersion: v1
kind: Secret
metadata: {{name: a}}
type: kubernetes.io/tls
data:
  tls.crt: {}
  tls.key: {}
",
        STANDARD.encode(certificate.cert.pem()),
        STANDARD.encode(certificate.signing_key.serialize_pem()),
    )
}

/// A gateway that serves `a.test` at port 443 with the certificate of Secret `a`.
async fn https(first: &Certificate) -> World {
    let yaml = gateway_to(echo_heads().await).replace(
        "  - port: {number: 80, name: http, protocol: HTTP}\n    hosts: ['*']",
        "  - port: {number: 443, name: https, protocol: HTTPS}
    hosts: [a.test]
    tls: {mode: SIMPLE, credentialName: a}",
    );
    let (folder, settings) = settings(&yaml);
    std::fs::write(folder.path().join("secret.yaml"), secret(first)).unwrap();
    World::start(folder, settings.bind(bind("443=127.0.0.1:0"))).await
}

async fn connect(
    address: SocketAddr,
    name: &'static str,
    trusted: &Certificate,
    alpn: &[u8],
) -> std::io::Result<TlsStream<TcpStream>> {
    connect_with(address, name, trusted, alpn, &[&TLS13, &TLS12]).await
}

async fn connect_with(
    address: SocketAddr,
    name: &'static str,
    trusted: &Certificate,
    alpn: &[u8],
    versions: &[&'static SupportedProtocolVersion],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.cert.der().clone()).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![alpn.to_vec()];
    let stream = TcpStream::connect(address).await?;
    let handshake = TlsConnector::from(Arc::new(config)).connect(name.try_into().unwrap(), stream);
    timeout(DEADLINE, handshake).await.expect("a handshake ends")
}

/// Sends a request and reads the head of the answer and its body of known length.
async fn ask(stream: &mut TlsStream<TcpStream>) -> String {
    stream.write_all(b"GET / HTTP/1.1\r\nhost: a.test\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    while !answer.ends_with("\r\n\r\n") || answer.matches("\r\n\r\n").count() < 2 {
        let byte = timeout(DEADLINE, stream.read_u8()).await.expect("an answer comes").unwrap();
        answer.push(char::from(byte));
    }
    answer
}

#[tokio::test]
async fn gw_5_simple_ends_tls_and_offers_both_protocols() {
    let certificate = certificate();
    let world = https(&certificate).await;
    let gateway = world.address("gateway|443");
    let mut stream = connect(gateway, "a.test", &certificate, b"http/1.1").await.unwrap();
    let answer = ask(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(answer.contains("x-forwarded-proto: https"), "{answer}");
    let stream = connect(gateway, "a.test", &certificate, b"h2").await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    assert!(connect(gateway, "b.test", &certificate, b"h2").await.is_err(), "no server is for b.test");
}

#[tokio::test]
async fn a_new_certificate_serves_new_connections_and_old_ones_go_on() {
    let (first, second) = (certificate(), certificate());
    let world = https(&first).await;
    let gateway = world.address("gateway|443");
    let mut old = connect(gateway, "a.test", &first, b"http/1.1").await.unwrap();
    ask(&mut old).await;
    std::fs::write(world.folder.path().join("secret.yaml"), secret(&second)).unwrap();
    let _ = world.mesh.reload();
    let renewed = async { while connect(gateway, "a.test", &second, b"h2").await.is_err() {} };
    timeout(DEADLINE, renewed).await.expect("the new certificate comes into use");
    assert!(ask(&mut old).await.starts_with("HTTP/1.1 200 "));
}

/// GW-8: versions and cipher suites hold for the hosts of the server that names them, whatever others on its
/// port say.
#[tokio::test]
async fn gw_8_each_server_of_a_port_has_its_own_terms() {
    let names = ["strict.test", "old.test", "chosen.test", "plain.test"].map(str::to_owned);
    let certificate: Certificate = generate_simple_self_signed(names).unwrap();
    let server = |name: &str, more: &str| {
        format!(
            "  - port: {{number: 443, name: {name}, protocol: HTTPS}}\n    hosts: [{name}.test]\n    \
             tls: {{mode: SIMPLE, credentialName: a, {more}}}\n"
        )
    };
    let servers = [
        server("strict", "minProtocolVersion: TLSV1_3"),
        server("old", "maxProtocolVersion: TLSV1_2"),
        server("chosen", "cipherSuites: [ECDHE-ECDSA-CHACHA20-POLY1305, AES128-SHA]"),
        server("plain", ""),
    ];
    let yaml = gateway_to(echo_heads().await)
        .replace("  - port: {number: 80, name: http, protocol: HTTP}\n    hosts: ['*']\n", &servers.concat());
    let (folder, settings) = settings(&yaml);
    std::fs::write(folder.path().join("secret.yaml"), secret(&certificate)).unwrap();
    let world = World::start(folder, settings.bind(bind("443=127.0.0.1:0"))).await;
    let gateway = world.address("gateway|443");
    let agreed = async |name, versions: &[&'static SupportedProtocolVersion]| {
        let stream = connect_with(gateway, name, &certificate, b"h2", versions).await.ok()?;
        let session = stream.get_ref().1;
        Some((session.protocol_version()?, session.negotiated_cipher_suite()?.suite()))
    };
    let version = async |name, versions: &[&'static SupportedProtocolVersion]| {
        agreed(name, versions).await.map(|(version, _)| version)
    };
    let (both, only_1_2): (&[_], &[_]) = (&[&TLS13, &TLS12], &[&TLS12]);
    assert_eq!(version("strict.test", both).await, Some(TLS13.version));
    assert_eq!(version("strict.test", only_1_2).await, None);
    assert_eq!(version("old.test", both).await, Some(TLS12.version));
    assert_eq!(version("old.test", &[&TLS13]).await, None);
    assert_eq!(version("plain.test", both).await, Some(TLS13.version));
    let chosen = agreed("chosen.test", only_1_2).await.unwrap();
    assert_eq!(chosen.1, CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256);
    let usual = agreed("plain.test", only_1_2).await.unwrap();
    assert_ne!(usual.1, chosen.1, "the choice was the server's");
    assert_eq!(version("chosen.test", both).await, Some(TLS13.version), "suites are those of TLS 1.2");
    assert_eq!(version("other.test", both).await, None);
    world.stop().await.unwrap();
}

/// GW-8: terms that leave nothing to agree on are reported at the start of the proxy.
#[tokio::test]
async fn gw_8_terms_without_a_way_to_agree_are_refused() {
    let yaml = gateway_to(echo_heads().await).replace(
        "  - port: {number: 80, name: http, protocol: HTTP}\n    hosts: ['*']",
        "  - port: {number: 443, name: https, protocol: HTTPS}\n    hosts: [a.test]\n    tls: {mode: SIMPLE, \
         credentialName: a, maxProtocolVersion: TLSV1_2, cipherSuites: [AES128-SHA]}",
    );
    let (folder, settings) = settings(&yaml);
    std::fs::write(folder.path().join("secret.yaml"), secret(&certificate())).unwrap();
    let error = Proxy::start(settings.bind(bind("443=127.0.0.1:0")), &Shutdown::default()).await.unwrap_err();
    let text = error.to_string();
    assert!(text.contains("cipherSuites") && text.contains("mesh.yaml:"), "{text}");
}
