//! The commands of this repository. One module per task; this file only chooses among them.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "xtask talks to a person")]

mod apps;
mod bench;
mod build;
mod clients;
mod conformance;
mod demo;
mod dependencies;
mod deploy;
mod descriptor;
mod docs;
mod json;
mod layers;
mod new_server;
mod npm;
mod prerequisites;
mod process;
mod recorded;
mod release;
mod run;
mod sample;
mod server;
mod snapshots;
mod soak;
mod surface;
mod test;
mod tidy;
mod tools;
mod transport;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Runs, shows, checks and builds the MCP servers of this repository.
///
/// `cargo xtask run ticketing` is the way in. `cargo xtask test` is all that a change must pass; the same command runs
/// in CI.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    Run(run::Run),
    Demo(demo::Demo),
    Test(test::Test),
    Build(build::Build),
    Snapshots(snapshots::Snapshots),
    Surface(surface::Surface),
    Docs(docs::Docs),
    NewServer(new_server::NewServer),
    Conformance(conformance::Conformance),
    Apps(apps::Apps),
    Bench(bench::Bench),
    Release(release::Release),
    Deploy(deploy::Deploy),
}

impl Task {
    fn run(&self) -> anyhow::Result<()> {
        match self {
            Task::Run(task) => task.run(),
            Task::Demo(task) => task.run(),
            Task::Test(task) => task.run(),
            Task::Build(task) => task.run(),
            Task::Snapshots(task) => task.run(),
            Task::Surface(task) => task.run(),
            Task::Docs(task) => task.run(),
            Task::NewServer(task) => task.run(),
            Task::Conformance(task) => task.run(),
            Task::Apps(task) => task.run(),
            Task::Bench(task) => task.run(),
            Task::Release(task) => task.run(),
            Task::Deploy(task) => task.run(),
        }
    }
}

fn main() -> ExitCode {
    let Err(error) = Arguments::parse().task.run() else { return ExitCode::SUCCESS };
    eprintln!("error: {error:#}");
    ExitCode::from(code(&error))
}

/// As in our servers: 1 means that a check failed, 2 that it could not be made.
fn code(error: &anyhow::Error) -> u8 {
    match error.downcast_ref::<run::ServerEnded>() {
        Some(ended) => ended.code(),
        None if error.is::<prerequisites::Missing>() => 2,
        None => 1,
    }
}
