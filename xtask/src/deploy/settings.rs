//! A server's settings, as its own program describes them: the one list that everything rendered is checked against.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use serde::Serialize;
use serde_json::Value;

use crate::process::output;

/// One setting of a server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Setting {
    pub(crate) variable: String,
    /// In the file, such as `auth.issuer`.
    pub(crate) key: String,
    /// What it is, for a person.
    pub(crate) meaning: String,
    pub(crate) default: Option<String>,
    pub(crate) is_secret: bool,
    /// Of the server, not of the chassis.
    pub(crate) is_own: bool,
}

/// Every setting of the program: its own first, then those of every server, each by name.
pub(crate) fn of(program: &Path) -> Result<Vec<Setting>> {
    let schema = output(Command::new(program).args(["config", "schema"]))?;
    let schema = serde_json::from_str(&schema).context("`config schema` printed no JSON")?;
    let mut settings = Vec::new();
    gather(&schema, "", &mut settings);
    ensure!(!settings.is_empty(), "`config schema` names no variable");
    settings.sort_by(|left, right| {
        (!left.is_own, &left.variable).cmp(&(!right.is_own, &right.variable))
    });
    Ok(settings)
}

fn gather(schema: &Value, table: &str, settings: &mut Vec<Setting>) {
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return };
    for (name, property) in properties {
        let key = format!("{table}{name}");
        let text = |key: &str| property.get(key).and_then(Value::as_str).map(str::to_owned);
        let flag = |key: &str| property.get(key).and_then(Value::as_bool) == Some(true);
        if let Some(variable) = text("x-variable") {
            settings.push(Setting {
                variable,
                key: key.clone(),
                meaning: text("description").unwrap_or_default(),
                default: text("default"),
                is_secret: flag("writeOnly"),
                is_own: flag("x-own"),
            });
        }
        gather(property, &format!("{key}."), settings);
    }
}

/// Refuses a variable that the server does not read, and one on the wrong side of what is secret.
pub(super) fn check(settings: &[Setting], variable: &str, is_secret: bool) -> Result<()> {
    let known = settings.iter().find(|setting| setting.variable == variable);
    match known {
        None => bail!("`{variable}` is no setting of the server: see its `config schema`"),
        Some(setting) if setting.is_secret && !is_secret => {
            bail!("`{variable}` is a secret: it belongs among the `secrets`")
        }
        Some(setting) if !setting.is_secret && is_secret => {
            bail!("`{variable}` is no secret: it belongs into the `environment`")
        }
        Some(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Vec<Setting> {
        let mut settings = Vec::new();
        let schema = serde_json::json!({ "properties": {
            "auth": { "properties": { "issuer": { "x-variable": "MCP_AUTH_ISSUER", "writeOnly": false } } },
            "token": { "x-variable": "TOKEN", "writeOnly": true, "x-own": true, "description": "a token" },
            "token_file": { "type": "string" },
        }});
        gather(&schema, "", &mut settings);
        settings
    }

    #[test]
    fn settings_are_gathered_from_tables_within_tables() {
        let keys: Vec<_> = settings().into_iter().map(|setting| setting.key).collect();
        assert_eq!(keys, ["auth.issuer", "token"]);
    }

    #[test]
    fn what_the_server_does_not_read_is_refused_and_so_is_a_secret_in_the_open() {
        let settings = settings();
        assert!(check(&settings, "TOKEN", true).is_ok());
        assert!(check(&settings, "MCP_AUTH_ISSUER", false).is_ok());
        for (variable, is_secret, reason) in [
            ("MCP_AUTH_ISSUR", false, "no setting"),
            ("TOKEN", false, "is a secret"),
            ("MCP_AUTH_ISSUER", true, "is no secret"),
        ] {
            let refusal = check(&settings, variable, is_secret).unwrap_err().to_string();
            assert!(refusal.contains(reason), "{refusal}");
        }
    }
}
