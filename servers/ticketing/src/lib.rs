#![doc = include_str!("../README.md")]
#![cfg_attr(not(test), expect(dead_code, reason = "the tools that use the store come next"))]

mod models;
mod store;
