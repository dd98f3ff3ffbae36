#![doc = include_str!("../README.md")]

pub mod audit;
pub mod logging;
pub mod metrics;
mod operation;
pub mod otlp;
pub mod trace;

pub use operation::{Operation, Target, Transport};
