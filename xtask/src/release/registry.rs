//! `server.json`: what the MCP Registry publishes of a server.

use std::process::Command;

use serde_json::{Value, json};

use super::Subject;
use super::bundle::pretty;
use crate::process::succeeds;

/// The version of the schema, which stands in `fixtures/registry`.
const SCHEMA: &str = "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json";

/// `io.github.mcp-chassis/weather`, for `https://github.com/mcp-chassis/…`.
pub(super) fn name(subject: &Subject) -> String {
    let owner = subject.source.repository.split('/').nth(3).unwrap_or_default();
    format!("io.github.{owner}/{}", subject.server().name)
}

/// The document, with the sum of the bundle that it points to.
pub(super) fn server(subject: &Subject, bundle: &str) -> Vec<u8> {
    let (server, repository) = (subject.server(), &subject.source.repository);
    let download =
        format!("{repository}/releases/download/{}/{}.mcpb", server.tag(), subject.stem());
    let stdio = json!({ "type": "stdio" });
    let variables = variables(subject);
    pretty(&json!({
        "$schema": SCHEMA,
        "name": name(subject),
        "title": server.title,
        "description": server.description,
        "version": server.version,
        "repository": { "url": repository, "source": "github", "subfolder": format!("servers/{}", server.name) },
        "packages": [
            {
                "registryType": "mcpb",
                "identifier": download,
                "version": server.version,
                "fileSha256": bundle,
                "transport": stdio,
                "environmentVariables": variables,
            },
            {
                "registryType": "oci",
                "identifier": subject.deployment.image,
                "runtimeHint": "docker",
                "transport": stdio,
                "packageArguments": [{ "type": "positional", "value": "stdio" }],
                "environmentVariables": variables,
            },
        ],
    }))
}

/// The server's own settings; the chassis' have defaults that fit one user's machine.
fn variables(subject: &Subject) -> Vec<Value> {
    let mut bare = Command::new(&subject.program);
    // What starts without any needs none.
    let needs_none =
        succeeds(bare.args(["config", "check"]).env_clear().env("HOME", "/nonexistent"));
    let needed = &subject.server().deploy.secrets;
    let own = subject.deployment.settings.iter().filter(|setting| setting.is_own);
    own.map(|setting| {
        let mut variable = json!({
            "name": setting.variable,
            "description": setting.meaning,
            "isRequired": !needs_none && needed.contains(&setting.variable),
            "isSecret": setting.is_secret,
        });
        if let (Some(default), Value::Object(variable)) = (&setting.default, &mut variable) {
            variable.insert("default".into(), json!(default));
        }
        variable
    })
    .collect()
}
