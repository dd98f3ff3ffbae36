//! The configuration file: TOML, flattened to keys, with a few tables that stay tables.

use std::{collections::BTreeMap, fs::File, io::Read, path::Path};

use toml::Value;

use super::Problem;

/// The largest configuration file that is read, in bytes.
const MAX_FILE: u64 = 1 << 20;

/// Tables whose entries are named by the deployer, so that they cannot be flattened.
const NAMED_TABLES: [&str; 5] =
    ["tools", "upstream", "collections", "auth.scope_map", "auth.certificates"];

/// What a configuration file says.
#[derive(Clone, Debug, Default)]
pub(crate) struct FileLayer {
    pub(crate) path: String,
    values: BTreeMap<String, String>,
    tables: BTreeMap<String, toml::Table>,
}

impl FileLayer {
    /// Reads and flattens the file.
    ///
    /// # Errors
    /// When it cannot be read, is larger than 1 MiB, or is not TOML.
    pub(crate) fn read(path: &Path) -> Result<Self, Problem> {
        let name = path.display().to_string();
        let problem = |text: String| Problem::new("MCP_CONFIG", &format!("file {name}"), text);
        let mut text = String::new();
        File::open(path)
            .and_then(|file| file.take(MAX_FILE + 1).read_to_string(&mut text))
            .map_err(|error| problem(format!("cannot be read: {error}")))?;
        if text.len() as u64 > MAX_FILE {
            return Err(problem("is larger than 1 MiB".to_owned()));
        }
        // The parser's own message would repeat the line, which may hold a secret.
        let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
            let line = error
                .span()
                .and_then(|span| text.get(..span.start))
                .map_or(1, |before| before.lines().count().max(1));
            problem(format!("is not valid TOML at line {line}: {}", error.message()))
        })?;
        let mut layer = Self { path: name, ..Self::default() };
        layer.flatten("", table)?;
        Ok(layer)
    }

    fn flatten(&mut self, prefix: &str, table: toml::Table) -> Result<(), Problem> {
        for (key, value) in table {
            let key = if prefix.is_empty() { key } else { format!("{prefix}.{key}") };
            match value {
                Value::Table(table) if NAMED_TABLES.contains(&key.as_str()) => {
                    self.tables.insert(key, table);
                }
                Value::Table(table) => self.flatten(&key, table)?,
                value => {
                    let text = as_text(&value).ok_or_else(|| {
                        Problem::new(&key, &format!("file {}", self.path), "must be a single value")
                    })?;
                    self.values.insert(key.to_ascii_lowercase(), text);
                }
            }
        }
        Ok(())
    }

    /// The value under the key, or under the variable's own name.
    pub(crate) fn get(&self, key: &str, variable: &str) -> Option<&str> {
        let by_variable = || self.values.get(&variable.to_ascii_lowercase());
        self.values.get(key).or_else(by_variable).map(String::as_str)
    }

    pub(crate) fn table(&self, name: &str) -> Option<&toml::Table> {
        self.tables.get(name)
    }

    /// The keys of the file, and its tables.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &str> {
        self.values.keys().chain(self.tables.keys()).map(String::as_str)
    }
}

/// A value as it would stand in a variable; lists by commas.
fn as_text(value: &Value) -> Option<String> {
    Some(match value {
        Value::String(text) => text.clone(),
        Value::Integer(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Boolean(truth) => truth.to_string(),
        Value::Datetime(time) => time.to_string(),
        Value::Array(items) => items.iter().map(as_text).collect::<Option<Vec<_>>>()?.join(","),
        Value::Table(_) => return None,
    })
}
