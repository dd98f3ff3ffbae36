//! What the objects of Kubernetes must say, whatever template they come from.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::deployment::Deployment;

const KINDS: [&str; 7] = [
    "Deployment",
    "HorizontalPodAutoscaler",
    "Ingress",
    "NetworkPolicy",
    "PodDisruptionBudget",
    "Service",
    "ServiceAccount",
];

/// Fails with everything that is not as it should be.
pub(super) fn check(objects: &BTreeMap<String, Value>, server: &Deployment) -> Result<()> {
    let kinds: Vec<&str> = objects.keys().map(String::as_str).collect();
    ensure!(kinds == KINDS, "expected {KINDS:?}, found {kinds:?}");
    let faults = faults(objects);
    let package = &server.server.package;
    ensure!(faults.is_empty(), "{package} on Kubernetes:\n  {}", faults.join("\n  "));
    let secrets = objects.values().map(Value::to_string);
    let open = secrets.into_iter().any(|text| text.contains("secretKeyRef"));
    ensure!(!open, "{package} on Kubernetes: a secret is given in the environment, not as a file");
    Ok(())
}

fn faults(objects: &BTreeMap<String, Value>) -> Vec<String> {
    let container = "/spec/template/spec/containers/0";
    let at = |path: &str| format!("{container}{path}");
    let expected = [
        ("Deployment", "/spec/template/spec/securityContext/runAsNonRoot".to_owned(), json!(true)),
        (
            "Deployment",
            "/spec/template/spec/securityContext/seccompProfile/type".to_owned(),
            json!("RuntimeDefault"),
        ),
        ("Deployment", "/spec/template/spec/automountServiceAccountToken".to_owned(), json!(false)),
        ("Deployment", "/spec/template/spec/volumes/0/secret/defaultMode".to_owned(), json!(0o440)),
        ("Deployment", at("/securityContext/readOnlyRootFilesystem"), json!(true)),
        ("Deployment", at("/securityContext/runAsNonRoot"), json!(true)),
        ("Deployment", at("/securityContext/allowPrivilegeEscalation"), json!(false)),
        ("Deployment", at("/securityContext/capabilities/drop"), json!(["ALL"])),
        ("Deployment", at("/startupProbe/httpGet/path"), json!("/live")),
        ("Deployment", at("/livenessProbe/httpGet/path"), json!("/live")),
        ("Deployment", at("/readinessProbe/httpGet/path"), json!("/ready")),
        ("Deployment", at("/resources/limits/memory"), json!("512Mi")),
        ("Deployment", at("/resources/requests/cpu"), json!("100m")),
        ("HorizontalPodAutoscaler", "/spec/minReplicas".to_owned(), json!(2)),
        ("HorizontalPodAutoscaler", "/spec/maxReplicas".to_owned(), json!(10)),
        ("PodDisruptionBudget", "/spec/maxUnavailable".to_owned(), json!(1)),
        ("NetworkPolicy", "/spec/policyTypes".to_owned(), json!(["Ingress", "Egress"])),
    ];
    let fault = |(kind, path, wanted): &(&str, String, Value)| {
        let found = objects.get(*kind).and_then(|object| object.pointer(path));
        (found != Some(wanted)).then(|| {
            let found = found.map_or_else(|| "nothing".to_owned(), Value::to_string);
            format!("{kind}{path}: expected {wanted}, found {found}")
        })
    };
    expected.iter().filter_map(fault).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_root_that_can_be_written_is_found() {
        let objects = BTreeMap::from([(
            "Deployment".to_owned(),
            json!({ "spec": { "template": { "spec": { "containers": [
                { "securityContext": { "readOnlyRootFilesystem": false } }
            ]}}}}),
        )]);
        let fault = "Deployment/spec/template/spec/containers/0/securityContext/readOnlyRootFilesystem: \
                     expected true, found false";
        assert!(faults(&objects).iter().any(|it| it == fault), "{:?}", faults(&objects));
    }
}
