//! Starts a private PostgreSQL and Redis, prints their addresses and keeps them until it ends, however it ends.

use mcp_testkit::{Postgres, Redis};

#[expect(
    clippy::print_stdout,
    reason = "a program for a person or a test that reads the addresses"
)]
fn main() {
    let (postgres, redis) = (Postgres::dedicated(), Redis::dedicated());
    let (database, numbered) = (postgres.database(), redis.database());
    println!("{}\n{}", database.url(), numbered.url());
    loop {
        std::thread::park();
    }
}
