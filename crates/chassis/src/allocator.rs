//! The allocator of every server.
//!
//! What a call needs is made on one thread and dropped on another, over and over. The allocator of the C library takes a
//! lock for that: under 256 connections a third of a server's processor time went there (musl's is slower still).

use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;
