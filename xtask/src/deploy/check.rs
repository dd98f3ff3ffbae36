//! What was rendered, looked at by the servers themselves and by each platform's own tools.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::deployment::{Deployment, Platform};
use super::{aws, kubernetes, render};
use crate::process::{output, run};
use crate::tools::Tools;
use crate::{npm, workspace};

/// The version of Kubernetes whose schemas are asked.
const KUBERNETES: &str = "1.34";

/// Files of a platform without a tool of its own, and the schema that looks at them.
const SCHEMAS: [(&str, &str); 2] =
    [("fly.toml", "fly.schema.json"), ("railway.toml", "railway.schema.json")];

/// Has the server itself read what each platform sets, secrets as files.
pub(super) fn configurations(deployment: &Deployment, program: &Path) -> Result<()> {
    let platforms = &deployment.platforms;
    for (name, platform) in [
        ("compose", &platforms.compose),
        ("kubernetes", &platforms.kubernetes),
        ("fly", &platforms.fly),
        ("railway", &platforms.railway),
        ("aws", &platforms.aws),
    ] {
        let secrets = tempfile::tempdir()?;
        let environment = environment(platform, secrets.path())?;
        let mut check = Command::new(program);
        // Railway's own variable; where MCP_LISTEN is set it says nothing.
        check.args(["config", "check"]).env_clear().env("PORT", "8080").envs(environment);
        let said = output(&mut check);
        said.with_context(|| format!("{} refuses what {name} sets", deployment.server.package))?;
    }
    example(deployment, program)?;
    println!("{}: takes what every platform sets", deployment.server.package);
    Ok(())
}

/// `.env.example` is an environment that the server takes, with every default that it shows.
fn example(deployment: &Deployment, program: &Path) -> Result<()> {
    let secrets = tempfile::tempdir()?;
    let text = render::template(".env.example", deployment)?;
    let given = text.lines().filter_map(|line| {
        let (name, value) = line.trim_start_matches('#').split_once('=')?;
        let is_variable =
            name.bytes().all(|it| it.is_ascii_uppercase() || b"_0123456789".contains(&it));
        let value = match name.strip_suffix("_FILE") {
            Some(secret) if value.starts_with("/run/") => {
                secrets.path().join(secret).display().to_string()
            }
            _ => value.to_owned(),
        };
        is_variable.then(|| (name.to_owned(), value))
    });
    // Its secrets are those of Kubernetes, which are written as files here.
    environment(&deployment.platforms.kubernetes, secrets.path())?;
    let mut check = Command::new(program);
    let said = output(check.args(["config", "check"]).env_clear().envs(given));
    said.map(drop)
        .with_context(|| format!("{} refuses its .env.example", deployment.server.package))
}

/// What a platform sets, with a file of some fitting value for each secret.
fn environment(platform: &Platform, secrets: &Path) -> Result<BTreeMap<String, String>> {
    let mut environment = platform.environment.clone();
    for value in environment.values_mut().filter(|value| value.starts_with("${")) {
        sample("").clone_into(value);
    }
    for name in &platform.secrets {
        let file = secrets.join(name);
        fs::write(&file, sample(name))?;
        environment.insert(format!("{name}_FILE"), file.display().to_string());
    }
    Ok(environment)
}

/// Fitting values for what the server itself must be given, so that it can be asked what it offers.
pub(crate) fn samples(deployment: &Deployment) -> BTreeMap<String, String> {
    let needed = deployment.server.deploy.secrets.iter();
    let mut samples: BTreeMap<_, _> =
        needed.map(|name| (name.clone(), sample(name).to_owned())).collect();
    samples.insert("HOME".into(), "/nonexistent".into());
    samples
}

fn sample(secret: &str) -> &'static str {
    match secret {
        "DATABASE_URL" => "postgres://reader:sample@db.example.com:5432/sample",
        "REDIS_URL" => "rediss://redis.example.com:6379",
        // Long enough to seal with.
        _ => "0123456789abcdef0123456789abcdef",
    }
}

/// Has the tools of each platform look at the servers' folders in `stage`.
pub(super) fn files(stage: &Path, servers: &[Deployment]) -> Result<()> {
    let tools = install(stage)?;
    for server in servers {
        let folder = stage.join(&server.server.name);
        kubernetes(&tools, &folder, server)?;
        println!("{}: Kubernetes and Helm take its files", server.server.package);
    }
    let of_all = |name: &str| -> Vec<PathBuf> {
        servers.iter().map(|it| stage.join(&it.server.name).join(name)).collect()
    };
    output(tools.python("hadolint").args(of_all("Dockerfile")))?;
    let mut compose = tools.python("check-jsonschema");
    run(compose.args(["--builtin-schema", "vendor.compose-spec"]).args(of_all("compose.yaml")))?;
    for (name, schema) in SCHEMAS {
        let schema = workspace::root().join("fixtures/deploy").join(schema);
        let mut check = tools.python("check-jsonschema");
        run(check.arg("--schemafile").arg(schema).args(of_all(name)))?;
    }
    aws::synthesize(&stage.join("aws"))?;
    for server in servers {
        aws::check(&stage.join("aws"), server)?;
    }
    println!("CDK synthesizes {} stacks, each as it should be", servers.len());
    Ok(())
}

/// Installs everything at once: each waits for the network more than for the processor.
fn install(stage: &Path) -> Result<Tools> {
    let source = workspace::root().join("deploy/aws");
    std::thread::scope(|scope| {
        let aws = scope.spawn(|| npm::install(&source, &stage.join("aws")));
        let tools = Tools::install();
        let aws = aws.join().ok().context("the installation of AWS' packages ended badly")?;
        aws.and(tools)
    })
}

/// The manifests are valid, say what they should, and the chart makes the same objects.
fn kubernetes(tools: &Tools, folder: &Path, server: &Deployment) -> Result<()> {
    let (manifests, values) = (folder.join("kubernetes.yaml"), folder.join("values.yaml"));
    let mut validate = tools.python("kubernetes-validate");
    output(validate.args(["--strict", "--kubernetes-version", KUBERNETES]).arg(&manifests))?;
    let chart = workspace::root().join("deploy/chart");
    output(
        tools.helm()?.args(["lint", "--strict", "--quiet", "--values"]).arg(&values).arg(&chart),
    )?;
    let mut helm = tools.helm()?;
    let release = &server.server.package;
    let rendered = output(helm.args(["template", release, "--values"]).arg(&values).arg(&chart))?;
    let from_chart = folder.join("chart.yaml");
    fs::write(&from_chart, rendered)?;
    let plain = objects(tools, &manifests)?;
    ensure!(
        plain == objects(tools, &from_chart)?,
        "the chart makes other objects of `{}` than `{}` has",
        values.display(),
        manifests.display()
    );
    kubernetes::check(&plain, server)
}

/// The objects of a YAML file by their kinds.
fn objects(tools: &Tools, file: &Path) -> Result<BTreeMap<String, Value>> {
    const TO_JSON: &str =
        "import json, sys, yaml; print(json.dumps(list(yaml.safe_load_all(open(sys.argv[1])))))";
    let objects = output(tools.python("python").args(["-c", TO_JSON]).arg(file))?;
    let objects: Vec<Value> = serde_json::from_str(&objects)?;
    let by_kind = objects.into_iter().filter(|it| !it.is_null()).map(|object| {
        let kind =
            object.get("kind").and_then(Value::as_str).context("an object without a kind")?;
        Ok((kind.to_owned(), object))
    });
    by_kind.collect()
}
