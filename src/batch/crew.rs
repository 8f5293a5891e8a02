//! Jobs side by side.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Does all jobs in their order, at most `at_once` (at least one) at a time. Once `go_on` says no, none is begun any
/// more, and `work` is told so of those that are left.
pub fn side_by_side<J: Sync>(jobs: &[J], at_once: usize, go_on: impl Fn() -> bool + Sync, work: impl Fn(&J, bool) + Sync) {
    let next = AtomicUsize::new(0);
    let hand = || {
        while let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
            work(job, go_on());
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..at_once.min(jobs.len()) {
            scope.spawn(hand);
        }
        hand();
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Barrier, Mutex};

    #[test]
    fn as_many_jobs_as_allowed_are_under_way_at_once() {
        // Nobody passes the barrier alone.
        let barrier = Barrier::new(3);
        side_by_side(&[(); 6], 3, || true, |(), _| drop(barrier.wait()));
    }

    #[test]
    fn nothing_is_begun_once_the_run_is_over() {
        let begun = Mutex::new(Vec::new());
        let go_on = || begun.lock().unwrap().len() < 2;
        side_by_side(&[1, 2, 3, 4], 1, go_on, |job, begin| begun.lock().unwrap().push((*job, begin)));
        assert_eq!(begun.into_inner().unwrap(), [(1, true), (2, true), (3, false), (4, false)]);
    }
}
