//! What a deployment of the GitHub server decides.

use std::num::NonZeroU64;

use mcp_chassis::{Deployment, Finding, Reader, Settings, UpstreamConfig, UpstreamSecret};

use crate::allowlist::Allowlist;

/// The settings of the GitHub server.
#[derive(Debug)]
pub struct Config {
    /// `GITHUB_API_URL`, limits in `[upstream.github]`.
    pub(crate) upstream: UpstreamConfig,
    /// Who this server is to GitHub.
    pub(crate) identity: Identity,
    /// `GITHUB_ALLOWED_REPOSITORIES`.
    pub(crate) allowlist: Allowlist,
    /// `GITHUB_LOCKDOWN`: only what people with push access wrote is shown.
    pub(crate) lockdown: bool,
}

/// Who this server is to GitHub.
#[derive(Clone, Debug)]
pub(crate) enum Identity {
    /// Nobody: what is public, at a low rate.
    Nobody,
    /// The owner of `GITHUB_TOKEN`.
    Token(UpstreamSecret),
    /// An installation of an app.
    App {
        /// `GITHUB_APP_ID`.
        id: u64,
        /// `GITHUB_APP_PRIVATE_KEY`, RSA in PEM.
        key: UpstreamSecret,
        /// `GITHUB_APP_INSTALLATION_ID`.
        installation: u64,
    },
}

impl Settings for Config {
    fn read(reader: &mut Reader<'_>) -> Self {
        let upstream = reader.upstream(
            "github",
            "GITHUB_API_URL",
            "https://api.github.com",
            "the base of GitHub's REST API",
        );
        let identity = identity(reader);
        let allowlist = reader.optional(
            "GITHUB_ALLOWED_REPOSITORIES",
            "the repositories this server may be asked about, like `octo-org/*, octocat/hello-world`; all when not set",
        );
        let lockdown = reader.or(
            "GITHUB_LOCKDOWN",
            "false",
            "whether only issues, pull requests and comments by people with push access are shown",
        );
        Self {
            upstream,
            identity,
            allowlist: allowlist.unwrap_or_default(),
            lockdown: lockdown.or_stand_in(true),
        }
    }

    fn review(&self, deployment: Deployment) -> Vec<Finding> {
        let mut findings = Vec::new();
        let is_somebody = !matches!(self.identity, Identity::Nobody);
        if self.allowlist.listed().is_none() && is_somebody {
            let text = "GITHUB_ALLOWED_REPOSITORIES is not set: callers get at every repository that the credential does";
            // Who can also write may be told to carry one repository's secrets into another.
            let judged = if deployment.writes { Finding::fail } else { Finding::warn };
            findings.push(judged("repositories", text.to_owned()));
        }
        if deployment.writes && is_somebody && !self.lockdown {
            let text = "GITHUB_LOCKDOWN is off: what strangers write on public issues is shown to a model that may write";
            findings.push(Finding::warn("lockdown", text));
        }
        findings
    }
}

fn identity(reader: &mut Reader<'_>) -> Identity {
    let token = reader.upstream_secret(
        "GITHUB_TOKEN",
        "a personal access token; not together with GITHUB_APP_ID",
    );
    let id: Option<NonZeroU64> = reader.optional("GITHUB_APP_ID", "the id of a GitHub App");
    let key =
        reader.upstream_secret("GITHUB_APP_PRIVATE_KEY", "the private key of the app, in PEM");
    let installation: Option<NonZeroU64> =
        reader.optional("GITHUB_APP_INSTALLATION_ID", "the app's installation to act as");
    match (token, id, key, installation) {
        (None, None, None, None) => Identity::Nobody,
        (Some(token), None, None, None) => Identity::Token(token),
        (None, Some(id), Some(key), Some(installation)) => {
            Identity::App { id: id.get(), key, installation: installation.get() }
        }
        (Some(_), ..) => {
            let text = "is set beside an app; keep GITHUB_TOKEN or the variables of the app";
            reader.problem("GITHUB_TOKEN", "environment", text.to_owned());
            Identity::Nobody
        }
        (None, ..) => {
            let text = "needs GITHUB_APP_ID, GITHUB_APP_PRIVATE_KEY and GITHUB_APP_INSTALLATION_ID together";
            reader.problem("GITHUB_APP_ID", "environment", text.to_owned());
            Identity::Nobody
        }
    }
}
