//! What a server is deployed with on each platform: the one value that every template is rendered from.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::settings::{self, Setting};
use crate::descriptor::Descriptor;
use crate::workspace;

/// Everything that a template may say.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Deployment {
    pub(crate) server: Descriptor,
    /// Where it is reached.
    pub(crate) host: String,
    /// With its tag.
    pub(crate) image: String,
    /// Ports of what it talks to.
    pub(crate) egress: Vec<u16>,
    pub(crate) settings: Vec<Setting>,
    pub(crate) platforms: Platforms<Platform>,
    /// The oldest Rust that builds it.
    pub(crate) rust: String,
}

/// What is set where the server runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Platform {
    pub(crate) environment: BTreeMap<String, String>,
    /// Given apart, each by its name.
    pub(crate) secrets: Vec<String>,
}

/// One of something for each platform.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Platforms<T> {
    pub(crate) compose: T,
    pub(crate) kubernetes: T,
    pub(crate) fly: T,
    pub(crate) railway: T,
    pub(crate) aws: T,
}

impl<T> Platforms<T> {
    fn map<U>(&self, of: impl Fn(&T) -> Result<U>) -> Result<Platforms<U>> {
        Ok(Platforms {
            compose: of(&self.compose).context("compose")?,
            kubernetes: of(&self.kubernetes).context("kubernetes")?,
            fly: of(&self.fly).context("fly")?,
            railway: of(&self.railway).context("railway")?,
            aws: of(&self.aws).context("aws")?,
        })
    }
}

/// `deploy/defaults.toml`: what every server's files start from.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Defaults {
    domain: String,
    image: String,
    issuer: String,
    egress: Vec<u16>,
    secrets: Vec<String>,
    environment: BTreeMap<String, String>,
    platforms: Platforms<PlatformDefaults>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct PlatformDefaults {
    environment: BTreeMap<String, String>,
    /// A developer's machine, where secrets open nothing and are given as they are.
    is_local: bool,
}

impl Deployment {
    /// Puts the server's own wishes over the defaults; refuses a variable that the server does not read.
    pub(crate) fn new(server: Descriptor, settings: Vec<Setting>) -> Result<Self> {
        let defaults = Defaults::read()?;
        let host = format!("{}.{}", server.name, defaults.domain);
        let platforms = defaults.platforms.map(|platform| {
            let given = defaults.platform(platform, &server, &host);
            let own = given.environment.keys().map(|name| (name, platform.is_local));
            for (name, may_be_secret) in own {
                let is_secret = may_be_secret && is_secret(&settings, name);
                settings::check(&settings, name, is_secret)?;
            }
            for name in &given.secrets {
                settings::check(&settings, name, true)?;
            }
            Ok(given)
        });
        let mut egress = defaults.egress;
        egress.extend(&server.deploy.egress);
        egress.sort_unstable();
        Ok(Self {
            host,
            image: format!("{}/{}:{}", defaults.image, server.package, server.version),
            egress,
            platforms: platforms.with_context(|| server.package.clone())?,
            rust: rust_version()?,
            settings,
            server,
        })
    }
}

impl Defaults {
    fn read() -> Result<Self> {
        let path = workspace::root().join("deploy/defaults.toml");
        let read = || -> Result<Self> { Ok(toml::from_str(&fs::read_to_string(&path)?)?) };
        read().with_context(|| format!("`{}`", path.display()))
    }

    fn platform(&self, platform: &PlatformDefaults, server: &Descriptor, host: &str) -> Platform {
        let mut environment = self.environment.clone();
        environment.extend(platform.environment.clone());
        environment.extend(server.deploy.environment.clone());
        let mut secrets = [self.secrets.as_slice(), &server.deploy.secrets].concat();
        if platform.is_local {
            environment.extend(server.deploy.compose.environment.clone());
            secrets.clear();
        }
        environment.retain(|_, value| !value.is_empty());
        for value in environment.values_mut() {
            *value = value
                .replace("{host}", host)
                .replace("{issuer}", &self.issuer)
                .replace("{name}", &server.name);
        }
        secrets.sort_unstable();
        Platform { environment, secrets }
    }
}

fn is_secret(settings: &[Setting], variable: &str) -> bool {
    settings.iter().any(|setting| setting.variable == variable && setting.is_secret)
}

fn rust_version() -> Result<String> {
    let manifest = fs::read_to_string(workspace::root().join("Cargo.toml"))?;
    let manifest: toml::Table = manifest.parse()?;
    let package = manifest.get("workspace").and_then(|it| it.get("package"));
    let version = package.and_then(|it| it.get("rust-version")).and_then(toml::Value::as_str);
    Ok(version.context("the workspace has no `rust-version`")?.to_owned())
}
