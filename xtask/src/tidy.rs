//! House rules for the text of the sources that neither rustfmt nor clippy knows.

use std::path::Path;

use anyhow::{Result, ensure};

use crate::workspace::{self, SourceFile};

const MAX_LINES: usize = 500;
const MAX_MAIN_LINES: usize = 20;

/// Files that may be longer, each because it is one table.
const LONG_FILES: [&str; 0] = [];

/// This file, which spells what it forbids.
const SELF: &str = "xtask/src/tidy.rs";

/// What no line of code may hold, and what to do instead.
const FORBIDDEN: [(&str, &str); 5] = [
    ("#[ignore", "a test runs or goes"),
    ("should_panic", "assert the error itself"),
    ("todo!", "finish it or leave it out"),
    ("#[allow(", "`#[expect(…, reason = …)]` says why, and that it is still so"),
    ("#![allow(", "`#![expect(…, reason = …)]` says why, and that it is still so"),
];

/// Who may read the environment: the chassis, and what never ships.
const ENVIRONMENT_READERS: [&str; 4] = ["bench/", "crates/chassis/", "crates/testkit/", "xtask/"];

/// Fails with every line that breaks a rule.
pub(crate) fn check() -> Result<()> {
    check_in(workspace::root())
}

/// The same for a copy of the workspace.
pub(crate) fn check_in(root: &Path) -> Result<()> {
    let faults = faults(&workspace::source_files(root)?);
    ensure!(faults.is_empty(), "\n  {}", faults.join("\n  "));
    Ok(())
}

fn faults(files: &[SourceFile]) -> Vec<String> {
    let mut faults: Vec<String> = files.iter().flat_map(file_faults).collect();
    faults.extend(dynamic_sql_fault(files));
    faults.extend(unshown_faults(files));
    faults
}

/// Where it is said what is done about something, and under which heading, if not everywhere.
const SHOWN: [(&str, &str); 5] = [
    ("docs/OPERATIONS.md", "## When something is slow, down or wrong"),
    ("docs/OPERATIONS.md", "## Bounds"),
    ("docs/PROTOCOL.md", "## Clauses and their tests"),
    ("docs/SECURITY-MODEL.md", "## Threats and defences"),
    ("/THREAT-MODEL.md", ""),
];

/// Every row of those tables is shown by tests, which its last cell names.
fn unshown_faults(files: &[SourceFile]) -> Vec<String> {
    let pages = SHOWN.iter().flat_map(|(path, heading)| {
        let pages = files.iter().filter(move |file| file.path.ends_with(path));
        pages.filter_map(move |page| Some((page, page.text.split_once(heading)?.1)))
    });
    let rows = pages.flat_map(|(page, section)| {
        let section = section.split("\n## ").next().unwrap_or_default();
        let rows = section.lines().filter(|line| line.starts_with('|'));
        // The head of the table and its rule name no test.
        rows.skip(2).map(move |row| (page, row))
    });
    rows.filter_map(|(page, row)| {
        let mut cells = row.trim_matches('|').split('|');
        let (what, shown) = (cells.next()?.trim(), cells.next_back()?);
        let names: Vec<&str> = shown.split('`').skip(1).step_by(2).collect();
        let is_test =
            |name: &&str| files.iter().any(|file| file.text.contains(&format!("fn {name}(")));
        (names.is_empty() || !names.iter().all(is_test))
            .then(|| format!("{}: no test shows `{what}`", page.path))
    })
    .collect()
}

fn file_faults(file: &SourceFile) -> Vec<String> {
    let mut faults = Vec::new();
    for (line, number) in file.text.lines().zip(1..) {
        let place = format!("{}:{number}", file.path);
        if line.ends_with(char::is_whitespace) {
            faults.push(format!("{place}: trailing whitespace"));
        }
        if is_rust(file) && file.path != SELF {
            faults.extend(line_fault(file, line).map(|fault| format!("{place}: {fault}")));
        }
    }
    if !file.text.is_empty() && !file.text.ends_with('\n') {
        faults.push(format!("{}: no newline at the end", file.path));
    }
    if is_rust(file) {
        faults.extend(shape_fault(file).map(|fault| format!("{}: {fault}", file.path)));
    }
    faults
}

fn line_fault(file: &SourceFile, line: &str) -> Option<String> {
    if is_comment(line) {
        return None;
    }
    let forbidden = FORBIDDEN.iter().find(|(text, _)| line.contains(text));
    if let Some((text, instead)) = forbidden {
        return Some(format!("`{text}`: {instead}"));
    }
    let reads = line.contains("std::env") && !may_read_environment(&file.path);
    reads.then(|| "only the chassis reads `std::env`".to_owned())
}

fn may_read_environment(path: &str) -> bool {
    let tests = path.contains("/tests/") || path.starts_with("tests/");
    tests || ENVIRONMENT_READERS.iter().any(|folder| path.starts_with(folder))
}

fn shape_fault(file: &SourceFile) -> Option<String> {
    let lines = file.text.lines().count();
    let readme = "#![doc = include_str!(";
    if !file.text.starts_with("//! ") && !file.text.starts_with(readme) {
        return Some("a file opens with `//!` and its purpose".to_owned());
    }
    if file.path.starts_with("servers/")
        && file.path.ends_with("src/main.rs")
        && lines > MAX_MAIN_LINES
    {
        return Some(format!("a server's main.rs has at most {MAX_MAIN_LINES} lines"));
    }
    let long = lines > MAX_LINES && !LONG_FILES.contains(&file.path.as_str());
    long.then(|| format!("{lines} lines; split what is over {MAX_LINES}"))
}

/// sqlx's mark for SQL that was put together at run time: one reviewed place may hold it.
fn dynamic_sql_fault(files: &[SourceFile]) -> Option<String> {
    let code = files.iter().filter(|file| is_rust(file) && file.path != SELF);
    let lines = code.flat_map(|file| file.text.lines().map(move |line| (file, line)));
    let places: Vec<&str> = lines
        .filter(|(_, line)| line.contains("AssertSqlSafe(") && !is_comment(line))
        .map(|(file, _)| file.path.as_str())
        .collect();
    (places.len() > 1).then(|| format!("`AssertSqlSafe` in more than one line: {places:?}"))
}

fn is_rust(file: &SourceFile) -> bool {
    file.path.rsplit_once('.').is_some_and(|(_, extension)| extension == "rs")
}

fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with("//")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> SourceFile {
        SourceFile { path: path.into(), text: text.into() }
    }

    fn faults_of(path: &str, text: &str) -> Vec<String> {
        faults(&[file(path, text)])
    }

    #[test]
    fn a_file_opens_with_its_purpose() {
        let fault = "crates/auth/src/key.rs: a file opens with `//!` and its purpose";
        assert_eq!(faults_of("crates/auth/src/key.rs", "use std::fmt;\n"), [fault]);
        assert_eq!(faults_of("crates/auth/src/key.rs", "//! Keys.\n"), [""; 0]);
        let readme = "#![doc = include_str!(\"../README.md\")]\n";
        assert_eq!(faults_of("crates/auth/src/lib.rs", readme), [""; 0]);
    }

    #[test]
    fn forbidden_words_are_found_in_code_but_not_in_comments() {
        for (text, instead) in FORBIDDEN {
            let code = format!("//! A.\n{text}\n");
            assert_eq!(faults_of("a.rs", &code), [format!("a.rs:2: `{text}`: {instead}")]);
            assert_eq!(faults_of("a.rs", &format!("//! A.\n// {text}\n")), [""; 0]);
            assert_eq!(faults_of("a.md", &code), [""; 0]);
        }
    }

    #[test]
    fn only_the_chassis_and_tests_read_the_environment() {
        let code = "//! A.\nuse std::env;\n";
        let fault = "crates/auth/src/key.rs:2: only the chassis reads `std::env`";
        assert_eq!(faults_of("crates/auth/src/key.rs", code), [fault]);
        for allowed in ["crates/chassis/src/vars.rs", "crates/auth/tests/it/main.rs"] {
            assert_eq!(faults_of(allowed, code), [""; 0]);
        }
    }

    #[test]
    fn a_main_of_a_server_is_short() {
        let main = format!("//! A.\n{}", "\n".repeat(MAX_MAIN_LINES));
        let fault = "servers/weather/src/main.rs: a server's main.rs has at most 20 lines";
        assert_eq!(faults_of("servers/weather/src/main.rs", &main), [fault]);
        assert_eq!(faults_of("xtask/src/main.rs", &main), [""; 0]);
    }

    #[test]
    fn a_long_file_is_named() {
        let text = format!("//! A.\n{}", "\n".repeat(MAX_LINES));
        assert_eq!(faults_of("a.rs", &text), ["a.rs: 501 lines; split what is over 500"]);
    }

    #[test]
    fn whitespace_ends_no_line_and_a_newline_ends_every_file() {
        assert_eq!(faults_of("a.md", "text \nmore\n"), ["a.md:1: trailing whitespace"]);
        assert_eq!(faults_of("a.toml", "a = 1"), ["a.toml: no newline at the end"]);
    }

    #[test]
    fn what_is_said_of_faults_is_shown_by_tests_that_exist() {
        let (operations, heading) = SHOWN[0];
        let page = |shown: &str| {
            let rows = format!(
                "| what | happens | by |\n|---|---|---|\n| it is down | told | {shown} |\n"
            );
            file(operations, &format!("{heading}\n\n{rows}\n## More\n\n| a |\n|---|\n| b |\n"))
        };
        let test = || file("a.rs", "//! A.\nfn it_is_told() {}\n");
        assert_eq!(faults(&[page("`it_is_told`"), test()]), [""; 0]);
        for shown in ["", "`it_is_told` `nobody_looks`"] {
            let fault = "docs/OPERATIONS.md: no test shows `it is down`";
            assert_eq!(faults(&[page(shown), test()]), [fault], "{shown}");
        }
    }

    #[test]
    fn one_line_alone_may_vouch_for_dynamic_sql() {
        let code = "//! A.\nquery(AssertSqlSafe(sql));\n";
        assert_eq!(faults(&[file("a.rs", code)]), [""; 0]);
        let fault = r#"`AssertSqlSafe` in more than one line: ["a.rs", "b.rs"]"#;
        assert_eq!(faults(&[file("a.rs", code), file("b.rs", code)]), [fault]);
    }
}
