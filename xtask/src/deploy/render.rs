//! Templates of `deploy/templates`, each the source of one file for every server.

use std::fs;

use anyhow::{Context, Result};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior};

use super::deployment::Deployment;
use crate::workspace;

/// What is rendered for a server, under its name in `deploy/<server>/`.
pub(crate) const FILES: [&str; 10] = [
    ".dockerignore",
    ".env.example",
    "Dockerfile",
    "aws.json",
    "compose.yaml",
    "fly.toml",
    "kubernetes.yaml",
    "railway.env",
    "railway.toml",
    "values.yaml",
];

/// A rendered file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rendered {
    /// Its name within the server's folder.
    pub(crate) name: String,
    pub(crate) text: String,
}

/// Every file of a server.
pub(crate) fn files(deployment: &Deployment) -> Result<Vec<Rendered>> {
    let render = |name: &&str| {
        let text = template(name, deployment)?;
        Ok(Rendered { name: (*name).to_owned(), text })
    };
    let mut files = FILES.iter().map(render).collect::<Result<Vec<_>>>()?;
    // BuildKit looks beside the Dockerfile, under this name.
    files.push(Rendered {
        name: "Dockerfile.dockerignore".into(),
        text: template(".dockerignore", deployment)?,
    });
    Ok(files)
}

/// One template of `deploy/templates`, such as `compose.yaml`, filled in.
pub(crate) fn template(name: &str, deployment: &Deployment) -> Result<String> {
    let path = workspace::root().join("deploy/templates").join(format!("{name}.j2"));
    let source = fs::read_to_string(&path).with_context(|| format!("`{}`", path.display()))?;
    let mut environment = Environment::new();
    let mut syntax = SyntaxConfig::builder();
    syntax.trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true);
    environment.set_syntax(syntax.build()?);
    // A template that names what does not exist is wrong, not empty.
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    environment.add_filter("quoted", quoted);
    let text = environment.render_named_str(name, &source, Serde(deployment));
    text.with_context(|| format!("`{}` for {}", path.display(), deployment.server.package))
}

/// A text in double quotes as JSON, and with it YAML and TOML, reads it.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
