//! What all the guards cost: the same echo bare and guarded, over HTTP in the current protocol.

use std::time::Duration;

use anyhow::Result;

use crate::{
    load::Sample,
    report::Report,
    request::Question,
    rounds::{Load, Subject, interleave},
    stage::{Plan, Stage},
};

/// The echo on the chassis with everything on.
pub(super) fn guarded(stage: &Stage) -> Subject {
    let question = Question::echo().bearer(&stage.token);
    Subject::http("full pipeline", stage.guarded("bench-echo", "echo"), question)
}

/// The echo on the SDK alone.
pub(super) fn rmcp(stage: &Stage) -> Subject {
    Subject::http("bare rmcp", stage.bare("bench-rmcp"), Question::echo())
}

pub(super) async fn answer(stage: &Stage, plan: Plan, report: &mut Report) -> Result<()> {
    let floor = Subject::http("bare axum", stage.bare("bench-floor"), Question::echo());
    let mut floor = floor.start(stage).await?;
    let mut rmcp = rmcp(stage).start(stage).await?;
    let mut full = guarded(stage).start(stage).await?;
    settle().await;
    report.figure("idle_rss_mb", mebibytes(full.process.resident()?));
    report.figure("rmcp_idle_rss_mb", mebibytes(rmcp.process.resident()?));

    let mut ceiling = 0.0;
    for connections in [1, 16, 64] {
        let subjects = [&mut floor, &mut rmcp, &mut full];
        let outcomes = interleave(subjects, connections, Load::Closed, plan).await?;
        report.loads("echo, HTTP", &outcomes);
        let [floor, rmcp, full] = &outcomes;
        report
            .figure(format!("throughput_vs_rmcp_{connections}"), full.against(rmcp, Sample::rate));
        let tail = |sample: &Sample| sample.quantile_us(0.99);
        report.figure(format!("p99_vs_rmcp_{connections}"), full.against(rmcp, tail));
        report.figure(
            format!("processor_vs_rmcp_{connections}"),
            full.against(rmcp, Sample::processor_us),
        );
        if connections == 64 {
            // What is asked of the guards: at the most connections.
            report.figure("throughput_vs_rmcp", full.against(rmcp, Sample::rate));
            report.figure("p99_vs_rmcp", full.against(rmcp, tail));
            report.figure("rmcp_vs_generator_ceiling", rmcp.against(floor, Sample::rate));
            ceiling = rmcp.median(Sample::rate);
        }
    }
    let half = Load::Open(ceiling / 2.0);
    let outcomes = interleave([&mut rmcp, &mut full], 64, half, plan).await?;
    report.loads("echo, HTTP, half of rmcp's", &outcomes);
    let [bare, guarded] = &outcomes;
    report.figure("open_loop_p99_vs_rmcp", guarded.against(bare, |it| it.quantile_us(0.99)));

    settle().await;
    report.figure("rss_after_load_mb", mebibytes(full.process.resident()?));
    report.figure("rss_peak_mb", mebibytes(full.process.peak()?));
    report.figure("rmcp_rss_after_load_mb", mebibytes(rmcp.process.resident()?));
    for subject in [floor, rmcp, full] {
        subject.process.end().await?;
    }
    Ok(())
}

/// Lets what a load left behind be given back.
async fn settle() {
    tokio::time::sleep(Duration::from_millis(500)).await;
}

pub(super) fn mebibytes(bytes: u64) -> f64 {
    f64::from(u32::try_from(bytes >> 10).unwrap_or(u32::MAX)) / 1_024.0
}
