#![doc = include_str!("../README.md")]

mod boundary;
mod budget;
mod edit;
mod findings;
mod fit;
mod hidden;
mod lines;
mod links;
mod markers;
mod measure;
mod phrases;
mod sanitizer;
mod scan;
mod secrets;
mod structure;

pub use boundary::Boundary;
pub use budget::Budget;
pub use findings::{Finding, Findings, SecretKind};
pub use fit::{Fitted, PageCut, fit};
pub use lines::whole_lines;
pub use measure::{OFFLOAD_BYTES, is_large, json_within};
pub use sanitizer::{Options, Sanitizer, Treatment};
