//! `test`: everything that a change must pass, in the order in which a failure is cheapest.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::Args;

use crate::process::{cargo, run, succeeds};
use crate::{
    apps, bench, clients, conformance, demo, dependencies, deploy, docs, layers, new_server,
    prerequisites, release, soak, surface, tidy, transport,
};

/// Runs everything that a change must pass; CI runs the same.
///
/// Looks for what the tests need beside Rust first. As root on Debian and its like it installs what is missing; elsewhere
/// it prints the one line that would. Then come format, lints, documentation, the rules between packages, and the tests,
/// with a private PostgreSQL and Redis (or those of `TEST_DATABASE_URL` and `TEST_REDIS_URL`).
///
/// Example: `cargo xtask test --only test -p mcp-ticketing search`
#[derive(Debug, Args)]
pub(crate) struct Test {
    /// Run this step alone; may be given several times.
    #[arg(long, value_name = "STEP", value_parser = STEPS.map(|step| step.name))]
    only: Vec<String>,
    /// Print the steps and stop.
    #[arg(long)]
    list: bool,
    /// Feed everything that reads outside bytes so many cases, and do nothing else.
    #[arg(long, value_name = "N", conflicts_with_all = ["only", "args"])]
    fuzz_cases: Option<u32>,
    /// Let the network behind every server fail for so long, and do nothing else.
    #[arg(long, value_name = "N", conflicts_with_all = ["only", "args"])]
    chaos_seconds: Option<u64>,
    /// Passed to `cargo test` (or `cargo nextest run`, where that is installed).
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
}

struct Step {
    name: &'static str,
    purpose: &'static str,
    run: fn(&[String]) -> Result<()>,
}

const STEPS: [Step; 19] = [
    Step {
        name: "prerequisites",
        purpose: "a C compiler, libclang, PostgreSQL and Redis are installed",
        run: |_| prerequisites::check(),
    },
    Step {
        name: "fmt",
        purpose: "the sources are formatted",
        run: |_| run(&mut cargo("fmt --all --check")),
    },
    Step {
        name: "layers",
        purpose: "packages import only what they may",
        run: |_| layers::check(),
    },
    Step { name: "tidy", purpose: "the sources keep the house rules", run: |_| tidy::check() },
    Step {
        name: "transport",
        purpose: "a stdio-only binary carries no HTTP server",
        run: |_| transport::check(),
    },
    Step {
        name: "clippy",
        purpose: "the lints find nothing",
        run: |_| run(&mut cargo("clippy --workspace --locked --all-targets -- -D warnings")),
    },
    Step {
        name: "doc",
        purpose: "the documentation builds without warnings",
        run: |_| {
            let mut doc = cargo("doc --workspace --no-deps --locked");
            run(doc.env("RUSTDOCFLAGS", "-D warnings"))
        },
    },
    Step { name: "test", purpose: "the tests pass", run: tests },
    Step {
        name: "surface",
        purpose: "what servers offer is what was reviewed",
        run: |_| surface::check(),
    },
    Step { name: "docs", purpose: "what is generated is up to date", run: |_| docs::check() },
    Step {
        name: "dependencies",
        purpose: "what we build on has licences and sources that we take",
        run: |_| dependencies::check(),
    },
    Step {
        name: "deploy",
        purpose: "deployment files are as rendered, and each platform's tools take them",
        run: |_| deploy::check(),
    },
    Step {
        name: "new-server",
        purpose: "a new server passes what a change must pass, and answers",
        run: |_| new_server::check(),
    },
    Step {
        name: "release",
        purpose: "a release has the same bytes twice, and its image runs",
        run: |_| release::check(),
    },
    Step {
        name: "instructions",
        purpose: "a call takes as many instructions as is recorded",
        run: |_| bench::check_instructions(),
    },
    Step {
        name: "demo",
        purpose: "every server's demo runs as the README says",
        run: |_| demo::check(),
    },
    Step {
        name: "apps",
        purpose: "the pages of the servers work in a browser and look as in the docs",
        run: |_| apps::run_whole(),
    },
    Step {
        name: "clients",
        purpose: "the commands for clients connect them",
        run: |_| clients::check(),
    },
    Step {
        name: "conformance",
        purpose: "the official conformance suite finds nothing that was not reviewed",
        run: |_| conformance::run_whole(),
    },
];

impl Test {
    pub(crate) fn run(&self) -> Result<()> {
        if self.list {
            for step in &STEPS {
                println!("{:<14} {}", step.name, step.purpose);
            }
            return Ok(());
        }
        if self.fuzz_cases.is_some() || self.chaos_seconds.is_some() {
            self.fuzz_cases.map_or(Ok(()), soak::fuzz)?;
            return self.chaos_seconds.map_or(Ok(()), soak::chaos);
        }
        let mut report = Vec::new();
        let outcome = self.chosen().try_for_each(|step| {
            println!("\n== {}: {}", step.name, step.purpose);
            let start = Instant::now();
            let outcome = (step.run)(&self.args);
            report.push((step.name, outcome.is_ok(), start.elapsed()));
            outcome.with_context(|| format!("step `{}`", step.name))
        });
        self.summarize(&report);
        outcome
    }

    fn chosen(&self) -> impl Iterator<Item = &'static Step> {
        let wanted = |name| self.only.is_empty() || self.only.iter().any(|it| it == name);
        STEPS.iter().filter(move |step| wanted(step.name))
    }

    fn summarize(&self, report: &[(&str, bool, Duration)]) {
        println!();
        for step in self.chosen() {
            match report.iter().find(|(name, ..)| *name == step.name) {
                Some((name, passed, time)) => {
                    let outcome = if *passed { "ok" } else { "FAILED" };
                    println!("{name:<14} {outcome:<7} {:>7.1} s", time.as_secs_f64());
                }
                None => println!("{:<14} not run", step.name),
            }
        }
    }
}

fn tests(args: &[String]) -> Result<()> {
    // A snapshot that differs is a failure here; `cargo xtask snapshots --accept` renews it.
    let with_env = |command: &mut Command| run(command.env("INSTA_UPDATE", "no").args(args));
    let scope = if names_a_package(args) { "" } else { "--workspace" };
    if !succeeds(&mut cargo("nextest --version")) {
        return with_env(&mut cargo(&format!("test --locked {scope}")));
    }
    with_env(&mut cargo(&format!("nextest run --locked --no-tests=pass {scope}")))?;
    // nextest runs no documentation tests, and its arguments are not theirs.
    if args.is_empty() { run(&mut cargo("test --workspace --locked --doc")) } else { Ok(()) }
}

fn names_a_package(args: &[String]) -> bool {
    args.iter().any(|it| it.starts_with("-p") || it.starts_with("--package"))
}

/// Whether there is a step of that name.
#[cfg(test)]
pub(crate) fn has_step(name: &str) -> bool {
    STEPS.iter().any(|step| step.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_named_package_replaces_the_workspace() {
        let names = |arg: &str| names_a_package(&[arg.to_owned()]);
        assert!(names("-pmcp-errors") && names("-p") && names("--package=mcp-errors"));
        assert!(!names("search"));
    }

    #[test]
    fn steps_have_names_of_their_own_and_the_costly_ones_come_last() {
        let names = STEPS.map(|step| step.name);
        assert_eq!(names.first(), Some(&"prerequisites"));
        assert_eq!(names.last(), Some(&"conformance"));
        let unique: std::collections::HashSet<_> = names.into_iter().collect();
        assert_eq!(unique.len(), STEPS.len());
    }
}
