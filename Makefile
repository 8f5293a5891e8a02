# make demo and make test are all that a newcomer needs: they install what the system lacks, then build and run.
# A fresh machine needs Rust, a C compiler and make.

SHELL := /bin/bash

# Outside the clone, and the same for development, tests and CI, so that nothing is compiled twice.
CARGO_TARGET_DIR ?= $(HOME)/.cache/geohaul-target
export CARGO_TARGET_DIR

# What the tests need beside system packages: Python's readers and Koop.
export TOOLS := $(CARGO_TARGET_DIR)/tools
GEOHAUL_KOOP ?= $(TOOLS)/koop
export GEOHAUL_KOOP
export PATH := $(TOOLS)/python/bin:$(PATH)

# With an empty HOME, rustup's cargo looks for its toolchains there; they stand beside the cargo that was found.
ifndef RUSTUP_HOME
ifeq ($(wildcard $(HOME)/.rustup),)
BESIDE := $(realpath $(dir $(shell command -v cargo))../../.rustup)
ifneq ($(BESIDE),)
export RUSTUP_HOME := $(BESIDE)
endif
endif
endif

.PHONY: help demo test lint doc bench

help:
	@echo 'make demo   build, run a task and export a layer from a demo server, leave files in demo-out/'
	@echo 'make test   the whole test suite'
	@echo 'make bench  time it against ogr2ogr, pyogrio and curl (an hour; scripts/bench --help for parts of it)'
	@echo 'make lint   formatting and clippy, for each set of features'
	@echo 'make doc    the API documentation, warnings denied'

demo:
	@scripts/setup build
	cargo build --locked --release --bin geohaul --example demo_server
	@scripts/demo

test:
	@scripts/setup test
	cargo test --locked
	cargo test --locked --no-default-features --lib
	cargo test --locked --features geoparquet --test geoparquet --test conformance --test formats

bench:
	@scripts/setup test
	@scripts/bench

lint:
	@scripts/setup build
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings
	cargo clippy --locked --all-targets --no-default-features -- -D warnings
	cargo clippy --locked --all-targets --no-default-features --features cli -- -D warnings
	cargo clippy --locked --all-targets --no-default-features --features gdal -- -D warnings
	cargo clippy --locked --all-targets --no-default-features --features geopackage -- -D warnings
	cargo clippy --locked --all-targets --no-default-features --features geoparquet -- -D warnings
	cargo clippy --locked --all-targets --features geoparquet -- -D warnings

doc:
	@scripts/setup build
	RUSTDOCFLAGS='-D warnings' cargo doc --locked --no-deps
