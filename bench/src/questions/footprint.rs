//! How fast each program is there, and how large it is.

use std::fs;

use anyhow::Result;

use super::{echo, echo::mebibytes, postgres, ticketing, weather};
use crate::{
    report::Report,
    rounds::{Subject, median},
    stage::{Plan, Stage},
};

/// A server as it is started for its footprint.
type Start = fn(&Stage) -> Subject;

/// The servers that are deployed; their figures have their names.
const SERVERS: [(&str, Start); 3] = [
    ("ticketing", ticketing::footprint),
    ("postgres", postgres::footprint),
    ("weather", weather::footprint),
];

pub(super) async fn answer(stage: &Stage, plan: Plan, report: &mut Report) -> Result<()> {
    let (mut bare, mut full) = (Vec::new(), Vec::new());
    for _ in 0..plan.cold_starts {
        bare.push(cold_start(echo::rmcp(stage), stage).await?);
        full.push(cold_start(echo::guarded(stage), stage).await?);
    }
    let (bare, full) = (median(bare), median(full));
    report.figure("rmcp_cold_start_ms", bare);
    report.figure("cold_start_ms", full);
    report.figure("cold_start_over_bare_ms", full - bare);
    report.figure("rmcp_binary_mb", size(stage, "bench-rmcp")?);
    report.figure("binary_mb", size(stage, "bench-echo")?);
    let mut largest = 0.0_f64;
    for (name, subject) in SERVERS {
        let mut starts = Vec::new();
        for _ in 0..plan.cold_starts {
            starts.push(cold_start(subject(stage), stage).await?);
        }
        report.figure(format!("{name}_cold_start_ms"), median(starts));
        let binary = size(stage, &format!("mcp-{name}"))?;
        report.figure(format!("{name}_binary_mb"), binary);
        largest = largest.max(binary);
        let running = subject(stage).start(stage).await?;
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        report.figure(format!("{name}_idle_rss_mb"), mebibytes(running.process.resident()?));
    }
    report.figure("largest_binary_mb", largest);
    Ok(())
}

/// From the start of the process to its first right answer.
async fn cold_start(subject: Subject, stage: &Stage) -> Result<f64> {
    let running = subject.start(stage).await?;
    let took = running.cold_start;
    running.process.end().await?;
    Ok(took.as_secs_f64() * 1e3)
}

/// The release profile strips.
fn size(stage: &Stage, program: &str) -> Result<f64> {
    Ok(mebibytes(fs::metadata(stage.program(program))?.len()))
}
