//! Answers to `f=pbf`: decoded as their servers meant them, equal to their JSON twins, and never a panic.

#![allow(clippy::unwrap_used, reason = "an unwrap that fails is a failed test")]

mod corpus;
mod decoding;
#[path = "../support/layer.rs"]
mod layer;
#[path = "../support/pbf.rs"]
mod pbf;
#[path = "../support/server.rs"]
mod server;
mod serving;
