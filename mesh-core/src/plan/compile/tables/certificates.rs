//! The certificates of a gateway (GW-6 to GW-9).

use crate::api::Resource;
use crate::api::istio::{Gateway, Server, ServerTlsMode, ServerTlsSettings, TlsProtocol};
use crate::diagnostic::{Code, Diagnostic, Level};
use crate::error::Identity;
use crate::plan::compile::Compiler;
use crate::plan::compile::inputs::material::pair;
use crate::plan::compile::inputs::names::server_host;
use crate::plan::{CipherSuite, ListenerProtocol, Material, ServerTls, TlsTerms, TlsVersion};

impl<'a> Compiler<'a> {
    /// The certificate of a server (GW-6, GW-7); a host that has one already keeps it (GW-9).
    pub(crate) fn certificate(
        &mut self,
        gateway: &'a Resource<Gateway>,
        server: &Server,
        known: &mut Vec<ServerTls>,
    ) {
        let Some(tls) = &server.tls else { return };
        if tls.mode != ServerTlsMode::Simple {
            let message = format!("TLS mode {} is not implemented", tls.mode.as_str());
            let origin = gateway.locate(tls.at.field("mode"));
            self.out.push(Diagnostic::new(Code::NotImplemented, origin, message));
            return;
        }
        let mut hosts = Vec::new();
        for entry in &server.hosts {
            let (_, host) = server_host(entry, &gateway.meta.namespace);
            if known.iter().any(|known| known.hosts.contains(&host)) {
                let message =
                    format!("host {host} has a certificate on this port already: this one is skipped");
                let origin = gateway.locate(server.at.field("hosts"));
                self.out
                    .push(Diagnostic::new(Code::ConflictingGateways, origin, message).level(Level::Warning));
            } else {
                hosts.push(host);
            }
        }
        if hosts.is_empty() {
            return;
        }
        let terms = self.terms(gateway, tls);
        let material = self.material(gateway, tls, &hosts);
        known.push(ServerTls { hosts, material, terms, origin: gateway.locate(tls.at.origin()) });
    }

    /// Versions and cipher suites of a server (GW-8).
    fn terms(&mut self, gateway: &Resource<Gateway>, tls: &ServerTlsSettings) -> TlsTerms {
        let version = |written, unset| match written {
            TlsProtocol::Auto => unset,
            TlsProtocol::V1_3 => TlsVersion::V1_3,
            TlsProtocol::V1_0 | TlsProtocol::V1_1 | TlsProtocol::V1_2 => TlsVersion::V1_2,
        };
        let mut cipher_suites = Vec::new();
        for (index, name) in tls.cipher_suites.iter().enumerate() {
            let found = CipherSuite::ALL.iter().find(|suite| suite.as_str() == name);
            let skipped = match found {
                Some(suite) if cipher_suites.contains(suite) => "is written twice",
                Some(suite) => {
                    cipher_suites.push(*suite);
                    continue;
                }
                None => "is no cipher suite of TLS 1.2 that we have",
            };
            let origin = gateway.locate(tls.at.item("cipherSuites", index));
            let message = format!("`{name}` {skipped}: it is skipped");
            let finding = Diagnostic::new(Code::SchemaWarning, origin, message);
            self.out.push(match found {
                Some(_) => finding,
                None => finding.hint(known_suites()),
            });
        }
        TlsTerms {
            min_version: version(tls.min_protocol_version, TlsVersion::V1_2),
            max_version: version(tls.max_protocol_version, TlsVersion::V1_3),
            cipher_suites: (!tls.cipher_suites.is_empty()).then_some(cipher_suites),
        }
    }

    fn material(
        &mut self,
        gateway: &Resource<Gateway>,
        tls: &ServerTlsSettings,
        hosts: &[String],
    ) -> Material {
        if tls.credential_name.is_empty() {
            return Material::Files {
                certificate: tls.server_certificate.clone(),
                key: tls.private_key.clone(),
            };
        }
        let namespace = &gateway.meta.namespace;
        let secret = self.index.secrets.get(&(namespace.as_str(), tls.credential_name.as_str())).copied();
        if let Some(material) = secret.and_then(pair) {
            return material;
        }
        let origin = gateway.locate(tls.at.field("credentialName"));
        self.out.push(match secret {
            None => Diagnostic::new(
                Code::ReferencedResourceNotFound,
                origin,
                format!("referenced credentialName not found: {:?}", tls.credential_name),
            )
            .hint(format!("a Secret {namespace}/{} with tls.crt and tls.key", tls.credential_name)),
            Some(secret) => Diagnostic::new(
                Code::InvalidGatewayCredential,
                origin,
                format!("{} has no tls.crt and tls.key", secret.label()),
            ),
        });
        self.kept_material(gateway.identity(), hosts).unwrap_or(Material::Missing)
    }

    /// The certificate that these hosts of the Gateway had, if they had one (Y-12).
    pub(crate) fn kept_material(&mut self, gateway: Identity<'_>, hosts: &[String]) -> Option<Material> {
        let last = self.last_good.filter(|_| !self.options.istio_runtime)?;
        let known = last.listeners.iter().filter_map(|listener| match &listener.protocol {
            ListenerProtocol::Https(certificates) => Some(certificates),
            ListenerProtocol::Http => None,
        });
        let same = known.flatten().find(|one| one.origin.identity() == gateway && one.hosts == hosts);
        let material =
            same.map(|one| one.material.clone()).filter(|material| *material != Material::Missing)?;
        self.stale.extend(hosts.iter().cloned());
        Some(material)
    }
}

/// What may be written, for hints.
fn known_suites() -> String {
    let names: Vec<&str> = CipherSuite::ALL.iter().map(|suite| suite.as_str()).collect();
    format!("{}; those of TLS 1.3 cannot be chosen", names.join(", "))
}
