#![doc = include_str!("../README.md")]

mod classify;
mod error;
mod kind;
mod wire;

pub use classify::Classify;
pub use error::{Error, Result};
pub use kind::{ErrorKind, FieldFault};
pub use wire::{HttpFault, ToolFailure};
