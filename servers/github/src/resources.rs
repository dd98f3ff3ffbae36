//! `repo://{owner}/{repo}/contents/{+path}`: a file or a folder of a repository's default branch as a resource.

use mcp_chassis::{
    Budget, CallContext, Error, ErrorKind, Resource, ResourceBody, ResourceSpec, Result,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use validator::Validate;

use crate::{
    GitHub,
    names::{FilePath, Owner, RepositoryName},
    tools::{Content, is_binary, read_contents},
    wire,
};

/// A text file as it is, or a folder as a list of names, on the default branch.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct Contents {
    /// Who owns the repository
    owner: Owner,
    /// The repository's name
    repo: RepositoryName,
    /// The file or folder
    path: FilePath,
}

impl Resource for Contents {
    type Server = GitHub;

    const SPEC: ResourceSpec = ResourceSpec::at(
        "repo://{owner}/{repo}/contents/{+path}",
        "repository-contents",
        "Repository contents",
    )
    .scopes(&["github:read"])
    .deadline_secs(20)
    .output_budget(Budget::tokens(60_000))
    .outside_text(&["github"])
    .media_type("text/plain");

    async fn read(self, server: &GitHub, context: &CallContext) -> Result<ResourceBody> {
        let client = &server.client;
        let repository = client.allowlist.admit(&self.owner, &self.repo)?;
        match read_contents(client, &repository, &self.path, None, context).await? {
            Content::Directory(entries) => {
                let line = |entry: &wire::Entry| match entry.kind.as_str() {
                    "dir" => format!("{}/\n", entry.name),
                    _ => format!("{}\n", entry.name),
                };
                Ok(ResourceBody::Text(entries.iter().map(line).collect::<Vec<_>>().concat()))
            }
            Content::File(_, Some(bytes)) if !is_binary(&bytes) => {
                Ok(ResourceBody::Text(String::from_utf8_lossy(&bytes).into_owned()))
            }
            Content::File(entry, _) | Content::Other(entry) => {
                let kind = ErrorKind::InvalidInput { fields: Vec::new() };
                let details = json!({ "kind": entry.kind, "size": entry.size, "sha": entry.sha });
                Err(Error::new(kind, "this is no text, or more of it than is read")
                    .with_details(details))
            }
        }
    }

    async fn complete(
        server: &GitHub,
        name: &str,
        typed: &str,
        _context: &CallContext,
    ) -> Result<Vec<String>> {
        Ok(server.client.allowlist.completed(name, typed))
    }
}
