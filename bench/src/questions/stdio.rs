//! One client on a pair of pipes, one call after the other.

use anyhow::Result;

use crate::{
    load::Sample,
    report::Report,
    request::{Era, Question},
    rounds::{Load, Running, Subject, interleave},
    stage::{Plan, Stage},
};

pub(super) async fn answer(stage: &Stage, plan: Plan, report: &mut Report) -> Result<()> {
    let question = Question::echo();
    let rmcp = Subject::stdio("bare rmcp", stage.bare("bench-rmcp"), question.clone());
    let full = stage.recorded("bench-echo", "stdio");
    let full = Subject::stdio("full pipeline", full, question);
    let mut rmcp = rmcp.start(stage).await?;
    let mut full = full.start(stage).await?;
    let outcomes = interleave([&mut rmcp, &mut full], 1, Load::Closed, plan).await?;
    report.loads("echo, stdio", &outcomes);
    let [bare, guarded] = &outcomes;
    report.figure("stdio_vs_rmcp", guarded.against(bare, Sample::rate));
    against_typescript(stage, plan, report, &mut full).await
}

/// The TypeScript SDK's own server, where Node is and somebody installed it.
async fn against_typescript(
    stage: &Stage,
    plan: Plan,
    report: &mut Report,
    full: &mut Running,
) -> Result<()> {
    let Some(peer) = stage.peer("echo.mjs") else {
        report.skip("the TypeScript SDK: needs node, and `npm ci` in bench/peers");
        return Ok(());
    };
    let question = Question::echo().era(Era::Legacy);
    let mut peer = Subject::stdio("TypeScript SDK", peer, question).start(stage).await?;
    let outcomes = interleave([&mut peer, full], 1, Load::Closed, plan).await?;
    report.loads("echo, stdio, peers", &outcomes);
    let [peer, ours] = &outcomes;
    report.figure("stdio_vs_typescript_sdk", ours.against(peer, Sample::rate));
    Ok(())
}
