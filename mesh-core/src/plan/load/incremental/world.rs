//! A small configuration in files, and random edits of it.

use std::fmt::Write as _;

use crate::api::{Documents, Strictness};
use crate::diagnostic::Diagnostics;
use crate::read::File;

/// Random numbers (`SplitMix64`).
#[derive(Debug)]
struct Random(u64);

impl Random {
    fn next(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) >> 33).expect("31 bits") % below
    }

    fn pick<'t>(&mut self, texts: &[&'t str]) -> &'t str {
        texts[self.next(texts.len())]
    }

    /// Once in `of` times.
    fn once_in(&mut self, of: usize) -> bool {
        self.next(of) == 0
    }
}

/// What a document may be.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Service,
    Slice,
    Pod,
    Entry,
    WorkloadEntry,
    Rule,
    Virtual,
    Delegate,
    Gateway,
    Sidecar,
    MeshConfig,
    HttpRoute,
    Health,
    Other,
}

/// The documents, each with a place in a file.
const DOCUMENTS: &[(Kind, usize)] = &[
    (Kind::Service, 0),
    (Kind::Service, 1),
    (Kind::Service, 2),
    (Kind::Service, 3),
    (Kind::Slice, 0),
    (Kind::Slice, 1),
    (Kind::Pod, 0),
    (Kind::Pod, 1),
    (Kind::Entry, 0),
    (Kind::Entry, 1),
    (Kind::Entry, 2),
    (Kind::Entry, 3),
    (Kind::WorkloadEntry, 0),
    (Kind::Rule, 0),
    (Kind::Rule, 1),
    (Kind::Rule, 2),
    (Kind::Rule, 3),
    (Kind::Virtual, 0),
    (Kind::Virtual, 1),
    (Kind::Virtual, 2),
    (Kind::Virtual, 3),
    (Kind::Virtual, 4),
    (Kind::Delegate, 0),
    (Kind::Gateway, 0),
    (Kind::Gateway, 1),
    (Kind::Sidecar, 0),
    (Kind::MeshConfig, 0),
    (Kind::HttpRoute, 0),
    (Kind::HttpRoute, 1),
    (Kind::Health, 0),
    (Kind::Other, 0),
];

/// Documents in one file.
const PER_FILE: usize = 3;

const HOSTS: &[&str] = &[
    "s0",
    "s1",
    "s1.a.svc.cluster.local",
    "s2.b.svc.cluster.local",
    "s3.b.svc.cluster.local",
    "e0.test",
    "e1.test",
    "'*.test'",
    "e2.example",
    "nowhere.test",
];

#[derive(Debug)]
pub(super) struct World {
    random: Random,
    /// By file and place in it.
    texts: Vec<Option<String>>,
    /// What stands before the documents of each file.
    heads: Vec<String>,
    /// The files as they were read last: one that stayed has the same resources.
    read: Vec<File>,
    edited: String,
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        let mut random = Random(seed.wrapping_mul(7919) + 1);
        let mut texts: Vec<_> =
            DOCUMENTS.iter().map(|(kind, index)| Some(text(&mut random, *kind, *index))).collect();
        for (place, (kind, _)) in DOCUMENTS.iter().enumerate() {
            // What is about everything is not there at first more often than not.
            let rare = matches!(
                kind,
                Kind::Sidecar | Kind::MeshConfig | Kind::HttpRoute | Kind::Health | Kind::Delegate
            );
            if random.once_in(if rare { 2 } else { 5 }) {
                texts[place] = None;
            }
        }
        let heads = vec![String::new(); DOCUMENTS.len().div_ceil(PER_FILE)];
        Self { random, texts, heads, read: Vec::new(), edited: String::new() }
    }

    /// What was edited last.
    pub(super) fn edited(&self) -> &str {
        &self.edited
    }

    /// Changes something.
    pub(super) fn edit(&mut self) {
        self.edited.clear();
        for _ in 0..=self.random.next(2) {
            let place = self.random.next(DOCUMENTS.len());
            let (kind, index) = DOCUMENTS[place];
            match self.random.next(24) {
                0 | 3 => self.texts[place] = None,
                1 | 4 => {
                    let file = place / PER_FILE;
                    let moved = if self.heads[file].is_empty() { "# moved\n" } else { "" };
                    moved.clone_into(&mut self.heads[file]);
                }
                2 => {
                    // A mistake.
                    let mistakes = [
                        "nope: 1\n",
                        "spec: [\n",
                        "spec: {nope: 1}\n",
                        "apiVersion: v1\nkind: Nope\nmetadata: {name: x}\n",
                    ];
                    let mistake = self.random.pick(&mistakes);
                    let text = self.texts[place].get_or_insert_with(String::new);
                    if text.contains("spec:") && mistake.starts_with("spec") {
                        *text = text.replace("spec: {", "spec: {nope: 1, ");
                    } else {
                        text.push_str(mistake);
                    }
                }
                5 | 6 if matches!(kind, Kind::Virtual) => {
                    // A name is mistyped, or mended again.
                    if let Some(text) = &mut self.texts[place] {
                        *text = if text.contains("host: mistyped-") {
                            text.replace("host: mistyped-", "host: ")
                        } else {
                            text.replacen("destination: {host: ", "destination: {host: mistyped-", 1)
                        };
                    }
                }
                7 | 8 if matches!(kind, Kind::Rule) => {
                    // What callers are hashed by comes or goes, and the rest stays.
                    const HASH: &str =
                        "  trafficPolicy: {loadBalancer: {consistentHash: {httpHeaderName: x-user}}}\n";
                    if let Some(text) = &mut self.texts[place] {
                        *text = if text.contains(HASH) {
                            text.replace(HASH, "")
                        } else if text.contains("\n  trafficPolicy:") {
                            text.clone()
                        } else {
                            format!("{}\n{HASH}", text.trim_end())
                        };
                    }
                }
                _ => self.texts[place] = Some(text(&mut self.random, kind, index)),
            }
            let _: std::fmt::Result = write!(self.edited, "{kind:?} {index}: {:?}; ", self.texts[place]);
        }
    }

    /// Reads what is not read yet, and joins all files.
    pub(super) fn documents(&mut self) -> (Documents, Diagnostics) {
        for (number, texts) in self.texts.chunks(PER_FILE).enumerate() {
            let texts: Vec<&str> = texts.iter().flatten().map(String::as_str).collect();
            let text = format!("{}{}", self.heads[number], texts.join("---\n"));
            let read = || File::read(&format!("file-{number}.yaml"), &text, Strictness::Strict);
            match self.read.get_mut(number) {
                Some(known) if known.text() == text => {}
                Some(known) => *known = read(),
                None => self.read.push(read()),
            }
        }
        Documents::of_files(&self.read)
    }
}

/// A document of a kind.
fn text(random: &mut Random, kind: Kind, index: usize) -> String {
    let namespace = if index < 2 { "a" } else { "b" };
    let export = random.pick(&["", "", "", "  exportTo: ['.']\n", "  exportTo: [a]\n"]);
    match kind {
        Kind::Service => {
            let annotations = random.pick(&["", "", ", annotations: {networking.istio.io/exportTo: '.'}"]);
            let ports = random.pick(&[
                "[{name: http, port: 80}]",
                "[{name: http, port: 80}, {name: grpc, port: 81}]",
                "[{name: http, port: 81}]",
                "[{name: web, port: 80}]",
                "[{name: tcp, port: 80}]",
            ]);
            let more = random.pick(&[
                "",
                "",
                ", selector: {app: s0}",
                ", clusterIP: None",
                ", clusterIP: 10.1.0.9",
                ", type: ExternalName, externalName: s1.a.svc.cluster.local",
                ", type: ExternalName, externalName: e1.test",
                ", publishNotReadyAddresses: true",
            ]);
            format!(
                "apiVersion: v1\nkind: Service\nmetadata: {{name: s{index}, namespace: {namespace}{annotations}}}\n\
                 spec: {{ports: {ports}{more}}}\n"
            )
        }
        Kind::Slice => {
            let address = random.pick(&["10.0.0.1", "10.0.0.2", "10.0.0.3"]);
            let ready = random.pick(&["true", "true", "false"]);
            format!(
                "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {{name: s{index}-1, namespace: {namespace}, \
                 labels: {{kubernetes.io/service-name: s{index}}}}}\naddressType: IPv4\nports: [{{name: http, port: 8080}}]\n\
                 endpoints: [{{addresses: [{address}], conditions: {{ready: {ready}}}}}]\n"
            )
        }
        Kind::Pod => {
            let version = random.pick(&["v1", "v2", "v3"]);
            format!(
                "apiVersion: v1\nkind: Pod\nmetadata: {{name: p{index}, namespace: a, labels: {{app: s0, version: {version}}}}}\n\
                 status: {{podIP: 10.0.0.{}}}\n",
                index + 1
            )
        }
        Kind::Entry => {
            let hosts =
                random.pick(&["", "", ", '*.test'", ", s1.a.svc.cluster.local", ", e0.test", ", e2.example"]);
            let ports = random.pick(&[
                "[{number: 80, name: http, protocol: HTTP}]",
                "[{number: 80, name: http, protocol: HTTP}, {number: 81, name: http-b, protocol: HTTP}]",
                "[{number: 80, name: grpc, protocol: GRPC}]",
            ]);
            let more = random.pick(&[
                "resolution: STATIC, endpoints: [{address: 10.2.0.1, labels: {version: v1}}]",
                "resolution: STATIC, endpoints: [{address: 10.2.0.1, labels: {version: v1}}, {address: 10.2.0.2, labels: {version: v2}}]",
                "resolution: DNS",
                "resolution: DNS_ROUND_ROBIN, endpoints: [{address: dns.example}]",
                "resolution: NONE",
                "resolution: STATIC, workloadSelector: {labels: {app: s0}}",
            ]);
            let export = random.pick(&["", "", ", exportTo: ['.']"]);
            let names = random.pick(&["", "", ", subjectAltNames: [x.test]"]);
            format!(
                "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {{name: e{index}, namespace: {namespace}}}\n\
                 spec: {{hosts: [e{index}.test{hosts}], ports: {ports}, {more}{export}{names}}}\n"
            )
        }
        Kind::WorkloadEntry => {
            let address = random.pick(&["10.3.0.1", "10.3.0.2"]);
            let app = random.pick(&["s0", "s1"]);
            format!(
                "apiVersion: networking.istio.io/v1\nkind: WorkloadEntry\nmetadata: {{name: w{index}, namespace: a}}\n\
                 spec: {{address: {address}, labels: {{app: {app}, version: v1}}}}\n"
            )
        }
        Kind::Rule => {
            let host = random.pick(HOSTS);
            let subsets = random.pick(&[
                "",
                "  subsets: [{name: v1, labels: {version: v1}}]\n",
                "  subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}]\n",
                "  subsets: [{name: v1, labels: {version: v1}, trafficPolicy: {loadBalancer: {simple: RANDOM}}}]\n",
            ]);
            let policy = random.pick(&[
                "",
                "",
                "  trafficPolicy: {loadBalancer: {consistentHash: {httpHeaderName: x-user}}}\n",
                "  trafficPolicy: {outlierDetection: {consecutive5xxErrors: 3}}\n",
                "  trafficPolicy: {connectionPool: {http: {maxRetries: 3}}, portLevelSettings: [{port: {number: 80}, loadBalancer: {simple: RANDOM}}]}\n",
                "  trafficPolicy: {tls: {mode: SIMPLE}}\n",
                "  trafficPolicy: {loadBalancer: {simple: PASSTHROUGH}}\n",
                "  trafficPolicy: {loadBalancer: {localityLbSetting: {failover: [{from: r1, to: r2}]}}}\n",
            ]);
            let selector = random.pick(&["", "", "", "  workloadSelector: {matchLabels: {app: web}}\n"]);
            format!(
                "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {{name: d{index}, namespace: {namespace}}}\n\
                 spec:\n  host: {host}\n{subsets}{policy}{selector}{export}"
            )
        }
        Kind::Virtual => {
            let hosts = if random.once_in(3) {
                format!("{}, {}", random.pick(HOSTS), random.pick(&["v.test", "e0.test", "'*.example'"]))
            } else {
                random.pick(HOSTS).to_owned()
            };
            let gateways = random.pick(&[
                "",
                "",
                "  gateways: [g0]\n",
                "  gateways: [g0]\n",
                "  gateways: [a/g1, mesh]\n",
                "  gateways: [mesh, gone]\n",
            ]);
            let rules: String = (0..=random.next(3)).map(|_| rule(random)).collect();
            format!(
                "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: v{index}, namespace: a}}\n\
                 spec:\n  hosts: [{hosts}]\n{gateways}{export}  http:\n{rules}"
            )
        }
        Kind::Delegate => {
            let rule = rule(random);
            format!(
                "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: part, namespace: a}}\n\
                 spec:\n  http:\n{rule}"
            )
        }
        Kind::Gateway => {
            let hosts = random.pick(&["['*']", "['*']", "['*.test']", "[e0.test, e1.test]", "['a/*']"]);
            let port = random.pick(&["80", "80", "8080"]);
            let tls = random.pick(&["", "", "", ", tls: {httpsRedirect: true}"]);
            format!(
                "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {{name: g{index}, namespace: a}}\n\
                 spec: {{servers: [{{port: {{number: {port}, name: http, protocol: HTTP}}, hosts: {hosts}{tls}}}]}}\n"
            )
        }
        Kind::Sidecar => {
            let hosts = random.pick(&["'*/*'", "'./*'", "'*/*.test'", "'a/*', '~b/*'"]);
            let port = random.pick(&["", "", "port: {number: 81, name: http, protocol: HTTP}, "]);
            format!(
                "apiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: {{name: only, namespace: a}}\n\
                 spec: {{egress: [{{{port}hosts: [{hosts}]}}]}}\n"
            )
        }
        Kind::MeshConfig => {
            let line = random.pick(&[
                "outboundTrafficPolicy: {mode: REGISTRY_ONLY}",
                "defaultVirtualServiceExportTo: ['.']",
                "defaultServiceExportTo: ['.']",
                "connectTimeout: 3s",
                "defaultHttpRetryPolicy: {attempts: 5}",
                "trustDomain: example.org",
                "dnsRefreshRate: 3s",
                "nope: 1",
            ]);
            format!(
                "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: istio, namespace: istio-system}}\ndata:\n  mesh: |\n    {line}\n"
            )
        }
        Kind::HttpRoute => {
            let parent = random.pick(&[
                "group: '', kind: Service, name: s0",
                "group: '', kind: Service, name: s1",
                "name: edge",
            ]);
            let backend = random.pick(&["s0", "s1", "gone"]);
            let path = random.pick(&["/", "/x"]);
            format!(
                "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {{name: r{index}, namespace: a}}\n\
                 spec: {{parentRefs: [{{{parent}}}], rules: [{{matches: [{{path: {{value: {path}}}}}], backendRefs: [{{name: {backend}, port: 80}}]}}]}}\n"
            )
        }
        Kind::Health => {
            let target = random.pick(&[
                "kind: Service, name: s0",
                "kind: ServiceEntry, name: e0",
                "kind: VirtualService, name: v0",
            ]);
            let path = random.pick(&["/", "/x"]);
            format!(
                "apiVersion: gateway.envoyproxy.io/v1alpha1\nkind: BackendTrafficPolicy\nmetadata: {{name: h{index}, namespace: a}}\n\
                 spec: {{targetRefs: [{{{target}}}], healthCheck: {{active: {{type: HTTP, http: {{path: {path}}}}}}}}}\n"
            )
        }
        Kind::Other => {
            let app = random.pick(&["web", "web", "other"]);
            let zone = random.pick(&["z1", "z2"]);
            format!(
                "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web, namespace: a}}\n\
                 spec: {{selector: {{matchLabels: {{app: {app}}}}}, template: {{metadata: {{labels: {{app: {app}, istio-locality: r1.{zone}}}}}}}}}\n"
            )
        }
    }
}

/// One rule of a VirtualService.
fn rule(random: &mut Random) -> String {
    let matches = random.pick(&[
        "",
        "",
        "    match: [{uri: {prefix: /x}}]\n",
        "    match: [{uri: {exact: /y}}, {headers: {x-a: {regex: 'a+'}}}]\n",
        "    match: [{port: 81}]\n",
        "    match: [{port: 80, uri: {prefix: /}}]\n",
        "    match: [{gateways: [g0]}]\n",
        "    match: [{sourceNamespace: b}]\n",
        "    match: [{headers: {'@request.auth.claims.group': {exact: x}}}]\n",
    ]);
    let destination = |random: &mut Random| {
        let host = random.pick(HOSTS);
        let host = if host.starts_with('\'') { "e3.test" } else { host };
        let more = random.pick(&[
            "",
            "",
            "",
            ", subset: v1",
            ", subset: v1",
            ", port: {number: 80}",
            ", port: {number: 82}",
        ]);
        format!("{{host: {host}{more}}}")
    };
    let more = random.pick(&[
        "",
        "",
        "    timeout: 3s\n",
        "    retries: {attempts: 2}\n",
        "    fault: {abort: {httpStatus: 503, percentage: {value: 1}}}\n",
        "    headers: {response: {set: {x-a: b}}}\n",
        "    rewrite: {uri: /z}\n",
    ]);
    let action = match random.next(60) {
        0..5 => "    redirect: {uri: /r}\n".to_owned(),
        5..9 => "    delegate: {name: part}\n".to_owned(),
        9..14 => format!(
            "    route: [{{destination: {}, weight: 50}}, {{destination: {}, weight: 50}}]\n",
            destination(random),
            destination(random)
        ),
        14..19 => format!(
            "    route: [{{destination: {}}}]\n    mirror: {}\n",
            destination(random),
            destination(random)
        ),
        19 => format!("    route: [{{destination: {}, weight: -1}}]\n", destination(random)),
        _ => format!("    route: [{{destination: {}}}]\n", destination(random)),
    };
    format!("  - name: r\n{matches}{more}{action}")
}
