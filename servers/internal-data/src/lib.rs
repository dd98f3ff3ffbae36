#![doc = include_str!("../README.md")]

mod client;
mod collections;
mod config;
mod cursor;
mod models;
mod names;
mod redaction;
mod sample;
mod server;
mod tools;
mod wire;

pub use config::Config;
pub use server::InternalData;
