//! The server as its users meet it: the real binary, before an API that behaves and that does not.

mod misbehaviour;
mod snapshots;
mod stage;
