#![doc = include_str!("../README.md")]

mod admitted;
mod catalog;
mod config;
mod database;
mod guard;
mod page;
mod plan;
mod prompts;
mod queries;
mod resources;
mod server;
mod tables;
mod tools;
mod verdict;
mod wire;

#[cfg(test)]
mod tests;

pub use config::Config;
pub use server::Postgres;

/// Whether the guard's first layer takes `sql` for a read: no part of the interface, and here to be timed by the bench.
#[doc(hidden)]
pub fn is_read(sql: &str) -> bool {
    guard::read(sql).is_ok()
}
