//! Runs that take as long as one likes: property tests with millions of cases, and networks that fail for minutes.

use anyhow::{Context, Result};
use nix::sys::resource::{Resource, setrlimit};

use crate::process::{cargo, run, succeeds};

/// What reads bytes from outside, and the property test that feeds it.
const PARSERS: [(&str, &str, &str); 20] = [
    (
        "a token",
        "crates/auth/tests/it/hostile_bytes.rs",
        "no_token_but_the_issuers_own_is_accepted",
    ),
    (
        "the parts of a token",
        "crates/auth/tests/it/hostile_bytes.rs",
        "parts_of_a_token_may_be_anything",
    ),
    (
        "the headers of a credential",
        "crates/auth/tests/it/hostile_bytes.rs",
        "any_header_is_a_credential_or_none",
    ),
    (
        "a list of scopes",
        "crates/auth/tests/it/hostile_bytes.rs",
        "a_list_of_scopes_is_read_back_as_it_is_written",
    ),
    (
        "a file of API keys",
        "crates/auth/tests/it/hostile_bytes.rs",
        "a_file_of_keys_is_read_or_refused_without_its_text",
    ),
    (
        "a revocation",
        "crates/auth/tests/it/hostile_bytes.rs",
        "any_line_of_a_revocation_list_is_read_or_refused",
    ),
    (
        "a client certificate",
        "crates/auth/tests/it/hostile_bytes.rs",
        "any_certificate_is_read_or_refused",
    ),
    ("durations and sizes", "crates/limits/src/units.rs", "whatever_is_accepted_reads_back"),
    ("a rate", "crates/limits/src/rate.rs", "no_text_brings_the_parser_down"),
    ("every setting", "crates/chassis/src/config/mod.rs", "any_value_is_read_or_refused"),
    (
        "headers of proxies",
        "crates/chassis/src/http/forwarded.rs",
        "any_header_of_a_proxy_is_believed_or_not",
    ),
    ("a log filter", "crates/telemetry/src/logging/filter.rs", "any_filter_is_read_or_refused"),
    (
        "a traceparent",
        "crates/telemetry/tests/it/trace.rs",
        "any_traceparent_is_continued_or_begins_a_trace",
    ),
    (
        "a resource's address",
        "crates/chassis/src/uri.rs",
        "whatever_is_asked_for_is_taken_apart_or_refused",
    ),
    ("a cursor of a list", "crates/chassis/src/reply.rs", "a_cursor_is_ours_or_refused"),
    ("sealed state", "crates/chassis/src/seal.rs", "nothing_that_a_client_makes_up_opens"),
    (
        "a cursor of a server",
        "servers/ticketing/src/store/page.rs",
        "a_text_is_the_cursor_of_its_question_or_none",
    ),
    ("SQL", "servers/postgres/src/tests/mutations.rs", "any_text_is_read_or_refused_by_the_parser"),
    ("outside text", "crates/sanitize/src/sanitizer_tests.rs", "no_forbidden_token_survives"),
    (
        "cleaned text",
        "crates/sanitize/src/sanitizer_tests.rs",
        "cleaning_twice_equals_cleaning_once",
    ),
];

/// What a process may hold while it is fed, in bytes of data (`RLIMIT_DATA`), however many cases there are.
const MAX_DATA: u64 = 512 << 20;

/// Feeds everything that reads outside bytes so many cases.
pub(crate) fn fuzz(cases: u32) -> Result<()> {
    for (what, _, test) in PARSERS {
        println!("{what:<28} {test}");
    }
    // What is compiled may take more.
    let run_tests = if has_nextest() { "nextest run" } else { "test" };
    run(&mut cargo(&format!("{run_tests} --locked --workspace --no-run")))?;
    setrlimit(Resource::RLIMIT_DATA, MAX_DATA, MAX_DATA).context("bounding the memory of tests")?;
    long_run("PROPTEST_CASES", &cases.to_string(), &PARSERS.map(|(_, _, test)| test))
}

/// Lets the network behind every server fail for so long.
pub(crate) fn chaos(seconds: u64) -> Result<()> {
    long_run("TEST_CHAOS_SECONDS", &seconds.to_string(), &["network_that_fails_at_random"])
}

/// Runs the tests whose names contain one of `names`, with everything that they print.
fn long_run(variable: &str, value: &str, names: &[&str]) -> Result<()> {
    let mut command = if has_nextest() {
        cargo("nextest run --locked --workspace --no-fail-fast --success-output immediate")
    } else {
        cargo("test --locked --workspace")
    };
    run(command.env(variable, value).arg("--").args(names))
}

fn has_nextest() -> bool {
    succeeds(&mut cargo("nextest --version"))
}

#[cfg(test)]
mod tests {
    use super::PARSERS;
    use crate::workspace;

    #[test]
    fn every_parser_has_its_test() {
        for (what, file, test) in PARSERS {
            let source = std::fs::read_to_string(workspace::root().join(file)).unwrap();
            assert!(source.contains(&format!("fn {test}(")), "{what}: no `{test}` in {file}");
        }
    }
}
