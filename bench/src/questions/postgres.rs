//! SQL: a statement that costs the database nothing, a thousand rows, and the guard before either.

use anyhow::Result;
use mcp_bench::ROWS;
use serde_json::json;
use tokio::process::Command;

use crate::{
    load::Sample,
    process::Program,
    report::Report,
    request::{Era, Question},
    rounds::{Load, Running, Subject, interleave},
    stage::{Plan, Stage},
};

/// A server that has to look at the catalogue before it answers.
pub(super) fn footprint(stage: &Stage) -> Subject {
    let program = stage.guarded("mcp-postgres", "postgres").env("DATABASE_URL", &stage.database);
    Subject::http("postgres", program, select_1().bearer(&stage.token))
}

pub(super) async fn answer(stage: &Stage, plan: Plan, report: &mut Report) -> Result<()> {
    let mut pipes = stdio(stage).start(stage).await?;
    let outcomes = interleave([&mut pipes], 1, Load::Closed, plan).await?;
    report.loads("SELECT 1, stdio", &outcomes);
    report.figure("postgres_select1_p50_ms", p50_ms(&outcomes));
    guard(stage, report).await?;

    let mut by_hand = by_hand(stage).start(stage).await?;
    pipes.ask(rows());
    let outcomes = interleave([&mut by_hand, &mut pipes], 1, Load::Closed, plan).await?;
    report.loads("1,000 rows of 5, stdio", &outcomes);
    let [theirs, ours] = &outcomes;
    let p50 = |sample: &Sample| sample.quantile_us(0.5);
    report.figure("postgres_1000x5_p50_ms", ours.median(p50) / 1e3);
    report.figure("postgres_1000x5_vs_by_hand", ours.against(theirs, p50));

    against_reference(stage, plan, report, &mut pipes).await?;

    let mut http = footprint(stage).start(stage).await?;
    for connections in [1, 16] {
        let outcomes = interleave([&mut http], connections, Load::Closed, plan).await?;
        report.loads("SELECT 1, HTTP", &outcomes);
    }
    http.ask(rows().bearer(&stage.token));
    let outcomes = interleave([&mut http], 1, Load::Closed, plan).await?;
    report.loads("1,000 rows of 5, HTTP", &outcomes);
    report.figure("postgres_1000x5_http_p50_ms", p50_ms(&outcomes));
    Ok(())
}

/// The archived reference server, which has no guard but the transaction, where it is installed.
async fn against_reference(
    stage: &Stage,
    plan: Plan,
    report: &mut Report,
    ours: &mut Running,
) -> Result<()> {
    const SCRIPT: &str = "node_modules/@modelcontextprotocol/server-postgres/dist/index.js";
    let Some(peer) = stage.peer(SCRIPT) else {
        report.skip("the reference PostgreSQL server: needs node, and `npm ci` in bench/peers");
        return Ok(());
    };
    let select_1 = Question::new("query", json!({ "sql": "SELECT 1 AS one" }), r#"\"one\": 1"#);
    let rows = Question::new("query", json!({ "sql": ROWS }), "the name of item 1000");
    let program = peer.arg(stage.database.clone());
    let question = select_1.era(Era::Legacy);
    let mut peer = Subject::stdio("reference server", program, question).start(stage).await?;
    let p50 = |sample: &Sample| sample.quantile_us(0.5);
    for (load, name, theirs, own) in [
        ("SELECT 1, stdio, peers", "postgres_select1_vs_reference", None, self::select_1()),
        ("1,000 rows of 5, peers", "postgres_1000x5_vs_reference", Some(rows), self::rows()),
    ] {
        if let Some(question) = theirs {
            peer.ask(question.era(Era::Legacy));
        }
        ours.ask(own);
        let outcomes = interleave([&mut peer, &mut *ours], 1, Load::Closed, plan).await?;
        report.loads(load, &outcomes);
        let [theirs, ours] = &outcomes;
        report.figure(name, ours.against(theirs, p50));
    }
    Ok(())
}

/// What the guard takes for a kilobyte, without a server around it.
async fn guard(stage: &Stage, report: &mut Report) -> Result<()> {
    let output = Command::new(stage.program("bench-guard")).output().await?;
    report.figure("guard_1kb_us", String::from_utf8(output.stdout)?.trim().parse()?);
    Ok(())
}

fn stdio(stage: &Stage) -> Subject {
    let program = stage.recorded("mcp-postgres", "postgres-stdio");
    Subject::stdio("postgres", program.env("DATABASE_URL", &stage.database), select_1())
}

fn by_hand(stage: &Stage) -> Subject {
    let program: Program = stage.bare("bench-by-hand").arg(stage.database.clone());
    Subject::stdio("by hand", program, rows())
}

fn select_1() -> Question {
    Question::new("query_database", json!({ "sql": "SELECT 1" }), r#""rows":[[1]]"#)
}

fn rows() -> Question {
    let arguments = json!({ "sql": ROWS, "limit": 1_000 });
    Question::new("query_database", arguments, r#"[1000,"the name of item 1000",1500.0,true,"#)
}

fn p50_ms(outcomes: &[crate::rounds::Outcome; 1]) -> f64 {
    let [outcome] = outcomes;
    outcome.median(|sample| sample.quantile_us(0.5)) / 1e3
}
