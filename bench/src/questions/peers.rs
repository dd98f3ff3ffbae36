//! The same echo on other people's SDKs over HTTP: without credentials, quotas or an audit log, where ours has all of them.

use anyhow::Result;

use crate::{
    load::Sample,
    process::Program,
    report::Report,
    request::{Era, Question},
    rounds::{Load, Subject, interleave},
    stage::{Plan, Stage},
};

/// Busy, and short of what any of them turns away.
const CONNECTIONS: usize = 16;

pub(super) async fn answer(stage: &Stage, plan: Plan, report: &mut Report) -> Result<()> {
    let express = ("TypeScript SDK, Express", stage.peer("express.mjs"), "express");
    let fastmcp = ("FastMCP, uvicorn", stage.python_peer("fastmcp_echo.py"), "fastmcp");
    for (name, program, figure) in [express, fastmcp] {
        match program {
            Some(program) => against(stage, plan, report, (name, program, figure)).await?,
            None => report.skip(format!("{name}: bench/README.md says how to install it")),
        }
    }
    Ok(())
}

async fn against(
    stage: &Stage,
    plan: Plan,
    report: &mut Report,
    (name, program, figure): (&'static str, Program, &str),
) -> Result<()> {
    // What all of them speak.
    let question = Question::echo().era(Era::Legacy);
    let mut peer = Subject::http(name, program, question.clone()).start(stage).await?;
    let ours = stage.guarded("bench-echo", figure);
    let ours = Subject::http("full pipeline", ours, question.bearer(&stage.token));
    let mut ours = ours.start(stage).await?;
    let outcomes = interleave([&mut peer, &mut ours], CONNECTIONS, Load::Closed, plan).await?;
    report.loads("echo, HTTP, peers", &outcomes);
    let [peer, ours] = &outcomes;
    report.figure(format!("throughput_vs_{figure}"), ours.against(peer, Sample::rate));
    Ok(())
}
