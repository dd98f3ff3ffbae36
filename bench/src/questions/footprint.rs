//! How fast each program is there, and how large it is.

use std::fs;

use anyhow::Result;
use serde_json::json;

use super::{echo, echo::mebibytes, postgres, ticketing, weather};
use crate::{
    report::Report,
    request::Question,
    rounds::{Subject, median},
    stage::{Plan, Stage},
};

/// A server as it is started for its footprint.
type Start = fn(&Stage) -> Subject;

/// The servers that are deployed; their figures have their names.
const SERVERS: [(&str, Start); 5] = [
    ("ticketing", ticketing::footprint),
    ("postgres", postgres::footprint),
    ("weather", weather::footprint),
    ("internal-data", internal_data),
    ("github", github),
];

/// On its embedded sample.
fn internal_data(stage: &Stage) -> Subject {
    let question = Question::new("list_collections", json!({}), r#""collections":[{"#);
    let program = stage.guarded("mcp-internal-data", "internal-data");
    Subject::http("internal-data", program, question.bearer(&stage.token))
}

/// It refuses by itself what asks for nothing.
fn github(stage: &Stage) -> Subject {
    let nothing = json!({ "query": "" });
    let question = Question::new("search_issues", nothing, r#""isError":true"#);
    let question = question.bearer(&stage.token);
    Subject::http("github", stage.guarded("mcp-github", "github"), question)
}

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
        let program = format!("mcp-{name}");
        if !stage.program(&program).is_file() {
            report.skip(format!("{program}: it was not built"));
            continue;
        }
        let (figure, mut starts) = (name.replace('-', "_"), Vec::new());
        for _ in 0..plan.cold_starts {
            starts.push(cold_start(subject(stage), stage).await?);
        }
        report.figure(format!("{figure}_cold_start_ms"), median(starts));
        let binary = size(stage, &program)?;
        report.figure(format!("{figure}_binary_mb"), binary);
        largest = largest.max(binary);
        let running = subject(stage).start(stage).await?;
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        report.figure(format!("{figure}_idle_rss_mb"), mebibytes(running.process.resident()?));
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

/// In millions of bytes; the release profile strips.
fn size(stage: &Stage, program: &str) -> Result<f64> {
    let bytes = fs::metadata(stage.program(program))?.len();
    Ok(f64::from(u32::try_from(bytes / 1_000).unwrap_or(u32::MAX)) / 1e3)
}
