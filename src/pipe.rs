//! The pipeline without GIS: permits that bound the pages under way, and delivery in order.
//!
//! The rules that keep it from hanging (`docs/architecture.md`, "Threads"): a pager takes a permit before it
//! asks for a page, so the lowest unwritten page always holds one; a worker never blocks, it sends on an
//! unbounded channel that the permits bound; the writer is a plain thread outside the worker pool; a permit
//! comes back when the page is written everywhere, or dropped.

use std::collections::BTreeMap;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Bounds the pages under way, in number and in bytes.
///
/// ```
/// use geohaul::pipe::Permits;
///
/// let permits = Permits::new(2, 1 << 20);
/// let first = permits.take().unwrap();
/// let _second = permits.take().unwrap();
/// assert_eq!(permits.under_way(), 2);
/// assert!(permits.try_take().is_none());
/// drop(first);
/// assert_eq!(permits.under_way(), 1);
/// permits.cancel();
/// assert!(permits.take().is_none());
/// ```
#[derive(Clone)]
pub struct Permits(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    most_pages: usize,
    most_bytes: usize,
}

#[derive(Default)]
struct State {
    pages: usize,
    bytes: usize,
    high_water: usize,
    cancelled: bool,
}

impl Permits {
    /// At most `most_pages` pages at once, and no further page while `most_bytes` are held.
    pub fn new(most_pages: usize, most_bytes: usize) -> Self {
        let shared = Shared { state: Mutex::default(), changed: Condvar::new(), most_pages: most_pages.max(1), most_bytes };
        Self(Arc::new(shared))
    }

    /// Waits for a place; `None` once the work is cancelled.
    pub fn take(&self) -> Option<Permit> {
        let mut state = self.0.lock();
        // A page that is over the limit alone must still pass, so bytes count only while another page is under way.
        while !state.cancelled && (state.pages >= self.0.most_pages || (state.pages > 0 && state.bytes >= self.0.most_bytes)) {
            state = self.0.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.cancelled { None } else { Some(self.permit(&mut state)) }
    }

    /// A place if there are two right now: for reading ahead. The last one is left for [`Permits::take`], so that whoever
    /// waits there never waits for pages that were read ahead and come behind its own.
    pub fn try_take(&self) -> Option<Permit> {
        let mut state = self.0.lock();
        let free = !state.cancelled && state.pages + 1 < self.0.most_pages && state.bytes < self.0.most_bytes;
        free.then(|| self.permit(&mut state))
    }

    fn permit(&self, state: &mut State) -> Permit {
        state.pages += 1;
        state.high_water = state.high_water.max(state.pages);
        Permit { shared: Arc::clone(&self.0), bytes: 0 }
    }

    /// Ends all waiting: from now on [`Permits::take`] answers `None`.
    pub fn cancel(&self) {
        self.0.lock().cancelled = true;
        self.0.changed.notify_all();
    }

    /// `true` after [`Permits::cancel`].
    pub fn is_cancelled(&self) -> bool {
        self.0.lock().cancelled
    }

    /// Pages under way now.
    pub fn under_way(&self) -> usize {
        self.0.lock().pages
    }

    /// The most pages that were ever under way at once.
    pub fn high_water(&self) -> usize {
        self.0.lock().high_water
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to have one page under way; it goes back when dropped.
pub struct Permit {
    shared: Arc<Shared>,
    bytes: usize,
}

impl Permit {
    /// Says how large the page turned out to be.
    pub fn hold_bytes(&mut self, bytes: usize) {
        let mut state = self.shared.lock();
        state.bytes = state.bytes - self.bytes + bytes;
        self.bytes = bytes;
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.pages -= 1;
        state.bytes -= self.bytes;
        drop(state);
        self.shared.changed.notify_all();
    }
}

/// Hands out what arrives as `(seq, item)` in the order of `seq`, from 0 without gaps; ends when the senders
/// are gone.
pub fn in_order<T>(arrivals: Receiver<(u64, T)>) -> impl Iterator<Item = T> {
    let mut early = BTreeMap::new();
    let mut next = 0;
    std::iter::from_fn(move || {
        loop {
            if let Some(item) = early.remove(&next) {
                next += 1;
                return Some(item);
            }
            let (seq, item) = arrivals.recv().ok()?;
            early.insert(seq, item);
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_ahead_leaves_the_last_place_to_the_first_in_line() {
        let permits = Permits::new(3, 1 << 20);
        let ahead: Vec<Permit> = std::iter::from_fn(|| permits.try_take()).collect();
        assert_eq!(ahead.len(), 2);
        assert!(permits.take().is_some());
        assert!(Permits::new(1, 1 << 20).try_take().is_none());
    }
}
