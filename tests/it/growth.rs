//! Twice as much YAML costs twice as much, not four times as much: counted in instructions, from the text to the
//! findings.

use std::fmt::Write;
use std::process::Command;

use crate::blackbox::PROXY;

/// `count` services, each with all documents that refer to it, and each with a finding.
fn yaml(count: usize) -> String {
    (0..count).fold(String::new(), |mut text, number| {
        let name = format!("s{number}");
        let meta = format!("{{name: {name}, namespace: n{}", number % 10);
        write!(
            text,
            "apiVersion: v1
kind: Service
metadata: {meta}}}
spec: {{selector: {{app: {name}}}, ports: [{{name: http, port: 80}}]}}
---
apiVersion: v1
kind: Pod
metadata: {meta}, labels: {{app: {name}, version: v1}}}}
status: {{podIP: 10.0.{}.{}}}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {meta}}}
spec: {{host: {name}, subsets: [{{name: v1, labels: {{version: v1}}}}]}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {meta}}}
spec: {{hosts: [{name}], http: [{{route: [{{destination: {{host: {name}, subset: v1}}}}]}}]}}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {meta}-out}}
spec: {{hosts: [{name}.example.com], ports: [{{name: http, number: 80, protocol: HTTP}}], resolution: DNS}}
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {meta}}}
spec: {{workloadSelector: {{labels: {{app: {name}}}}}, egress: [{{hosts: ['*/*']}}]}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {meta}}}
spec:
  parentRefs: [{{group: '', kind: Service, name: {name}}}]
  rules: [{{backendRefs: [{{name: {name}, port: 80}}]}}]
---
",
            number / 250,
            number % 250
        )
        .expect("a string takes all");
        text
    })
}

/// The instructions of `mesh-proxy check` for this many services; `None` without valgrind.
fn instructions(count: usize) -> Option<f64> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("mesh.yaml"), yaml(count)).unwrap();
    let valgrind = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null", PROXY, "check"])
        .arg(folder.path())
        .output();
    let output = match valgrind {
        Ok(output) => output,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
        Err(error) => panic!("{error}"),
    };
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(out.contains(&format!("errors: 0, warnings: {count}, remarks: 0")), "{out}\n{err}");
    let counted = err.lines().find_map(|line| line.split_once("Collected :")?.1.trim().parse().ok());
    Some(counted.unwrap_or_else(|| panic!("nothing was counted:\n{err}")))
}

#[test]
fn twice_the_configuration_is_twice_the_work() {
    let counted = [50, 100, 200].map(|count| std::thread::spawn(move || instructions(count)));
    let counted = counted.map(|thread| thread.join().unwrap());
    let [Some(small), Some(middle), Some(large)] = counted else {
        assert!(std::env::var_os("MESH_TEST_ALL").is_none(), "MESH_TEST_ALL is set and there is no valgrind");
        eprintln!("SKIPPED: there is no valgrind");
        return;
    };
    // The fixed cost of a start cancels out; sorting and doubling tables leave a little over 2.
    let growth = (large - middle) / (middle - small);
    assert!((1.8..2.2).contains(&growth), "{growth}: {counted:?}");
}
