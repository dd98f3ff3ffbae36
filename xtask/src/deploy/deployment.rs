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
    pub(crate) build: Build,
}

/// What its image is built from, as compose says it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Build {
    context: String,
    dockerfile: String,
    is_released: bool,
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
            build: Build {
                context: "../..".into(),
                dockerfile: format!("deploy/{}/Dockerfile", server.name),
                is_released: false,
            },
            settings,
            server,
        })
    }

    /// The same from a release's folder, where there are no sources.
    pub(crate) fn released(&self) -> Self {
        let build =
            Build { context: ".".into(), dockerfile: "Dockerfile".into(), is_released: true };
        Self { build, ..self.clone() }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deploy::files;

    fn weather() -> Descriptor {
        Descriptor::chosen(Some("weather")).unwrap().remove(0)
    }

    /// What the defaults name, and `own`: a variable and whether it is a secret.
    fn settings(own: &[(&str, bool)]) -> Vec<Setting> {
        let setting = |variable: &str, is_secret, is_own| Setting {
            variable: variable.to_owned(),
            key: variable.to_ascii_lowercase(),
            meaning: String::new(),
            default: None,
            is_secret,
            is_own,
        };
        let defaults = Defaults::read().unwrap();
        let platforms = &defaults.platforms;
        let all = [
            &platforms.compose,
            &platforms.kubernetes,
            &platforms.fly,
            &platforms.railway,
            &platforms.aws,
        ];
        let plain: std::collections::BTreeSet<&String> = all
            .into_iter()
            .flat_map(|platform| platform.environment.keys())
            .chain(defaults.environment.keys())
            .filter(|name| !defaults.secrets.contains(name))
            .collect();
        let own = own.iter().map(|(variable, is_secret)| setting(variable, *is_secret, true));
        let plain = plain.into_iter().map(|variable| setting(variable, false, false));
        let secrets = defaults.secrets.iter().map(|variable| setting(variable, true, false));
        own.chain(plain).chain(secrets).collect()
    }

    fn saying(server: Descriptor, settings: Vec<Setting>, text: &str) -> Vec<String> {
        let files = files(&Deployment::new(server, settings).unwrap()).unwrap();
        files.into_iter().filter(|file| file.text.contains(text)).map(|file| file.name).collect()
    }

    #[test]
    fn one_change_of_a_variable_reaches_every_platform() {
        let mut server = weather();
        server.deploy.environment.insert("WEATHER_CACHE".into(), "7m of {name}".into());
        let saying = saying(server, settings(&[("WEATHER_CACHE", false)]), "7m of weather");
        let expected = [
            ".env.example",
            "aws.json",
            "compose.yaml",
            "fly.toml",
            "kubernetes.yaml",
            "railway.env",
            "values.yaml",
        ];
        assert_eq!(saying, expected);
    }

    #[test]
    fn a_secret_is_named_on_every_platform_and_given_as_a_file_where_there_are_files() {
        let server = || {
            let mut server = weather();
            server.deploy.secrets.push("TOKEN".into());
            server
        };
        let settings = || settings(&[("TOKEN", true)]);
        let named = saying(server(), settings(), "TOKEN");
        let expected = [
            ".env.example",
            "aws.json",
            "fly.toml",
            "kubernetes.yaml",
            "railway.env",
            "values.yaml",
        ];
        assert_eq!(named, expected);
        let as_file = saying(server(), settings(), "TOKEN_FILE");
        assert_eq!(as_file, [".env.example", "kubernetes.yaml"]);
    }

    #[test]
    fn a_variable_that_the_server_does_not_read_is_refused() {
        let mut server = weather();
        server.deploy.environment.insert("WEATHER_CASHE".into(), "7m".into());
        let refusal = Deployment::new(server, settings(&[])).unwrap_err();
        let refusal = format!("{refusal:#}");
        assert!(refusal.contains("`WEATHER_CASHE` is no setting of the server"), "{refusal}");
    }

    #[test]
    fn an_empty_text_takes_a_variable_out() {
        let deployment = Deployment::new(weather(), settings(&[])).unwrap();
        assert!(!deployment.platforms.railway.environment.contains_key("MCP_LISTEN"));
        assert!(deployment.platforms.fly.environment.contains_key("MCP_LISTEN"));
    }
}
