#![doc = include_str!("../README.md")]

mod client;
mod config;
mod prompts;
mod resources;
mod server;
mod tools;

pub use config::Config;
pub use server::ExampleDomain;
