//! Tickets, read from an embedded database.

use anyhow::Result;
use serde_json::json;

use super::echo;
use crate::{
    load::Sample,
    report::Report,
    request::Question,
    rounds::{Load, Running, Subject, interleave},
    stage::{Plan, Stage},
};

/// A server with an empty database.
pub(super) fn footprint(stage: &Stage) -> Subject {
    let question =
        Question::new("search_tickets", json!({ "query": "nothing" }), r#""tickets":[]"#);
    let program =
        stage.guarded("mcp-ticketing", "ticketing").env("DATABASE_URL", "sqlite::memory:");
    Subject::http("ticketing", program, question.bearer(&stage.token))
}

pub(super) async fn answer(stage: &Stage, plan: Plan, report: &mut Report) -> Result<()> {
    let mut tickets = with_a_ticket(stage).await?;
    let mut echo = echo::guarded(stage).start(stage).await?;
    let outcomes = interleave([&mut echo, &mut tickets], 16, Load::Closed, plan).await?;
    report.loads("get_ticket, HTTP", &outcomes);
    let [echo, tickets] = &outcomes;
    report.figure("ticketing_get_ticket_vs_echo", tickets.against(echo, Sample::rate));
    report.figure("ticketing_get_ticket_p50_ms", tickets.median(|it| it.quantile_us(0.5)) / 1e3);
    Ok(())
}

/// A server whose only ticket is asked for again and again.
async fn with_a_ticket(stage: &Stage) -> Result<Running> {
    let file = stage.folder.join("tickets.db");
    let ticket = json!({ "title": "The printer is on fire", "body": "It says `lp0 on fire`." });
    let create = Question::new("create_ticket", ticket, r#""version":1"#).bearer(&stage.token);
    let program = stage.guarded("mcp-ticketing", "tickets");
    let program = program.env("DATABASE_URL", format!("sqlite:{}", file.display()));
    let mut tickets = Subject::http("ticketing", program, create).start(stage).await?;
    let get = Question::new("get_ticket", json!({ "id": "T-1" }), r#""id":"T-1""#);
    tickets.ask(get.bearer(&stage.token));
    Ok(tickets)
}
