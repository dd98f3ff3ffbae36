//! A ticket's life: opened, found, discussed, closed, read back.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::Script;
use super::conversation::Conversation;

pub(super) const SCRIPT: Script = Script {
    server: "ticketing",
    scopes: "tickets:read tickets:write",
    environment: |folder| {
        let file = folder.join("tickets.db");
        Ok(vec![("DATABASE_URL", format!("sqlite:{}", file.display()))])
    },
    readers_headers: &[],
    steps: |conversation| Box::pin(steps(conversation)),
};

async fn steps(client: &mut Conversation) -> Result<()> {
    client.discover()?;
    client.list_tools(&["search_tickets", "create_ticket", "add_comment", "close_ticket"]).await?;

    let ticket = json!({
        "title": "Printer on fire", "body": "Smoke comes out of tray 2.", "priority": "high",
        "idempotency_key": "demo-1",
    });
    let shown = ["/id", "/title", "/status", "/priority", "/version"];
    let opened = client.call("create_ticket", ticket.clone(), &shown).await?;
    opened.expect("/status", "open")?.expect("/version", 1)?;
    let id = opened.at("/id").as_str().context("a ticket without an id")?;
    // The same key again: the answer may have been lost on the way, the ticket must not be opened twice.
    let repeated = client.call("create_ticket", ticket, &shown).await?;
    repeated.expect("/id", id)?.expect("/created_at", opened.at("/created_at").clone())?;

    let query = json!({ "query": "printer smoke" });
    let found = client.call("search_tickets", query, &["/tickets/0/id", "/truncated"]).await?;
    ensure!(found.at("/tickets").as_array().map(Vec::len) == Some(1), "not exactly one ticket");
    found.expect("/tickets/0/id", id)?;

    let comment = json!({ "id": id, "body": "It was toast, not toner." });
    client.call("add_comment", comment, &["/author", "/body"]).await?;
    client.prompt("triage_ticket", json!({ "id": id }), "It was toast").await?;
    let stale = json!({ "id": id, "expected_version": 7, "priority": "low" });
    client.call_fails("update_ticket", stale, "conflict").await?;

    let close = json!({ "id": id, "resolution": "Removed the toast." });
    client.call_as_reader("close_ticket", close.clone(), "tickets:write").await?;
    let closed =
        client.call("close_ticket", close.clone(), &["/id", "/status", "/resolution"]).await?;
    closed.expect("/status", "closed")?.expect("/resolution", "Removed the toast.")?;
    client.call_fails("close_ticket", close, "conflict").await?;

    let read = client.read(&format!("ticket://{id}")).await?;
    read.expect("/status", "closed")?.expect("/assignee", Value::Null)?;
    Ok(())
}
