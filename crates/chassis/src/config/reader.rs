//! One way to read a setting, which is also where its name, meaning and default are written down.
//!
//! Layers, later wins: default < file < environment < flag. Every problem is collected before the first is
//! reported, and every setting that was asked for is remembered, so that `config show`, `config schema` and
//! the tables in the documentation are derived from the same lines that read the value.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Display,
    fs::File,
    hash::RandomState,
    io::{self, Read},
    path::{Path, PathBuf},
    str::FromStr,
};

use mcp_telemetry::metrics::Metrics;
use secrecy::SecretString;
use serde::de::DeserializeOwned;

use super::{Effect, FileLayer, Snapshot, Stamps, Vars, stamp::Stamp};
use crate::finding::{Deployment, Finding};

/// The longest secret in a file, in bytes: a private key fits well.
const MAX_SECRET: u64 = 64 << 10;

/// What a group of settings is read by.
pub trait Settings: Sized + Send + 'static {
    /// Reads every setting of the group, in the order in which the documentation lists them.
    fn read(reader: &mut Reader<'_>) -> Self;

    /// What `doctor` tells of these settings, before anything is started with them.
    fn review(&self, _deployment: Deployment) -> Vec<Finding> {
        Vec::new()
    }
}

/// One setting, as it is in this deployment.
#[derive(Clone, Debug)]
pub(crate) struct Described {
    pub(crate) variable: &'static str,
    pub(crate) key: String,
    pub(crate) meaning: &'static str,
    pub(crate) default: Option<String>,
    pub(crate) secret: bool,
    pub(crate) value: Option<String>,
    pub(crate) origin: String,
    /// What a change of it takes to be in force.
    effect: Effect,
    /// The file that it names, where its content is what counts.
    content: Option<Stamp>,
}

/// A setting that cannot be used: the name, where the value came from, and what would be accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name} (from {origin}): {text}")]
pub struct Problem {
    name: String,
    origin: String,
    text: String,
}

impl Problem {
    pub(crate) fn new(name: &str, origin: &str, text: impl Into<String>) -> Self {
        Self { name: name.to_owned(), origin: origin.to_owned(), text: text.into() }
    }
}

/// Reads settings from the layers.
#[derive(Debug)]
pub struct Reader<'a> {
    vars: &'a Vars,
    file: Option<&'a FileLayer>,
    flags: &'a BTreeMap<&'static str, String>,
    pub(crate) settings: Vec<Described>,
    pub(crate) problems: Vec<Problem>,
    pub(super) tables: BTreeMap<&'static str, Effect>,
    /// The entries of `[upstream]` that the server asked for.
    pub(crate) upstreams: BTreeSet<&'static str>,
    /// The variables of secrets that upstreams know this server by.
    pub(super) upstream_credentials: Vec<&'static str>,
    pub(super) is_exposed: bool,
    /// Of the settings that are being read.
    effect: Effect,
    /// Every file that was read, as it was before.
    pub(super) files: Stamps,
    /// How much each upstream is used.
    #[cfg(feature = "upstream")]
    pub(super) limits: BTreeMap<&'static str, mcp_limits::LiveLimits>,
    /// Where figures of upstreams are kept; nowhere while settings are only looked at.
    pub(super) metrics: Option<Metrics>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(
        vars: &'a Vars,
        file: Option<&'a FileLayer>,
        flags: &'a BTreeMap<&'static str, String>,
    ) -> Self {
        let (settings, problems) = Default::default();
        let (tables, upstreams) = Default::default();
        Self {
            vars,
            file,
            flags,
            settings,
            problems,
            tables,
            upstreams,
            upstream_credentials: Vec::new(),
            is_exposed: false,
            effect: Effect::Restart,
            files: Stamps::default(),
            #[cfg(feature = "upstream")]
            limits: BTreeMap::new(),
            metrics: None,
        }
    }

    /// Reads settings that take effect while the server runs, by what a reload replaces.
    pub(super) fn live<T>(&mut self, read: impl FnOnce(&mut Self) -> T) -> T {
        self.with_effect(Effect::Live, read)
    }

    /// Reads the settings of the domain, which is started anew when one of them changes.
    pub(super) fn domain<T>(&mut self, read: impl FnOnce(&mut Self) -> T) -> T {
        self.with_effect(Effect::Domain, read)
    }

    fn with_effect<T>(&mut self, effect: Effect, read: impl FnOnce(&mut Self) -> T) -> T {
        let outer = std::mem::replace(&mut self.effect, effect);
        let value = read(self);
        self.effect = outer;
        value
    }

    /// The path of a file whose content is a part of the configuration: read again when it changes.
    pub fn file(&mut self, variable: &'static str, meaning: &'static str) -> Option<PathBuf> {
        let path: PathBuf = self.optional(variable, meaning)?;
        let content = self.files.look(&path);
        if let Some(setting) = self.settings.last_mut() {
            setting.content = content;
        }
        Some(path)
    }

    /// A setting with a default.
    ///
    /// `default` must parse; a default that does not is reported like any other wrong value.
    pub fn or<T: FromStr>(
        &mut self,
        variable: &'static str,
        default: &str,
        meaning: &'static str,
    ) -> Setting<T>
    where
        T::Err: Display,
    {
        let found = self.find(variable);
        let (text, origin) = found.unwrap_or_else(|| (default.to_owned(), self::default()));
        self.describe(variable, meaning, Some(default), Some(&text), &origin);
        Setting(self.parse(variable, &text, &origin))
    }

    /// A setting that may be missing.
    pub fn optional<T: FromStr>(
        &mut self,
        variable: &'static str,
        meaning: &'static str,
    ) -> Option<T>
    where
        T::Err: Display,
    {
        let found = self.find(variable);
        let (text, origin) = found.unzip();
        let origin = origin.unwrap_or_else(default);
        self.describe(variable, meaning, None, text.as_deref(), &origin);
        self.parse(variable, &text?, &origin)
    }

    /// A secret, given as it is or as the path of a file in `<variable>_FILE`.
    pub fn secret(
        &mut self,
        variable: &'static str,
        meaning: &'static str,
    ) -> Option<SecretString> {
        let path = self.find(&format!("{variable}_FILE"));
        let plain = self.find(variable);
        if plain.is_some() && path.is_some() {
            self.problem(
                variable,
                "environment",
                format!("is given twice; keep {variable} or {variable}_FILE"),
            );
        }
        let (text, origin) = match (plain, path) {
            (_, Some((path, _))) => {
                let origin = format!("file {path}");
                self.files.look(Path::new(&path));
                match read_secret(Path::new(&path)) {
                    Ok(text) => (Some(text), origin),
                    Err(error) => {
                        self.problem(variable, &origin, format!("cannot be read: {error}"));
                        (None, origin)
                    }
                }
            }
            (Some((text, origin)), None) => (Some(text), origin),
            (None, None) => (None, default()),
        };
        self.describe(variable, meaning, None, text.as_deref(), &origin);
        if let Some(setting) = self.settings.last_mut() {
            setting.secret = true;
        }
        text.map(SecretString::from)
    }

    /// A secret that is given as it is: its `<variable>_FILE` is a setting of its own.
    pub(crate) fn plain_secret(
        &mut self,
        variable: &'static str,
        meaning: &'static str,
    ) -> Option<SecretString> {
        let text: Option<String> = self.optional(variable, meaning);
        if let Some(setting) = self.settings.last_mut() {
            setting.secret = true;
        }
        text.map(SecretString::from)
    }

    /// A table of the file whose entries the deployer names.
    pub fn table<T: DeserializeOwned>(&mut self, name: &'static str) -> BTreeMap<String, T> {
        self.tables.insert(name, self.effect);
        let Some((file, table)) = self.file.and_then(|file| Some((file, file.table(name)?))) else {
            return BTreeMap::new();
        };
        let mut entries = BTreeMap::new();
        for (key, value) in table {
            match value.clone().try_into() {
                Ok(entry) => drop(entries.insert(key.clone(), entry)),
                Err(error) => self.problems.push(Problem::new(
                    &format!("[{name}.{key}]"),
                    &format!("file {}", file.path),
                    error.message(),
                )),
            }
        }
        entries
    }

    /// One entry of a table, `[<table>.<name>]`, where the file has it.
    #[cfg(feature = "upstream")]
    pub(super) fn entry<T: DeserializeOwned>(
        &mut self,
        table: &'static str,
        name: &str,
    ) -> Option<T> {
        self.tables.insert(table, Effect::Live);
        let file = self.file?;
        let entry = file.table(table)?.get(name)?.clone();
        entry.try_into().map_err(|error: toml::de::Error| error.message().to_owned()).map_or_else(
            |text| {
                self.problem(&format!("[{table}.{name}]"), &format!("file {}", file.path), text);
                None
            },
            Some,
        )
    }

    /// Where a server may keep files of its user: `$XDG_DATA_HOME`, or `~/.local/share` (XDG Base Directory).
    pub fn data_directory(&self) -> Option<PathBuf> {
        let home = || self.vars.get("HOME").map(|home| PathBuf::from(home).join(".local/share"));
        self.vars.get("XDG_DATA_HOME").map(PathBuf::from).or_else(home)
    }

    /// Reports a problem that only shows when settings are seen together.
    pub fn problem(&mut self, name: &str, origin: &str, text: String) {
        self.problems.push(Problem::new(name, origin, text));
    }

    /// Whether callers of other machines are let in: there is authentication, and the address is beyond loopback.
    ///
    /// Beyond loopback without authentication no server starts at all, and that is the problem to be told.
    pub fn is_exposed(&self) -> bool {
        self.is_exposed
    }

    /// Where the value of `variable` came from.
    pub(crate) fn origin(&self, variable: &str) -> String {
        let described = self.settings.iter().find(|setting| setting.variable == variable);
        described.map_or_else(default, |setting| setting.origin.clone())
    }

    /// Reports entries of `[upstream]` that name none of this server's.
    fn refuse_unknown_upstreams(&mut self) {
        let Some((file, table)) = self.file.and_then(|file| Some((file, file.table("upstream")?)))
        else {
            return;
        };
        let known: Vec<_> = self.upstreams.iter().map(|name| format!("`{name}`")).collect();
        for name in table.keys().filter(|name| !self.upstreams.contains(name.as_str())) {
            let text = format!("is not an upstream of this server; known: {}", known.join(", "));
            let origin = format!("file {}", file.path);
            self.problems.push(Problem::new(&format!("[upstream.{name}]"), &origin, text));
        }
    }

    /// Reports keys of the file that nobody asked for, with the nearest that somebody did.
    pub(crate) fn refuse_unknown_keys(&mut self) {
        if !self.upstreams.is_empty() {
            self.refuse_unknown_upstreams();
        }
        let Some(file) = self.file else { return };
        let mut known: BTreeSet<String> = self.tables.keys().map(|&name| name.to_owned()).collect();
        for setting in &self.settings {
            known.insert(setting.key.clone());
            known.insert(setting.variable.to_ascii_lowercase());
            if setting.secret {
                known.insert(format!("{}_file", setting.key));
                known.insert(format!("{}_file", setting.variable.to_ascii_lowercase()));
            }
        }
        let unknown: Vec<_> = file.keys().filter(|key| !known.contains(*key)).collect();
        for key in unknown {
            let nearest = known
                .iter()
                .max_by(|left, right| {
                    strsim::jaro_winkler(key, left).total_cmp(&strsim::jaro_winkler(key, right))
                })
                .map_or("", String::as_str);
            self.problems.push(Problem::new(
                key,
                &format!("file {}", file.path),
                format!("is not a setting; the nearest is `{nearest}`"),
            ));
        }
    }

    /// What was read, to be compared with the next reading.
    pub(super) fn snapshot(&self, hasher: &RandomState) -> Snapshot {
        let mut snapshot = Snapshot::default();
        for setting in &self.settings {
            let value = (&setting.value, setting.content);
            snapshot.note(setting.variable, setting.effect, value, hasher);
        }
        for (&name, &effect) in &self.tables {
            let table = self.file.and_then(|file| file.table(name)).map(ToString::to_string);
            snapshot.note(name, effect, table, hasher);
        }
        snapshot
    }

    /// Says that the last setting takes effect without the domain being started anew.
    #[cfg(feature = "upstream")]
    pub(super) fn last_is_live(&mut self) {
        if let Some(setting) = self.settings.last_mut() {
            setting.effect = Effect::Live;
        }
    }

    pub(super) fn find(&self, variable: &str) -> Option<(String, String)> {
        if let Some(value) = self.flags.get(variable) {
            return Some((value.clone(), "flag".to_owned()));
        }
        if let Some(value) = self.vars.get(variable) {
            return Some((value.to_owned(), "environment".to_owned()));
        }
        let file = self.file?;
        let value = file.get(&key_of(variable), variable)?;
        Some((value.to_owned(), format!("file {}", file.path)))
    }

    fn parse<T: FromStr>(&mut self, variable: &str, text: &str, origin: &str) -> Option<T>
    where
        T::Err: Display,
    {
        match text.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                let meaning = self.settings.last().map_or("", |setting| setting.meaning);
                self.problem(variable, origin, format!("{error}; it is {meaning}"));
                None
            }
        }
    }

    fn describe(
        &mut self,
        variable: &'static str,
        meaning: &'static str,
        default: Option<&str>,
        value: Option<&str>,
        origin: &str,
    ) {
        self.settings.push(Described {
            variable,
            key: key_of(variable),
            meaning,
            default: default.map(str::to_owned),
            secret: false,
            value: value.map(str::to_owned),
            origin: origin.to_owned(),
            effect: self.effect,
            content: None,
        });
    }
}

/// A setting that has a default, so that it is missing only where a problem has been reported.
#[derive(Debug)]
#[must_use]
pub struct Setting<T>(Option<T>);

impl<T> Setting<T> {
    /// The value; where it was wrong and is reported already, `stand_in` keeps the reading going.
    pub fn or_stand_in(self, stand_in: T) -> T {
        self.0.unwrap_or(stand_in)
    }
}

impl<T: Default> Setting<T> {
    /// The value, with the type's default as the stand-in of [`Setting::or_stand_in`].
    pub fn value(self) -> T {
        self.0.unwrap_or_default()
    }
}

/// The secret that a file holds, without the end of its line.
fn read_secret(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(MAX_SECRET + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_SECRET {
        return Err(io::Error::other("it is longer than 64 KiB"));
    }
    let secret = text.trim_end_matches(['\r', '\n']);
    if secret.trim().is_empty() {
        return Err(io::Error::other("it is empty"));
    }
    Ok(secret.to_owned())
}

/// The origin of a value that nobody set.
fn default() -> String {
    "default".to_owned()
}

/// The file's key of a variable: `MCP_RATE_LIMIT` is `rate_limit`, `MCP_AUTH_ISSUER` is `auth.issuer`.
fn key_of(variable: &str) -> String {
    let name = variable.strip_prefix("MCP_").unwrap_or(variable).to_ascii_lowercase();
    match name.strip_prefix("auth") {
        Some("") => "auth.mode".to_owned(),
        Some(rest) => format!("auth.{}", rest.trim_start_matches('_')),
        None => name,
    }
}
