//! AWS: the stacks that CDK makes of every `aws.json`, and what their templates must say.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::deployment::Deployment;
use crate::process::{run, variable};
use crate::workspace;

/// The sources of the application.
const SOURCES: [&str; 4] = ["bin/app.ts", "lib/server-stack.ts", "cdk.json", "tsconfig.json"];

/// Compiles and synthesizes the application in `folder`, whose packages are installed, from the sources in `deploy/aws`.
pub(super) fn synthesize(folder: &Path) -> Result<()> {
    for source in SOURCES {
        let target = folder.join(source);
        fs::create_dir_all(target.parent().unwrap_or(folder))?;
        fs::copy(workspace::root().join("deploy/aws").join(source), target)?;
    }
    let programs = folder.join("node_modules/.bin");
    let path = variable("PATH").unwrap_or_default();
    let path = std::iter::once(programs.clone()).chain(std::env::split_paths(&path));
    let mut cdk = Command::new(programs.join("cdk"));
    cdk.args(["synth", "--quiet", "--no-notices"]).current_dir(folder);
    // It must not look for the account of a machine that has one, nor ask how it is liked.
    cdk.env("PATH", std::env::join_paths(path)?).env("AWS_EC2_METADATA_DISABLED", "true");
    run(cdk.env("CI", "true"))
}

/// Fails with everything in a server's template that is not as it should be.
pub(super) fn check(folder: &Path, server: &Deployment) -> Result<()> {
    let package = &server.server.package;
    let path = folder.join(format!("cdk.out/{package}.template.json"));
    let read = || -> Result<Value> { Ok(serde_json::from_str(&fs::read_to_string(&path)?)?) };
    let template = read().with_context(|| format!("`{}`", path.display()))?;
    let faults = faults(&template, server);
    ensure!(faults.is_empty(), "{package} on AWS:\n  {}", faults.join("\n  "));
    Ok(())
}

fn faults(template: &Value, server: &Deployment) -> Vec<String> {
    let resources = Resources(template);
    let mut faults = Vec::new();
    let mut expect = |what: &str, holds: bool| {
        if !holds {
            faults.push(what.to_owned());
        }
    };
    let zones = resources.all("AWS::EC2::Subnet").filter_map(|it| it.get("AvailabilityZone"));
    let zones: std::collections::BTreeSet<_> = zones.map(Value::to_string).collect();
    expect("two zones", zones.len() == 2);
    expect("an image repository", resources.has("AWS::ECR::Repository", &json!({})));
    let task = json!({ "Cpu": "256", "Memory": "512", "RequiresCompatibilities": ["FARGATE"] });
    expect("a task of 256 CPU and 512 MiB", resources.has("AWS::ECS::TaskDefinition", &task));
    let container = resources.all("AWS::ECS::TaskDefinition").next();
    let container = container.and_then(|it| it.pointer("/ContainerDefinitions/0"));
    let holds = |wanted: Value| container.is_some_and(|it| contains(it, &wanted));
    expect("a root that cannot be written", holds(json!({ "ReadonlyRootFilesystem": true })));
    expect("a user that is not root", holds(json!({ "User": "65532" })));
    let secrets = container.and_then(|it| it.get("Secrets")).and_then(Value::as_array);
    let secrets = secrets.into_iter().flatten().filter_map(|it| it.get("Name")?.as_str());
    expect("its secrets", secrets.eq(server.platforms.aws.secrets.iter().map(String::as_str)));
    let service = json!({ "DesiredCount": 2, "LaunchType": "FARGATE", "NetworkConfiguration": {
        "AwsvpcConfiguration": { "AssignPublicIp": "DISABLED" } } });
    expect("two tasks in private subnets", resources.has("AWS::ECS::Service", &service));
    let scaling = json!({ "MinCapacity": 2, "MaxCapacity": 10 });
    let target = "AWS::ApplicationAutoScaling::ScalableTarget";
    expect("two to ten tasks", resources.has(target, &scaling));
    let policy = json!({ "TargetTrackingScalingPolicyConfiguration": { "TargetValue": 70,
        "PredefinedMetricSpecification": { "PredefinedMetricType": "ECSServiceAverageCPUUtilization" } } });
    let kind = "AWS::ApplicationAutoScaling::ScalingPolicy";
    expect("scaling at 70 % of the CPU", resources.has(kind, &policy));
    let attribute = |key: &str| {
        let balancer = resources.all("AWS::ElasticLoadBalancingV2::LoadBalancer").next()?;
        let all = balancer.get("LoadBalancerAttributes")?.as_array()?;
        all.iter().find(|it| it.get("Key").is_some_and(|it| it == key))?.get("Value")?.as_str()
    };
    // Some minutes over the hour that a token lasts at most.
    let idle: Option<u32> =
        attribute("idle_timeout.timeout_seconds").and_then(|it| it.parse().ok());
    expect("streams that may be silent for an hour", idle.is_some_and(|idle| idle > 3600));
    let environment = container.and_then(|it| it.get("Environment")).and_then(Value::as_array);
    let kept = environment.into_iter().flatten().find_map(|variable| {
        let is_meant = variable.get("Name").is_some_and(|it| it == "MCP_IDLE_TIMEOUT");
        variable.get("Value").filter(|_| is_meant)?.as_str()?.strip_suffix('s')?.parse().ok()
    });
    expect(
        "a server that keeps an idle connection for longer than the balancer",
        idle.zip(kept).is_some_and(|(idle, kept): (u32, u32)| kept > idle),
    );
    let listener = "AWS::ElasticLoadBalancingV2::Listener";
    let secure = resources.all(listener).any(|it| {
        it.get("Protocol").is_some_and(|it| it == "HTTPS")
            && it.pointer("/Certificates/0").is_some()
    });
    expect("a listener with a certificate", secure);
    let health = json!({ "HealthCheckPath": "/ready" });
    let group = "AWS::ElasticLoadBalancingV2::TargetGroup";
    expect("health by /ready", resources.has(group, &health));
    expect(
        "logs that end",
        resources.has("AWS::Logs::LogGroup", &json!({ "RetentionInDays": 90 })),
    );
    expect("kept secrets", resources.has("AWS::SecretsManager::Secret", &json!({})));
    for output in ["Address", "McpEndpoint"] {
        expect(output, template.pointer(&format!("/Outputs/{output}")).is_some());
    }
    faults
}

/// The resources of a template.
struct Resources<'a>(&'a Value);

impl<'a> Resources<'a> {
    fn all(&self, kind: &str) -> impl Iterator<Item = &'a Value> {
        let all = self.0.get("Resources").and_then(Value::as_object).into_iter().flatten();
        all.filter(move |(_, it)| it.get("Type").is_some_and(|it| it == kind))
            .filter_map(|(_, it)| it.get("Properties"))
    }

    fn has(&self, kind: &str, wanted: &Value) -> bool {
        self.all(kind).any(|it| contains(it, wanted))
    }
}

/// Whether every key of `wanted`, tables within tables included, stands in `found` with that value.
fn contains(found: &Value, wanted: &Value) -> bool {
    match wanted {
        Value::Object(wanted) => wanted
            .iter()
            .all(|(key, wanted)| found.get(key).is_some_and(|found| contains(found, wanted))),
        _ => found == wanted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_found_within_a_larger_one_and_not_with_another_value() {
        let found = json!({ "a": { "b": 1, "c": 2 }, "d": 3 });
        assert!(contains(&found, &json!({ "a": { "b": 1 } })));
        assert!(!contains(&found, &json!({ "a": { "b": 2 } })));
        assert!(!contains(&found, &json!({ "e": 1 })));
    }

    #[test]
    fn resources_are_found_by_their_kind() {
        let template = json!({ "Resources": {
            "Logs": { "Type": "AWS::Logs::LogGroup", "Properties": { "RetentionInDays": 90 } }
        }});
        assert!(Resources(&template).has("AWS::Logs::LogGroup", &json!({ "RetentionInDays": 90 })));
        assert!(!Resources(&template).has("AWS::ECS::Service", &json!({})));
    }
}
