//! Jobs side by side.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Does all jobs, at most `at_once` (at least one) at a time, and gives what came of them in their order. Once `go_on`
/// says no, none is begun any more, and `work` is told so of those that are left.
pub fn side_by_side<J: Sync, D: Send>(
    jobs: &[J],
    at_once: usize,
    go_on: impl Fn() -> bool + Sync,
    work: impl Fn(&J, bool) -> D + Sync,
) -> Vec<D> {
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::with_capacity(jobs.len())));
    let hand = || {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(job) = jobs.get(at) else { break };
            let came = work(job, go_on());
            done.lock().unwrap_or_else(PoisonError::into_inner).push((at, came));
        }
    };
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..at_once.min(jobs.len())).map(|_| scope.spawn(hand)).collect();
        hand();
        for other in others {
            // The scope alone does not wait until a thread has put away what is its own.
            if let Err(panicked) = other.join() {
                std::panic::resume_unwind(panicked);
            }
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, came)| came).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Barrier;

    #[test]
    fn as_many_jobs_as_allowed_are_under_way_at_once() {
        // Nobody passes the barrier alone.
        let barrier = Barrier::new(3);
        let leads = side_by_side(&[(); 6], 3, || true, |(), _| barrier.wait().is_leader());
        assert_eq!(leads.iter().filter(|leads| **leads).count(), 2);
    }

    #[test]
    fn nothing_is_begun_once_the_run_is_over_and_all_are_told_in_their_order() {
        let begun = AtomicUsize::new(0);
        let go_on = || begun.fetch_add(1, Ordering::Relaxed) < 2;
        let done = side_by_side(&[1, 2, 3, 4], 1, go_on, |job, begin| (*job, begin));
        assert_eq!(done, [(1, true), (2, true), (3, false), (4, false)]);
        assert_eq!(side_by_side(&[3, 1, 2], 9, || true, |job, _| job * 2), [6, 2, 4]);
    }
}
