//! The audit file: what `verify` finds, and how a chain goes on after an end of any kind.

use std::{fs, io::Write, path::Path, time::Duration};

use mcp_telemetry::{
    Target,
    audit::{
        ArgumentsHash, AuditLog, AuditRecord, AuditTarget, Broken, Durability, Principal, Problem,
        Refusal, Verified, verify,
    },
    metrics::Metrics,
    trace::{RequestId, TraceContext},
};
use proptest::{
    prelude::{ProptestConfig, prop_assert, proptest},
    sample::Index,
};
use serde_json::{Value, json};
use tempfile::TempDir;

fn open(path: &Path) -> AuditLog {
    try_open(path).unwrap()
}

fn try_open(path: &Path) -> mcp_errors::Result<AuditLog> {
    AuditLog::open(&AuditTarget::File(path.to_owned()), &Metrics::new("test", "1"))
}

fn record(request_id: &RequestId) -> AuditRecord<'_> {
    AuditRecord {
        principal: Principal { key: "https://issuer|alice", display: "Alice" },
        client: Some(("inspector", "1.0")),
        method: "tools/call",
        target: Some(Target::Tool("close_ticket")),
        arguments_hash: Some(ArgumentsHash::of(json!({ "id": "T-1" }).as_object().unwrap())),
        arguments: None,
        fields: None,
        outcome: "ok",
        duration: Duration::from_micros(12_345),
        request_id,
        trace_id: TraceContext::root().trace_id,
        credential: Some("sha256:1234abcd"),
        address: Some([192, 0, 2, 7].into()),
    }
}

/// Opens, records `calls` and closes.
async fn run(path: &Path, calls: usize) {
    let log = open(path);
    for number in 0..calls {
        let request_id = RequestId::from_trusted(&format!("r-{number}")).unwrap();
        log.record(&record(&request_id), Durability::Synced).await.unwrap();
    }
    log.close().await.unwrap();
}

fn check(path: &Path) -> Result<Verified, Broken> {
    verify(fs::File::open(path).unwrap())
}

fn lines(path: &Path) -> Vec<String> {
    fs::read_to_string(path).unwrap().lines().map(|line| format!("{line}\n")).collect()
}

fn parsed(path: &Path) -> Vec<Value> {
    lines(path).iter().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn events(path: &Path) -> Vec<String> {
    parsed(path).iter().map(|line| line["event"].as_str().unwrap().to_owned()).collect()
}

/// A file of `opened`, six calls and `closed`, and its lines.
async fn sample() -> (TempDir, std::path::PathBuf, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    run(&path, 6).await;
    let lines = lines(&path);
    assert_eq!(lines.len(), 8);
    (folder, path, lines)
}

fn fault(lines: &[&str]) -> (u64, Problem) {
    let Broken { line, problem } = verify(lines.concat().as_bytes()).unwrap_err();
    (line, problem)
}

#[tokio::test]
async fn a_call_is_one_line_with_everything_an_auditor_asks_for() {
    let (_folder, path, _) = sample().await;
    let mut call = parsed(&path).swap_remove(1);
    for varying in ["time", "trace_id", "prev", "hash"] {
        let value = call.as_object_mut().unwrap().remove(varying).unwrap();
        assert!(value.as_str().unwrap().len() >= 24, "{varying}");
    }
    assert_eq!(
        call,
        json!({
            "seq": 2,
            "event": "call",
            "principal": { "key": "https://issuer|alice", "display": "Alice" },
            "client": { "name": "inspector", "version": "1.0" },
            "method": "tools/call",
            "tool": "close_ticket",
            // printf '{"id":"T-1"}' | sha256sum
            "arguments_sha256": "bc891ac6e62c711084f3aaa4c49e5203dc54129063ea866e146bfd8843bb37cd",
            "outcome": "ok",
            "duration_ms": 12.345,
            "request_id": "r-0",
            "credential": "sha256:1234abcd",
            "address": "192.0.2.7",
        })
    );
}

#[tokio::test]
async fn an_untouched_file_is_whole_and_private() {
    let (_folder, path, _) = sample().await;
    let verified = check(&path).unwrap();
    assert_eq!((verified.lines, verified.seq, verified.closed), (8, 8, true));
    assert_eq!(parsed(&path)[7]["hash"], *verified.head);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[tokio::test]
async fn removed_moved_repeated_and_foreign_lines_are_found() {
    let (_folder, _, lines) = sample().await;
    let all: Vec<&str> = lines.iter().map(String::as_str).collect();

    let front = fault(&all[2..]);
    assert!(matches!(front, (1, Problem::OutOfOrder { expected: 1, found: 3 })), "{front:?}");
    let middle = fault(&[&all[..3], &all[4..]].concat());
    assert!(matches!(middle, (4, Problem::OutOfOrder { expected: 4, found: 5 })), "{middle:?}");
    let mut swapped = all.clone();
    swapped.swap(3, 4);
    let swapped = fault(&swapped);
    assert!(matches!(swapped, (4, Problem::OutOfOrder { expected: 4, found: 5 })), "{swapped:?}");
    let repeated = fault(&[&all[..3], &all[2..]].concat());
    assert!(matches!(repeated, (4, Problem::OutOfOrder { .. })), "{repeated:?}");

    let (_other_folder, _, other) = sample().await;
    let mut foreign = all.clone();
    foreign[4] = &other[4];
    assert!(matches!(fault(&foreign), (5, Problem::Unlinked)));
}

#[tokio::test]
async fn a_cut_at_the_end_shows_in_the_head_and_in_the_missing_farewell() {
    let (_folder, path, lines) = sample().await;
    let whole = check(&path).unwrap();
    let cut = verify(lines[..5].concat().as_bytes()).unwrap();
    assert!(!cut.closed);
    assert_ne!(cut.head, whole.head);
    let within = lines.concat();
    let within = verify(&within.as_bytes()[..within.len() - 10]).unwrap_err();
    assert!(matches!(within, Broken { line: 8, problem: Problem::CutOff }));
}

#[test]
fn hostile_files_are_refused_in_constant_memory() {
    let endless = std::io::Read::take(std::io::repeat(b'{'), 1 << 30);
    assert!(matches!(verify(endless), Err(Broken { line: 1, problem: Problem::TooLong })));
    for text in ["\n", "{}\n", "{\"seq\":1}\n", "\0\0\0\n", "\",\"hash\":\"\"}\n", "\"}\n"] {
        assert!(matches!(
            verify(text.as_bytes()),
            Err(Broken { line: 1, problem: Problem::Malformed })
        ));
    }
    assert_eq!(verify(&b""[..]).unwrap().lines, 0);
}

#[test]
fn any_flipped_bit_is_found_at_its_line_or_after() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (_folder, _, lines) = runtime.block_on(sample());
    let whole = lines.concat().into_bytes();
    proptest!(ProptestConfig::with_cases(2000), |(at: Index, bit in 0..8u8)| {
        let mut bytes = whole.clone();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        let line = whole[..at].split(|byte| *byte == b'\n').count() as u64;
        let broken = verify(&bytes[..]).unwrap_err();
        prop_assert!(broken.line >= line, "{broken} instead of line {line}");
    });
}

#[tokio::test]
async fn the_chain_goes_on_after_a_restart() {
    let (_folder, path, _) = sample().await;
    run(&path, 2).await;
    let verified = check(&path).unwrap();
    assert_eq!((verified.seq, verified.recoveries, verified.closed), (12, 0, true));
    assert_eq!(events(&path)[6..], ["call", "closed", "opened", "call", "call", "closed"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_callers_at_once_make_one_chain() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let log = open(&path);
    let calls: Vec<_> = (0..200)
        .map(|number| {
            let log = log.clone();
            let durability = if number % 2 == 0 { Durability::Synced } else { Durability::Queued };
            tokio::spawn(
                async move { log.record(&record(&RequestId::generate()), durability).await },
            )
        })
        .collect();
    for call in calls {
        call.await.unwrap().unwrap();
    }
    log.close().await.unwrap();
    assert_eq!(check(&path).unwrap().lines, 202);
}

#[cfg(unix)]
#[tokio::test]
async fn a_file_that_is_moved_away_is_replaced_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let (path, rotated) = (folder.path().join("audit.jsonl"), folder.path().join("audit.1.jsonl"));
    let log = open(&path);
    let request_id = RequestId::generate();
    log.record(&record(&request_id), Durability::Synced).await.unwrap();
    fs::rename(&path, &rotated).unwrap();
    log.record(&record(&request_id), Durability::Synced).await.unwrap();
    fs::remove_file(&path).unwrap();
    log.record(&record(&request_id), Durability::Synced).await.unwrap();
    log.close().await.unwrap();
    assert_eq!(check(&rotated).unwrap().lines, 2);
    assert_eq!(events(&path), ["recovered", "call", "closed"]);
    check(&path).unwrap();
}

#[tokio::test]
async fn a_torn_line_stays_and_the_chain_goes_on() {
    let (_folder, path, lines) = sample().await;
    let torn = format!("{}{}", lines[..4].concat(), &lines[4][..100]);
    fs::write(&path, &torn).unwrap();
    assert!(matches!(check(&path), Err(Broken { line: 5, problem: Problem::CutOff })));

    run(&path, 1).await;
    let after = fs::read_to_string(&path).unwrap();
    assert!(after.starts_with(&torn), "nothing is rewritten");
    let verified = check(&path).unwrap();
    assert_eq!((verified.seq, verified.recoveries), (8, 1));

    // The fragment is as well guarded as a line.
    let edited = after.replacen(&lines[4][..100], &lines[5][..100], 1);
    assert!(matches!(verify(edited.as_bytes()), Err(Broken { line: 5, .. })));
    let gone = after.replacen(&format!("{}\n", &lines[4][..100]), "", 1);
    assert!(matches!(
        verify(gone.as_bytes()),
        Err(Broken { line: 5, problem: Problem::FragmentMissing })
    ));
}

#[tokio::test]
async fn a_crash_during_recovery_is_recovered_too() {
    let (_folder, path, lines) = sample().await;
    for fragment in ["\0\0\0\0", "{\"seq\":9,\"prev\":\"00", "{"] {
        let mut file = fs::OpenOptions::new().append(true).open(&path).unwrap();
        // As if the process had died after setting the fragment apart and in the middle of the next line.
        write!(file, "{fragment}\n{{\"seq\":").unwrap();
        drop(file);
        run(&path, 1).await;
    }
    let verified = check(&path).unwrap();
    assert_eq!(verified.recoveries, 3);
    assert!(verified.lines > lines.len() as u64 + 9);
}

#[tokio::test]
async fn a_first_line_torn_at_any_byte_does_not_stop_the_start() {
    let (_folder, path, lines) = sample().await;
    for length in [1, 5, 9, 80, lines[0].len() - 1] {
        fs::write(&path, &lines[0][..length]).unwrap();
        run(&path, 1).await;
        check(&path).unwrap();
    }
}

#[tokio::test]
async fn a_line_that_lacks_only_its_end_is_completed() {
    let (_folder, path, lines) = sample().await;
    let all = lines.concat();
    fs::write(&path, all.trim_end()).unwrap();
    run(&path, 1).await;
    assert_eq!(check(&path).unwrap().recoveries, 0);
}

#[tokio::test]
async fn a_file_that_is_no_audit_log_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.txt");
    fs::write(&path, "buy milk").unwrap();
    let message = try_open(&path).unwrap_err().to_string();
    assert!(message.contains("does not end in an audit chain, move it away"), "{message}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "buy milk");
    assert!(try_open(folder.path()).is_err(), "a folder");
}

#[tokio::test]
async fn two_writers_cannot_fork_one_chain() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let first = open(&path);
    let message = try_open(&path).unwrap_err().to_string();
    assert!(message.contains("another process writes it"), "{message}");
    first.close().await.unwrap();
    open(&path).close().await.unwrap();
}

#[tokio::test]
async fn oversized_text_is_clipped_and_oversized_arguments_are_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let log = open(&path);
    let request_id = RequestId::generate();
    let huge = "\u{1}".repeat(1 << 20);
    let arguments = json!({ "body": huge });
    let record = AuditRecord {
        principal: Principal { key: &huge, display: &huge },
        client: Some((&huge, &huge)),
        method: &huge,
        target: Some(Target::Resource(&huge)),
        arguments: Some(&arguments),
        fields: arguments.as_object(),
        credential: Some(&huge),
        ..record(&request_id)
    };
    log.record(&record, Durability::Synced).await.unwrap();
    log.close().await.unwrap();
    check(&path).unwrap();
    let call = parsed(&path).swap_remove(1);
    assert_eq!(call["omitted"], true);
    assert!(call.get("arguments").is_none() && call.get("fields").is_none());
    assert_eq!(call["resource"].as_str().unwrap().len(), 512);
}

#[test]
fn the_hash_of_arguments_does_not_depend_on_their_order() {
    let one = serde_json::from_str(r#"{"a":{"x":1,"y":2},"b":3}"#).unwrap();
    let other = serde_json::from_str(r#"{ "b": 3, "a": { "y": 2, "x": 1 } }"#).unwrap();
    assert_eq!(ArgumentsHash::of(&one), ArgumentsHash::of(&other));
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_refusals_becomes_sixty_lines_and_a_count_a_minute() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let metrics = Metrics::new("test", "1");
    let log = AuditLog::open(&AuditTarget::File(path.clone()), &metrics).unwrap();
    let request_id = RequestId::generate();
    let refusal = Refusal {
        reason: "invalid_token",
        address: Some([203, 0, 113, 9].into()),
        credential: Some("sha256:dead"),
        request_id: &request_id,
    };
    for _ in 0..1000 {
        log.refused(&refusal);
    }
    tokio::time::sleep(Duration::from_secs(61)).await;
    for _ in 0..61 {
        log.refused(&refusal);
    }
    // Closing does not wait for the minute to end.
    log.close().await.unwrap();

    check(&path).unwrap();
    let lines = parsed(&path);
    let refused = |it: &&Value| it["event"] == "refused";
    assert_eq!(lines.iter().filter(refused).count(), 120);
    assert_eq!(lines[1]["reason"], "invalid_token");
    assert_eq!(lines[1]["address"], "203.0.113.9");
    assert_eq!(lines[61]["event"], "refusals_suppressed");
    assert_eq!(lines[61]["count"], 940);
    assert_eq!(lines[122]["count"], 1);
    assert!(metrics.render().contains("mcp_server_audit_refusals_suppressed_total 941\n"));
}

#[tokio::test]
async fn stderr_takes_the_same_lines() {
    let log = AuditLog::open(&AuditTarget::Stderr, &Metrics::new("test", "1")).unwrap();
    log.record(&record(&RequestId::generate()), Durability::Synced).await.unwrap();
    log.close().await.unwrap();
}

#[test]
fn a_target_is_a_path_or_one_of_two_words() {
    assert_eq!("stderr".parse::<AuditTarget>().unwrap(), AuditTarget::Stderr);
    assert_eq!("a.log".parse::<AuditTarget>().unwrap(), AuditTarget::File("a.log".into()));
    let message = "".parse::<AuditTarget>().unwrap_err().to_string();
    assert!(message.contains("a file's path, `stderr` or `off`"), "{message}");
}

#[tokio::test]
async fn a_log_that_is_off_accepts_everything_and_keeps_nothing() {
    let log = AuditLog::open(&"off".parse().unwrap(), &Metrics::new("test", "1")).unwrap();
    assert!(!log.is_on());
    log.record(&record(&RequestId::generate()), Durability::Synced).await.unwrap();
    log.ready().await.unwrap();
    log.close().await.unwrap();
}
