#![doc = include_str!("../README.md")]

mod config;
mod idempotency;
mod models;
mod prompts;
mod resources;
mod server;
mod store;
mod tools;

pub use config::Config;
pub use server::Ticketing;
