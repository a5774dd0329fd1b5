//! What to say of a destination that does not exist (IST0101): where it is written, what there is
//! instead, and what was probably meant.

use crate::api::Resource;
use crate::api::istio::{Destination, DestinationRule, VirtualService};
use crate::diagnostic::{Code, Diagnostic};
use crate::nearest::nearest;
use crate::plan::compile::Compiler;
use crate::plan::compile::destinations::missing::Missing;
use crate::plan::compile::inputs::names;
use crate::plan::compile::inputs::refusal::refused;

/// Which ports there are instead.
pub(crate) fn ports_hint(host: &str, known: &[String]) -> String {
    match known {
        [] => format!("{host} declares no port"),
        [only] => format!("{host} has port {only}"),
        several => format!("{host} has ports {}", several.join(", ")),
    }
}

impl Compiler<'_> {
    pub(crate) fn missing(
        &mut self,
        of: &Resource<VirtualService>,
        written: &Destination,
        host: &str,
        port: u16,
        what: &str,
        missing: &Missing,
    ) -> Diagnostic {
        let finding = |field: &str, message: String| {
            let origin = of.locate(written.at.field(field));
            Diagnostic::new(Code::ReferencedResourceNotFound, origin, message)
        };
        match missing {
            Missing::Refused(document) => {
                finding("host", format!("{:?} is called as {document} says, which is refused", written.host))
            }
            Missing::Host => {
                let message = format!("referenced {what} not found: {:?}", written.host);
                finding("host", message).hint(self.host_hint(host))
            }
            Missing::Port(known) => {
                let message = format!("referenced {what}:port not found: \"{}:{port}\"", written.host);
                let known: Vec<String> = known.iter().map(u16::to_string).collect();
                let mut hint = ports_hint(host, &known);
                if written.port.is_none() && !known.is_empty() {
                    hint.push_str(": say which by `port.number`, this rule is for calls of another");
                }
                finding("port", message).hint(hint)
            }
            Missing::Subset(known, rule) => {
                let kind = if what == "host" { "host+subset" } else { "mirror+subset" };
                let message = format!(
                    "referenced {kind} in destinationrule not found: \"{}+{}\"",
                    written.host, written.subset
                );
                if let Some(document) = self.refused_subset(host, &written.subset) {
                    let message = format!("{:?}: {document} defines it, and is refused", written.subset);
                    return finding("subset", message);
                }
                let finding = finding("subset", message);
                let Some(rule) = rule else {
                    return finding.hint(format!("no DestinationRule for {host} is visible here"));
                };
                let place = if rule.line > 0 {
                    format!("{}:{}", rule.file, rule.line)
                } else {
                    rule.file.to_string()
                };
                let mut hint = if known.is_empty() {
                    format!("{} ({place}) defines no subsets", rule.resource)
                } else {
                    format!("defined in {} ({place}): {}", rule.resource, known.join(", "))
                };
                if let Some(near) = nearest(&written.subset, known.iter().map(String::as_str)) {
                    hint.push_str(&format!("; did you mean {near}?"));
                }
                finding.hint(hint)
            }
        }
    }

    /// The document that defines a subset, and is refused.
    fn refused_subset(&self, host: &str, subset: &str) -> Option<&str> {
        let rules = refused(self.documents, |documents| &documents.destination_rules);
        let suffix = &self.mesh.settings.domain_suffix;
        let defines = |rule: &&Resource<DestinationRule>| {
            names::resolve(&rule.spec.host, &rule.meta.namespace, suffix) == host
                && rule.spec.subsets.iter().any(|known| known.name == subset)
        };
        rules.iter().find(defines).map(Resource::label)
    }

    /// What may help to find a host. Comparing with every host costs, so only the first few ask.
    pub(crate) fn host_hint(&mut self, host: &str) -> String {
        if let Some(index) = self.registry.find(host) {
            let origin = &self.registry.get(index).origin;
            return format!(
                "{} exists, but is not exported to namespace {}",
                origin.resource, self.workload.namespace
            );
        }
        let hosts = self.registry.services().iter().map(|service| &*service.identity.host);
        match self.hints.nearest(host, hosts) {
            Some(near) => format!("did you mean {near}?"),
            None => format!("a Service or a ServiceEntry describes a host; none here describes {host}"),
        }
    }
}
