//! How the files came to be: an in-toto statement v1 with SLSA's provenance v1.

use std::collections::BTreeMap;

use anyhow::Result;
use serde_json::json;

use super::bundle::pretty;
use super::{Subject, contents, sums};
use crate::workspace;

/// Somebody's own machine, which vouches for nothing.
pub(super) const LOCAL_BUILDER: &str =
    "https://github.com/mcp-chassis/mcp-chassis/blob/main/docs/RELEASING.md#local-builder";

/// What `cargo xtask release` does, in words.
const BUILD_TYPE: &str =
    "https://github.com/mcp-chassis/mcp-chassis/blob/main/docs/RELEASING.md#build-type";

/// The statement over files with these sums. It says nothing that another run would say otherwise, not even when.
pub(super) fn statement(subject: &Subject, files: &BTreeMap<String, String>) -> Result<Vec<u8>> {
    let (server, source) = (subject.server(), &subject.source);
    let subjects =
        files.iter().map(|(name, sum)| json!({ "name": name, "digest": { "sha256": sum } }));
    let lock = sums::of(&contents::read(&workspace::root().join("Cargo.lock"))?);
    Ok(pretty(&json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": subjects.collect::<Vec<_>>(),
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": { "server": server.name, "tag": server.tag() },
                "internalParameters": {
                    "compiler": source.compiler,
                    "target": source.target,
                    "profile": "release",
                    "sourceDateEpoch": source.epoch,
                },
                "resolvedDependencies": [
                    {
                        "uri": format!("git+{}@refs/tags/{}", source.repository, server.tag()),
                        "digest": { "gitCommit": source.commit },
                    },
                    { "uri": "file:Cargo.lock", "digest": { "sha256": lock } },
                ],
            },
            "runDetails": { "builder": { "id": subject.builder } },
        },
    })))
}
