//! The internal-data server as a process, before the sample, recorded answers and a real API.

mod exposure;
mod input;
mod keeping;
mod keys;
mod misbehaviour;
mod paging;
mod redaction;
mod sample;
mod snapshots;
mod stage;
mod upstream;
