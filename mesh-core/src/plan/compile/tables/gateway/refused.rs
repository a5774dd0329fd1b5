//! The hosts of Gateways that are refused: they answer 503 and name the document (Y-12).

use crate::api::istio::Server;
use crate::plan::compile::Compiler;
use crate::plan::compile::inputs::labels::has_labels;
use crate::plan::compile::inputs::names::server_host;
use crate::plan::compile::inputs::refusal::{refused, route};
use crate::plan::compile::tables::draft::Draft;

impl Compiler<'_> {
    /// Lets the hosts of refused Gateways answer, where no other Gateway serves them.
    pub(super) fn refused_gateways(&mut self, drafts: &mut Vec<Draft>) {
        for gateway in refused(self.documents, |documents| &documents.gateways) {
            if !has_labels(&self.workload.labels, &gateway.spec.selector) {
                continue;
            }
            for server in &gateway.spec.servers {
                let Some((port, https)) = port_of(server) else { continue };
                // An address that cannot be read is not all of them.
                let bind = match server.bind.as_str() {
                    "" => None,
                    bind => match bind.parse() {
                        Ok(bind) => Some(bind),
                        Err(_) => continue,
                    },
                };
                let origin = gateway.locate(server.at.origin());
                let route = route(&gateway.source.resource, origin.clone());
                let Some(draft) = Draft::at(drafts, port, bind, https, &origin) else { continue };
                if https {
                    // What it finds has been told of the document as a whole.
                    let told = std::mem::take(&mut self.out);
                    self.certificate(gateway, server, &mut drafts[draft].certificates);
                    self.out = told;
                }
                for entry in &server.hosts {
                    let (_, host) = server_host(entry, &gateway.meta.namespace);
                    drafts[draft].hosts.add_missing(&host, &route, origin.clone());
                }
            }
        }
    }
}

fn port_of(server: &Server) -> Option<(u16, bool)> {
    let port = server.port.as_ref()?;
    let https = match port.protocol.to_ascii_uppercase().as_str() {
        "HTTP" | "HTTP2" | "GRPC" | "GRPC-WEB" => false,
        "HTTPS" => true,
        _ => return None,
    };
    // 0 is what stands for a number that cannot be read; as a port it is any that is free.
    let number = u16::try_from(port.number).ok().filter(|number| *number != 0)?;
    Some((number, https))
}
