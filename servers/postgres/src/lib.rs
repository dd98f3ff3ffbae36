#![doc = include_str!("../README.md")]

mod admitted;
mod catalog;
mod config;
mod database;
mod guard;
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
