#![doc = include_str!("../README.md")]

mod allowlist;
mod client;
mod config;
mod models;
mod names;
mod page;
mod prompts;
mod resources;
mod search;
mod server;
mod tools;
mod wire;

pub use config::Config;
pub use server::GitHub;
