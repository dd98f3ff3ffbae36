//! Every command in a page is run by a test: this one says which, and checks what it can itself.

use std::path::Path;

use clap::Parser;

use crate::{Arguments, test, workspace};

/// How a command begins, and what runs it: a test, or a step of `cargo xtask test`.
const RUN_BY: [(&str, &str); 19] = [
    ("cargo xtask apps", "step apps"),
    ("cargo xtask bench", "flags_reach_the_driver"),
    ("cargo xtask conformance", "step conformance"),
    ("cargo xtask demo", "a_server_is_shown_announced_and_begun_as_the_pages_say"),
    ("cargo xtask deploy", "step deploy"),
    ("cargo xtask docs", "step docs"),
    ("cargo xtask new-server", "step new-server"),
    ("cargo xtask release", "step release"),
    ("cargo xtask run", "a_server_is_shown_announced_and_begun_as_the_pages_say"),
    ("cargo xtask snapshots", "the_surface_is_as_in_the_snapshot"),
    ("cargo xtask surface", "step surface"),
    // It runs itself.
    ("cargo xtask test", "steps_have_names_of_their_own_and_the_costly_ones_come_last"),
    ("claude mcp add", "step clients"),
    ("curl -sS", "the_commands_of_the_documentation_do_what_it_says"),
    ("mcp-ticketing config check", "a_value_that_is_not_built_is_refused_by_name"),
    ("mcp-ticketing doctor", "a_deployment_as_it_should_be_passes_the_gate"),
    ("mcp-ticketing http", "a_server_does_not_listen_beyond_loopback_without_credentials_or_tls"),
    ("npx @modelcontextprotocol/inspector", "step clients"),
    // One that is not known is run by nothing.
    ("", ""),
];

/// A command and the page that has it.
#[derive(Debug)]
struct Told {
    page: String,
    command: String,
}

/// The commands of every page: lines behind `$ ` in a console, and blocks of a shell.
fn commands() -> Vec<Told> {
    let files = workspace::source_files(workspace::root()).unwrap();
    let is_page = |path: &str| Path::new(path).extension().is_some_and(|it| it == "md");
    let pages = files.into_iter().filter(|file| is_page(&file.path));
    pages
        .flat_map(|page| {
            let blocks = page.text.split("\n```").skip(1).step_by(2).map(str::to_owned);
            let commands: Vec<_> = blocks.flat_map(|block| of_block(&block)).collect();
            commands.into_iter().map(move |command| Told { page: page.path.clone(), command })
        })
        .collect()
}

fn of_block(block: &str) -> Vec<String> {
    let (language, body) = block.split_once('\n').unwrap_or((block, ""));
    let uncommented = |line: &str| line.split(" #").next().unwrap_or_default().trim().to_owned();
    match language {
        "console" => {
            body.lines().filter_map(|line| Some(uncommented(line.strip_prefix("$ ")?))).collect()
        }
        "bash" | "sh" | "shell" => {
            body.replace("\\\n", " ").lines().map(uncommented).filter(|it| !it.is_empty()).collect()
        }
        _ => Vec::new(),
    }
}

#[test]
fn every_command_in_a_page_is_run_by_a_test() {
    let commands = commands();
    assert!(commands.len() > 10, "{commands:#?}");
    for Told { page, command } in &commands {
        let known = RUN_BY.iter().filter(|(begin, _)| command.starts_with(begin));
        let (_, by) = known.max_by_key(|(begin, _)| begin.len()).unwrap();
        assert!(!by.is_empty(), "{page}: no test runs `{command}`");
    }
    for (begin, _) in RUN_BY {
        let told = commands.iter().any(|it| it.command.starts_with(begin));
        assert!(told, "no page tells of `{begin}` any more");
    }
}

#[test]
fn what_runs_a_command_exists() {
    let files = workspace::source_files(workspace::root()).unwrap();
    for (begin, by) in RUN_BY.iter().filter(|(begin, _)| !begin.is_empty()) {
        let exists = match by.strip_prefix("step ") {
            Some(step) => test::has_step(step),
            None => files.iter().any(|file| file.text.contains(&format!("fn {by}("))),
        };
        assert!(exists, "`{begin}` is run by `{by}`, which does not exist");
    }
}

#[test]
fn our_own_commands_are_written_as_they_are_taken() {
    let ours = |line: &str| line.strip_prefix("cargo xtask ").map(str::to_owned);
    let told = commands().into_iter().filter_map(|it| Some((it.page, ours(&it.command)?)));
    let workflows = workflows();
    assert!(!workflows.is_empty());
    for (page, line) in told.chain(workflows) {
        let words = std::iter::once("cargo xtask").chain(line.split_whitespace());
        let parsed = Arguments::try_parse_from(words);
        assert!(parsed.is_ok(), "{page}: `cargo xtask {line}`: {}", parsed.unwrap_err());
    }
}

#[test]
fn a_server_is_shown_announced_and_begun_as_the_pages_say() {
    for line in
        ["demo weather", "run weather --print", "new-server notes --team knowledge --dry-run"]
    {
        let words = std::iter::once("cargo xtask").chain(line.split_whitespace());
        let outcome = Arguments::try_parse_from(words).unwrap().task.run();
        assert!(outcome.is_ok(), "{line}: {:#}", outcome.unwrap_err());
    }
}

/// What the workflows run, which is ours alone.
fn workflows() -> Vec<(String, String)> {
    let folder = workspace::root().join(".github/workflows");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files
        .flat_map(|path| {
            let text = std::fs::read_to_string(&path).unwrap();
            let runs = text
                .lines()
                .filter_map(|line| line.trim().strip_prefix("- run: ").map(str::to_owned));
            let runs: Vec<_> = runs.collect();
            assert_eq!(
                runs.len(),
                text.matches("run:").count(),
                "{}: one line a run",
                path.display()
            );
            runs.into_iter().map(move |run| {
                let ours = run.strip_prefix("cargo xtask ");
                let name = path.display().to_string();
                (name.clone(), ours.unwrap_or_else(|| panic!("{name} runs `{run}`")).to_owned())
            })
        })
        .collect()
}
