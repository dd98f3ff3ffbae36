//! `surface`: what every deployment offers, and under which policies, for those who compare it with what was reviewed.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Failure, print as print_text};
use crate::{
    BecomesTask, Policy, Server, ToolKind, Trust,
    app::catalog,
    config::{Core, Reader, Settings, Transport, Vars},
};

/// Prints definitions as the protocol's lists have them, each with its policy.
pub(super) fn print<S: Server>() -> Result<(), Failure> {
    // Nothing is set, so that what a deployment tightens or leaves out does not count.
    let (vars, flags) = (Vars::default(), BTreeMap::new());
    let mut reader = Reader::new(&vars, None, &flags);
    let core = Core::read(&mut reader, S::RATE_LIMIT, Transport::Http);
    let config = S::Config::read(&mut reader);
    let catalog = catalog::<S>(&core, &config).map_err(Failure::problems)?;
    let tools = catalog
        .tools()
        .iter()
        .map(|tool| entry(&json!(tool.definition), tool.spec.policy, Some(tool.spec.kind)));
    let prompts =
        catalog.prompts().iter().map(|it| entry(&json!(it.definition), it.spec.policy, None));
    let (templates, fixed): (Vec<_>, Vec<_>) =
        catalog.resources().iter().partition(|resource| resource.spec.uri().contains('{'));
    let fixed = fixed.into_iter().map(|it| entry(&json!(it.definition()), it.spec.policy, None));
    let templates = templates
        .into_iter()
        .map(|it| entry(&json!(it.template_definition()), it.spec.policy, None));
    let surface = json!({
        "server": S::NAME,
        "version": S::VERSION,
        "title": S::TITLE,
        "instructions": S::INSTRUCTIONS,
        "rate_limits": {
            "client": S::RATE_LIMIT,
            "read": core.limits.reads.to_string(),
            "write": core.limits.writes.to_string(),
        },
        "tools": tools.collect::<Vec<_>>(),
        "prompts": prompts.collect::<Vec<_>>(),
        "resources": fixed.collect::<Vec<_>>(),
        "resource_templates": templates.collect::<Vec<_>>(),
    });
    print_text(format!("{surface:#}\n").as_bytes())
}

fn entry(definition: &Value, policy: Policy, tool: Option<ToolKind>) -> Value {
    let (text, sources) = match policy.trust {
        Trust::Outside { sources } => ("outside", sources),
        Trust::Flagged { sources } => ("flagged", sources),
        Trust::Own => ("own", &[][..]),
    };
    let mut terms = json!({
        "scopes": policy.scopes,
        "deadline_s": policy.deadline.as_secs(),
        "output_budget_tokens": policy.budget.token_count(),
        "text": text,
        "sources": sources,
    });
    if let (Some(kind), Value::Object(terms)) = (tool, &mut terms) {
        terms.extend([
            ("side_effect".to_owned(), json!(kind.effect)),
            ("audited".to_owned(), json!(kind.audited)),
            ("asks".to_owned(), json!(kind.asks)),
            ("confirmed".to_owned(), json!(kind.confirm)),
            ("task".to_owned(), task(kind)),
        ]);
    }
    json!({ "definition": definition, "policy": terms })
}

fn task(kind: ToolKind) -> Value {
    let when = match kind.becomes_task {
        BecomesTask::Never => return Value::Null,
        BecomesTask::AfterMillis(after) => json!({ "after_ms": after }),
        BecomesTask::OnRequest => json!("on request"),
        BecomesTask::AtOnce => json!("at once"),
    };
    json!({ "when": when, "deadline_s": kind.task_deadline.as_secs() })
}
