//! Private PostgreSQL and Redis: isolation, survival of a restart, and no orphans.

use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use mcp_testkit::{Postgres, Redis};

use crate::example;

#[test]
fn databases_of_one_server_do_not_see_each_other() {
    let [first, second] = [(); 2].map(|()| Postgres::shared().database());
    assert_ne!(first.url(), second.url());
    first.psql("CREATE TABLE tickets (id int); INSERT INTO tickets VALUES (7)");
    assert_eq!(first.psql("SELECT id FROM tickets"), "7");
    assert_eq!(second.psql("SELECT to_regclass('tickets') IS NULL"), "t");
}

#[test]
fn a_dropped_database_is_gone() {
    let database = Postgres::shared().database();
    let name = database.psql("SELECT current_database()");
    drop(database);
    let witness = Postgres::shared().database();
    let count = format!("SELECT count(*) FROM pg_database WHERE datname = '{name}'");
    assert_eq!(witness.psql(&count), "0");
}

#[test]
fn committed_rows_survive_a_crash_of_postgres() {
    let mut server = Postgres::dedicated();
    let database = server.database();
    database.psql("CREATE TABLE tickets (id int); INSERT INTO tickets VALUES (7)");
    server.stop();
    assert!(!answers(database.url()));
    server.start();
    assert_eq!(database.psql("SELECT id FROM tickets"), "7");
}

#[test]
fn redis_answers_and_its_databases_do_not_see_each_other() {
    let [first, second] = [(); 2].map(|()| Redis::shared().database());
    assert_eq!(first.command(&["PING"]), "PONG");
    assert_eq!(first.command(&["SET", "quota", "1"]), "OK");
    assert_eq!(second.command(&["GET", "quota"]), "");
}

#[test]
fn acknowledged_keys_survive_a_kill_of_redis() {
    let mut server = Redis::dedicated();
    let database = server.database();
    assert_eq!(database.command(&["SET", "quota", "1"]), "OK");
    server.restart();
    assert_eq!(database.command(&["GET", "quota"]), "1");
}

#[test]
fn a_dropped_server_leaves_nothing() {
    let server = Redis::dedicated();
    let url = server.database().url().to_owned();
    assert!(answers(&url));
    drop(server);
    assert!(!answers(&url));
}

#[test]
fn no_server_outlives_a_killed_test_process() {
    let mut victim = Command::new(example("private_servers"));
    let mut victim = victim.stdout(Stdio::piped()).spawn().unwrap();
    let output = BufReader::new(victim.stdout.take().unwrap());
    let urls: Vec<String> = output.lines().map_while(Result::ok).take(2).collect();
    assert_eq!(urls.len(), 2);
    assert!(urls.iter().all(|url| answers(url)), "{urls:?}");

    victim.kill().unwrap();
    victim.wait().unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    while urls.iter().any(|url| answers(url)) {
        assert!(Instant::now() < deadline, "still running: {urls:?}");
        std::thread::yield_now();
    }
}

fn answers(url: &str) -> bool {
    let address = url.split(['/', '@']).find(|part| part.starts_with("127.0.0.1:")).unwrap();
    TcpStream::connect(address).is_ok()
}
