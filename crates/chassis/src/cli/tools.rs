//! `tools`: what a client will see, and what it costs a model to see it.

use serde_json::{Value, json};

use super::Failure;
use crate::{Server, app::catalog, catalog::RegisteredTool, config::Core};

/// Bytes of JSON a token, about, for the tokenizers of current models.
const BYTES_PER_TOKEN: usize = 4;

pub(super) fn print<S: Server>(
    core: &Core,
    config: &S::Config,
    as_json: bool,
) -> Result<(), Failure> {
    let catalog = catalog::<S>(core, config).map_err(Failure::problems)?;
    let rows: Vec<_> = catalog.tools().iter().map(|tool| row(tool, core)).collect();
    if as_json {
        return super::print(format!("{:#}\n", Value::Array(rows)).as_bytes());
    }
    super::print(table(&rows).as_bytes())
}

fn row<S>(tool: &RegisteredTool<S>, core: &Core) -> Value {
    let (kind, policy) = (tool.spec.kind, tool.spec.policy);
    let definition = serde_json::to_value(&tool.definition).unwrap_or_default();
    let class = if kind.effect.writes() { &core.limits.writes } else { &core.limits.reads };
    let own =
        core.offer.overrides.get(kind.name).and_then(|tightened| tightened.rate_limit.as_ref());
    json!({
        "name": kind.name,
        "title": kind.title,
        "side_effect": kind.effect,
        "annotations": definition.get("annotations"),
        "scopes": policy.scopes,
        "quota": own.unwrap_or(class).to_string(),
        "deadline_ms": u64::try_from(policy.deadline.min(core.limits.deadline).as_millis()).unwrap_or(u64::MAX),
        "output_budget_tokens": policy.budget.token_count(),
        "token_cost": definition.to_string().len().div_ceil(BYTES_PER_TOKEN),
        "definition": definition,
    })
}

fn table(rows: &[Value]) -> String {
    const COLUMNS: [(&str, &str); 6] = [
        ("TOOL", "name"),
        ("EFFECT", "side_effect"),
        ("SCOPES", "scopes"),
        ("QUOTA", "quota"),
        ("BUDGET", "output_budget_tokens"),
        ("TOKENS", "token_cost"),
    ];
    let cell = |row: &Value, key: &str| match row.get(key) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(items)) => {
            items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" ")
        }
        Some(value) => value.to_string(),
        None => String::new(),
    };
    let widths = COLUMNS.map(|(title, key)| {
        rows.iter().map(|row| cell(row, key).len()).max().unwrap_or_default().max(title.len())
    });
    let line = |cells: [String; 6]| {
        let cells = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
    };
    let mut text = line(COLUMNS.map(|(title, _)| title.to_owned()));
    for row in rows {
        text.push_str(&line(COLUMNS.map(|(_, key)| cell(row, key))));
    }
    text
}
