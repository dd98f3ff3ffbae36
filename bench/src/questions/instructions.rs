//! How many instructions a call takes: the figure that a busy machine does not change.

use std::{fs, path::Path};

use anyhow::{Context, Result};

use crate::{
    process::Program,
    report::Report,
    request::Question,
    rounds::Subject,
    stage::{Plan, Stage},
};

/// What a call over stdio took when this was last changed, by `cargo xtask bench --only instructions`, and with `--dev`,
/// which CI runs. Whoever makes calls dearer or cheaper by more than 5 % writes the new figures here, and why into the
/// commit.
const RECORDED: f64 = 189_000.0;
const RECORDED_DEV: f64 = 1_550_000.0;

/// Starts are told apart from calls by two runs of different lengths.
const CALLS: [u32; 2] = [100, 600];

pub(super) async fn answer(stage: &Stage, _plan: Plan, report: &mut Report) -> Result<()> {
    let Some(valgrind) = &stage.valgrind else {
        report.skip("instructions for a call: needs valgrind");
        return Ok(());
    };
    let bare = per_call(stage, valgrind, stage.bare("bench-rmcp")).await?;
    let full = per_call(stage, valgrind, stage.recorded("bench-echo", "instructions")).await?;
    report.figure("rmcp_instructions_per_call", bare);
    report.figure("instructions_per_call", full);
    let recorded = if stage.programs.ends_with("debug") { RECORDED_DEV } else { RECORDED };
    report.figure("instructions_vs_recorded", full / recorded);
    Ok(())
}

async fn per_call(stage: &Stage, valgrind: &Path, subject: Program) -> Result<f64> {
    let [few, many] = CALLS;
    let more = total(stage, valgrind, &subject, many).await?;
    Ok((more - total(stage, valgrind, &subject, few).await?) / f64::from(many - few))
}

/// All instructions of a process that answers so many calls.
async fn total(stage: &Stage, valgrind: &Path, subject: &Program, calls: u32) -> Result<f64> {
    let profile = stage.folder.join("callgrind.out").display().to_string();
    let program = Program {
        path: valgrind.to_owned(),
        arguments: vec![
            "--tool=callgrind".to_owned(),
            format!("--callgrind-out-file={profile}"),
            subject.path.display().to_string(),
        ],
        // Threads that look for work take instructions, too.
        ..subject.clone().env("TOKIO_WORKER_THREADS", "1")
    };
    let name = "under callgrind";
    let mut running = Subject::stdio(name, program, Question::echo()).start(stage).await?;
    for client in &mut running.connect(1).await? {
        for _ in 1..calls {
            client.call().await?;
        }
    }
    // Its input has ended with the client, and so does it.
    running.process.wait().await?;
    let log = fs::read_to_string(stage.log(name))?;
    let collected = log.lines().find_map(|line| line.rsplit_once("Collected : "));
    let (_, instructions) = collected.context("callgrind says nothing")?;
    Ok(instructions.trim().parse()?)
}
