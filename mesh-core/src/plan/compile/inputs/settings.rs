//! The mesh config, as far as it concerns the plan (MC-2). Its `defaultConfig` is [`super::proxy_config`]'s.

use std::collections::HashSet;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use crate::analysis::blocks;
use crate::api::istio::{
    AccessLogEncoding, DefaultTrafficPolicy, EnvoyFileAccessLogProvider, HttpRetry,
    LocalityLoadBalancerSetting, MeshConfig, MeshH2UpgradePolicy, MeshOutboundMode, NormalizationType,
    TcpKeepalive,
};
use crate::api::{Documents, Resource};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Level};
use crate::plan::{AccessLogTarget, OutboundMode, Settings};
use crate::read::kinds::mesh_field;
use crate::retry::RetryPolicy;
use crate::route::normalize::PathNormalization;
use crate::telemetry::access_log::{Format, FormatError};

/// The mesh config: what goes into the plan, and what other compile steps fall back to.
#[derive(Debug)]
pub(crate) struct Mesh<'a> {
    pub(crate) settings: Settings,
    pub(crate) listen_port: u16,
    pub(crate) connect_timeout: Option<Duration>,
    pub(crate) tcp_keepalive: Option<&'a TcpKeepalive>,
    pub(crate) h2_upgrade: bool,
    pub(crate) traffic_policy: Option<&'a DefaultTrafficPolicy>,
    pub(crate) locality: Option<&'a LocalityLoadBalancerSetting>,
    pub(crate) service_export: &'a [String],
    pub(crate) virtual_service_export: &'a [String],
    pub(crate) destination_rule_export: &'a [String],
    /// Where no rule says otherwise (RT-6).
    pub(crate) retry: Arc<RetryPolicy>,
    /// Whether it says something of hosts already tried (RT-7).
    pub(crate) retry_hosts_written: bool,
    /// From a proxy to its own application (RT-15).
    pub(crate) inbound_retry: Arc<RetryPolicy>,
}

const LISTEN_PORT: u16 = 15001;

/// An `exportTo` of the own namespace alone (N-4).
static OWN_NAMESPACE: LazyLock<[String; 1]> = LazyLock::new(|| [".".to_owned()]);

impl<'a> Mesh<'a> {
    pub(crate) fn compile(documents: &'a Documents, istio_runtime: bool, out: &mut Diagnostics) -> Self {
        let mut settings = Settings { istio_runtime, ..Settings::default() };
        let mut mesh = Self {
            listen_port: LISTEN_PORT,
            connect_timeout: None,
            tcp_keepalive: None,
            h2_upgrade: false,
            traffic_policy: None,
            locality: None,
            service_export: &[],
            virtual_service_export: &[],
            destination_rule_export: &[],
            retry: Arc::new(RetryPolicy { written: istio_runtime, ..RetryPolicy::default_policy() }),
            retry_hosts_written: false,
            inbound_retry: Arc::new(RetryPolicy::inbound()),
            settings: settings.clone(),
        };
        let own = OWN_NAMESPACE.as_slice();
        let unreadable = documents.refused.as_ref().is_some_and(|refused| refused.mesh_config.is_some());
        if unreadable && documents.mesh_config.is_none() {
            // It may have said so.
            mesh.settings.outbound_mode = OutboundMode::RegistryOnly;
            (mesh.service_export, mesh.virtual_service_export, mesh.destination_rule_export) =
                (own, own, own);
        }
        let Some(written) = &documents.mesh_config else { return mesh };
        let config = &written.spec;
        // Those that were probably meant too: what a refused field narrows is as narrow as it can be.
        let closed: HashSet<String> =
            written.source.refused.iter().filter_map(|path| mesh_field(path)).collect();
        let mut refused = Diagnostics::new();
        let mut refuse = |finding: Diagnostic| {
            out.push(Diagnostic { origin: written.locate(finding.origin), ..finding });
        };
        set(&mut settings.root_namespace, &config.root_namespace);
        set(&mut settings.trust_domain, &config.trust_domain);
        if let Some(policy) = &config.outbound_traffic_policy {
            settings.outbound_mode = match policy.mode {
                Some(MeshOutboundMode::RegistryOnly) => OutboundMode::RegistryOnly,
                Some(MeshOutboundMode::AllowAny | MeshOutboundMode::AllowAnyDynamicDns) | None => {
                    OutboundMode::AllowAny
                }
            };
        }
        if closed.contains("outboundTrafficPolicy") {
            settings.outbound_mode = OutboundMode::RegistryOnly;
        }
        if let Some(paths) = &config.path_normalization {
            settings.path_normalization = match paths.normalization {
                NormalizationType::None => PathNormalization::None,
                NormalizationType::Default | NormalizationType::Base => PathNormalization::Base,
                NormalizationType::MergeSlashes => PathNormalization::MergeSlashes,
                NormalizationType::DecodeAndMergeSlashes => PathNormalization::DecodeAndMergeSlashes,
            };
        }
        settings.dns_refresh_rate = config.dns_refresh_rate.unwrap_or(settings.dns_refresh_rate);
        settings.access_log = access_log(written, &mut refused);
        let mut retry = |written: &Option<HttpRetry>, base: RetryPolicy| match written {
            None => Arc::new(base),
            Some(written) => Arc::new(blocks::retry(written, &base).unwrap_or_else(|findings| {
                findings.into_iter().for_each(&mut refuse);
                base
            })),
        };
        let base = RetryPolicy { written: istio_runtime, ..RetryPolicy::default_policy() };
        mesh.retry = retry(&config.default_http_retry_policy, base);
        mesh.retry_hosts_written = config
            .default_http_retry_policy
            .as_ref()
            .is_some_and(|retry| retry.retry_ignore_previous_hosts.is_some());
        mesh.inbound_retry = retry(&config.default_inbound_http_retry_policy, RetryPolicy::inbound());
        mesh.listen_port =
            config.proxy_listen_port.and_then(|port| u16::try_from(port).ok()).unwrap_or(LISTEN_PORT);
        mesh.connect_timeout = config.connect_timeout;
        mesh.tcp_keepalive = config.tcp_keepalive.as_ref();
        mesh.h2_upgrade = config.h2_upgrade_policy == MeshH2UpgradePolicy::Upgrade;
        mesh.traffic_policy = config.default_traffic_policy.as_ref();
        mesh.locality = config.locality_lb_setting.as_ref();
        let export =
            |field, list: &'a Vec<String>| if closed.contains(field) { own } else { list.as_slice() };
        mesh.service_export = export("defaultServiceExportTo", &config.default_service_export_to);
        mesh.virtual_service_export =
            export("defaultVirtualServiceExportTo", &config.default_virtual_service_export_to);
        mesh.destination_rule_export =
            export("defaultDestinationRuleExportTo", &config.default_destination_rule_export_to);
        mesh.settings = settings;
        out.append(refused);
        mesh
    }
}

impl Mesh<'_> {
    /// Moves the access log, or switches it off; how its lines look is what is written.
    pub(crate) fn log_to(&mut self, path: &str, documents: &Documents) {
        if path == "off" {
            self.settings.access_log = None;
            return;
        }
        let written = self.settings.access_log.take().map(|(format, _)| format);
        // Also of one that is not written anywhere so far. A format that is wrong has been told of.
        let own = || Some(own_log(&documents.mesh_config.as_ref()?.spec).ok()?.0);
        let format = written.or_else(own).unwrap_or_else(|| Arc::new(Format::default_text()));
        self.settings.access_log = Some((format, target(path)));
    }
}

fn set(value: &mut String, written: &str) {
    if !written.is_empty() {
        written.clone_into(value);
    }
}

/// An access log: how its lines look, and where they go.
type AccessLog = (Arc<Format>, AccessLogTarget);

/// The access log that is written: the mesh's own file, else that of the first default provider that has
/// one (TM-5, AL-5). Tells of those that write none.
fn access_log(written: &Resource<MeshConfig>, out: &mut Diagnostics) -> Option<AccessLog> {
    let config = &written.spec;
    let mut taken = None;
    if !config.access_log_file.is_empty() {
        let log = own_log(config).map_err(|error| {
            let origin = written.locate(config.at.field("accessLogFormat"));
            out.push(Diagnostic::new(Code::SchemaValidationError, origin, error.to_string()));
        });
        taken = Some(("accessLogFile", log.ok()));
    }
    let providers = config.default_providers.as_ref();
    let names = providers.map(|providers| providers.access_logging.as_slice()).unwrap_or_default();
    for (index, name) in names.iter().enumerate() {
        let origin = written.locate(providers?.at.item("accessLogging", index));
        match (provider(config, name), &taken) {
            (Some(_), Some((first, _))) => {
                let message = format!("{name:?} writes nothing: one access log is written, that of {first}");
                out.push(Diagnostic::new(Code::NotImplemented, origin, message).level(Level::Warning));
            }
            (Some(log), None) => {
                let log = log.map_err(|error| {
                    out.push(Diagnostic::new(Code::SchemaValidationError, origin, error.to_string()));
                });
                taken = Some((name, log.ok()));
            }
            (None, _) => {
                let message = format!("no provider {name:?} writes an access log");
                let finding = Diagnostic::new(Code::ReferencedResourceNotFound, origin, message);
                out.push(
                    finding.hint("an entry of `extensionProviders` with `envoyFileAccessLog`, or `envoy`"),
                );
            }
        }
    }
    taken?.1
}

/// The mesh's own file.
fn own_log(config: &MeshConfig) -> Result<AccessLog, FormatError> {
    let format = match (config.access_log_encoding, config.access_log_format.as_str()) {
        (AccessLogEncoding::Text, "") => Format::default_text(),
        (AccessLogEncoding::Text, text) => Format::text(text)?,
        (AccessLogEncoding::Json, "") => Format::default_json(),
        (AccessLogEncoding::Json, text) => match serde_json::from_str(text) {
            Ok(serde_json::Value::Object(labels)) => Format::json(&labels)?,
            _ => Format::text(text)?,
        },
    };
    Ok((Arc::new(format), target(&config.access_log_file)))
}

/// The log of a provider: a declared one's, else that of the one that needs no declaration. `None` if it
/// writes none.
fn provider(config: &MeshConfig, name: &str) -> Option<Result<AccessLog, FormatError>> {
    match config.extension_providers.iter().find(|provider| provider.name == name) {
        Some(declared) => declared.envoy_file_access_log.as_ref().map(provided),
        None => (name == "envoy").then(|| Ok((Arc::new(Format::default_text()), AccessLogTarget::Stdout))),
    }
}

fn provided(log: &EnvoyFileAccessLogProvider) -> Result<AccessLog, FormatError> {
    let written = log.log_format.as_ref();
    let labels = written.and_then(|format| format.labels.as_ref()).and_then(|json| json.0.as_object());
    let text = written.and_then(|format| format.text.as_deref());
    let format = match (labels, text) {
        (Some(labels), _) => Format::json(labels)?,
        (None, Some(text)) => Format::text(text)?,
        (None, None) => Format::default_text(),
    };
    let format = if log.omit_empty_values { format.omit_empty() } else { format };
    Ok((Arc::new(format), target(&log.path)))
}

fn target(path: &str) -> AccessLogTarget {
    match path {
        "/dev/stdout" | "" => AccessLogTarget::Stdout,
        "/dev/stderr" => AccessLogTarget::Stderr,
        file => AccessLogTarget::File(file.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mc_2_what_the_mesh_config_says_holds_and_the_rest_has_its_default() {
        let settings = |text: &str| {
            let (documents, findings) = Documents::parse([("mesh.yaml", text)]);
            assert!(!findings.has_errors(), "{findings}");
            let mut found = Diagnostics::new();
            let mesh = Mesh::compile(&documents, false, &mut found);
            assert!(found.is_empty(), "{found}");
            (mesh.settings.clone(), mesh.listen_port, mesh.connect_timeout, mesh.h2_upgrade)
        };
        let (plain, port, connect, upgrade) = settings("");
        assert_eq!((port, connect, upgrade), (15_001, None, false));
        assert_eq!(
            (plain.outbound_mode, plain.dns_refresh_rate),
            (OutboundMode::AllowAny, Duration::from_secs(60))
        );
        assert_eq!(plain.path_normalization, PathNormalization::Base);
        assert!(plain.access_log.is_none());
        let (told, port, connect, upgrade) = settings(
            "rootNamespace: base
trustDomain: example.org
outboundTrafficPolicy: {mode: REGISTRY_ONLY}
proxyListenPort: 16001
connectTimeout: 3s
dnsRefreshRate: 5s
h2UpgradePolicy: UPGRADE
pathNormalization: {normalization: MERGE_SLASHES}
accessLogFile: /dev/stdout
",
        );
        assert_eq!((port, connect, upgrade), (16_001, Some(Duration::from_secs(3)), true));
        assert_eq!((&*told.root_namespace, &*told.trust_domain), ("base", "example.org"));
        assert_eq!(
            (told.outbound_mode, told.dns_refresh_rate),
            (OutboundMode::RegistryOnly, Duration::from_secs(5))
        );
        assert_eq!(told.path_normalization, PathNormalization::MergeSlashes);
        assert!(matches!(told.access_log, Some((_, AccessLogTarget::Stdout))));
    }

    #[test]
    fn al_5_the_program_may_move_the_log_and_its_format_stays() {
        let log = |text: &str, path: &str| {
            let (documents, findings) = Documents::parse([("mesh.yaml", text)]);
            assert!(!findings.has_errors(), "{findings}");
            let mut mesh = Mesh::compile(&documents, false, &mut Diagnostics::new());
            mesh.log_to(path, &documents);
            mesh.settings.access_log.map(|(format, target)| (format!("{format:?}"), target))
        };
        let file = AccessLogTarget::File("a.log".into());
        let text = format!("{:?}", Format::default_text());
        let json = format!("{:?}", Format::default_json());
        assert_ne!(text, json);
        assert_eq!(log("trustDomain: example.org", "a.log"), Some((text, file.clone())));
        assert_eq!(log("accessLogEncoding: JSON", "a.log"), Some((json.clone(), file)));
        let stdout = "accessLogEncoding: JSON\naccessLogFile: /dev/stderr";
        assert_eq!(log(stdout, "/dev/stdout"), Some((json, AccessLogTarget::Stdout)));
        assert_eq!(log(stdout, "off"), None);
    }
}
