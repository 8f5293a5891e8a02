//! Geoprocessing against a scripted service: each status, each shape of a result, each form of an input.

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod corpus;
mod inputs;
mod results;
mod running;
mod script;
