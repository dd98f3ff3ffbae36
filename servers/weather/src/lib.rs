#![doc = include_str!("../README.md")]

mod cities;
mod client;
mod conditions;
mod config;
mod location;
mod models;
mod prompts;
mod resources;
mod server;
mod tools;
mod wire;

pub use config::Config;
pub use server::Weather;
