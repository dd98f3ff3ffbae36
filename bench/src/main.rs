//! Drives the subjects with load and says how they did. Started by `cargo xtask bench`, which sets the stage.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it talks to a person")]

mod client;
mod http;
mod load;
mod process;
mod questions;
mod report;
mod request;
mod rounds;
mod stage;

use std::{fs, path::PathBuf, process::ExitCode};

use anyhow::{Context, Result};
use clap::Parser;

use crate::{
    report::Report,
    stage::{Plan, Stage},
};

/// Measures the servers of this workspace against bare ones.
#[derive(Debug, Parser)]
struct Arguments {
    /// What was set up, as JSON
    #[arg(long)]
    stage: PathBuf,
    /// Where the report goes
    #[arg(long)]
    report: PathBuf,
    /// Short rounds: minutes become seconds, and figures become noisy
    #[arg(long)]
    quick: bool,
    /// Prints the report as JSON instead of tables
    #[arg(long)]
    json: bool,
    /// Ends with 1 when a figure misses its budget
    #[arg(long)]
    check: bool,
    /// Answers these questions alone
    #[arg(long, value_name = "QUESTION")]
    only: Vec<String>,
}

fn main() -> ExitCode {
    // One thread, as few requests of the generator as possible in the subjects' way.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let outcome = runtime.map_err(Into::into).and_then(|it| it.block_on(run(&Arguments::parse())));
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether everything is as it has to be.
async fn run(arguments: &Arguments) -> Result<bool> {
    let stage =
        fs::read(&arguments.stage).with_context(|| arguments.stage.display().to_string())?;
    let stage: Stage = serde_json::from_slice(&stage)?;
    let plan = if arguments.quick { Plan::QUICK } else { Plan::FULL };
    let wanted =
        |name: &str| arguments.only.is_empty() || arguments.only.iter().any(|it| it == name);
    let mut report = Report::new();
    for topic in questions::ALL.iter().filter(|topic| wanted(topic.name)) {
        eprintln!("measuring: {}", topic.name);
        (topic.answer)(&stage, plan, &mut report).await.context(topic.name)?;
    }
    report.write(&arguments.report, &stage, plan)?;
    if arguments.json {
        println!("{:#}", report.json(&stage, plan));
    } else {
        println!("{}", report.table()?);
        println!("written to {}", arguments.report.display());
    }
    let misses = report.misses();
    for name in &misses {
        eprintln!("over budget: {name}");
    }
    Ok(misses.is_empty() || !arguments.check)
}
