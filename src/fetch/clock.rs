//! The time that retries and paces go by.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Time, so that tests need not wait.
pub trait Clock: Send + Sync {
    /// The time since some fixed moment.
    fn now(&self) -> Duration;
    /// Waits.
    fn sleep(&self, wait: Duration);
    /// A number from 0 to 1 that spreads the waits of many clients.
    fn jitter(&self) -> f64;
}

/// The machine's clock, from when it was first asked.
#[derive(Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Duration {
        // One for all, since sessions may share a pace.
        static START: OnceLock<Instant> = OnceLock::new();
        START.get_or_init(Instant::now).elapsed()
    }

    fn sleep(&self, wait: Duration) {
        std::thread::sleep(wait);
    }

    fn jitter(&self) -> f64 {
        // The standard library's hasher keys are its only randomness.
        RandomState::new().build_hasher().finish() as f64 / u64::MAX as f64
    }
}
