//! One pace per host, shared by all threads and layers that ask through one session: how many requests may be under
//! way at once, and until when none may start.
//!
//! It begins with a few connections, adds one for each round of answers that came well, and halves them when the
//! server says that it has too much to do, fails or slows down. `Retry-After` stops all of them.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::clock::Clock;
use super::http::{Cancel, Fault};

/// Connections to begin with.
const FIRST_CONNECTIONS: usize = 4;

/// The most connections, unless fewer are asked for.
pub const MOST_CONNECTIONS: usize = 16;

/// Answers of fewer bytes say nothing of how fast the server is with pages.
pub(super) const TELLING_BYTES: usize = 10_000;

/// How long to wait before looking again whether the work was cancelled.
const GLANCE: Duration = Duration::from_millis(100);

/// How a request went, for the pace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Went {
    /// An answer of so many bytes.
    Well(usize),
    /// The server had too much to do, or broke down over it.
    Badly,
    /// It says nothing of the server's strength.
    Unsaid,
}

/// The paces of all hosts.
pub(super) struct Pacer {
    most: usize,
    hosts: Mutex<HashMap<String, Arc<Host>>>,
}

/// The paces of all hosts, for several sessions to share.
#[derive(Clone)]
pub struct Pace(pub(super) Arc<Pacer>);

impl Pace {
    /// At most `most` requests at once to each host, at least 1.
    pub fn new(most: usize) -> Self {
        Self(Arc::new(Pacer::new(most)))
    }
}

/// The pace of one host.
pub(super) struct Host {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    most: f64,
    /// Requests that may be under way; the fraction is growth that has not yet made a whole one.
    allowed: f64,
    under_way: usize,
    /// No request starts before this moment.
    not_before: Duration,
    /// The last time that `allowed` was cut: what started before it can't cut it again.
    cut: Duration,
    /// Seconds that answers usually take.
    usual: Option<f64>,
    next_place: u64,
    /// Places in the queue of those that wait.
    waiting: BTreeSet<u64>,
}

impl Pacer {
    /// At most `most` requests at once to each host.
    pub(super) fn new(most: usize) -> Self {
        Self { most: most.max(1), hosts: Mutex::default() }
    }

    /// The most requests at once to each host.
    pub(super) fn most(&self) -> usize {
        self.most
    }

    /// The pace of the host of this name.
    pub(super) fn host(&self, name: &str) -> Arc<Host> {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(hosts.entry(name.to_owned()).or_insert_with(|| Arc::new(Host::new(self.most))))
    }
}

/// The right to have one request under way; it goes back when dropped.
pub(super) struct Turn<'a> {
    host: &'a Host,
    began: Duration,
    /// How many requests were under way when this one made room for another before its end.
    yielded: Option<usize>,
}

impl Host {
    fn new(most: usize) -> Self {
        let state = State {
            most: most as f64,
            allowed: most.min(FIRST_CONNECTIONS) as f64,
            under_way: 0,
            not_before: Duration::ZERO,
            cut: Duration::ZERO,
            usual: None,
            next_place: 0,
            waiting: BTreeSet::new(),
        };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place in the queue. A request keeps it when it is repeated, so that later pages don't overtake it.
    pub(super) fn place(&self) -> u64 {
        let mut state = self.lock();
        state.next_place += 1;
        state.next_place
    }

    /// Waits for the turn of `place`.
    pub(super) fn turn(&self, place: u64, clock: &dyn Clock, cancel: &Cancel) -> Result<Turn<'_>, Fault> {
        let mut state = self.lock();
        state.waiting.insert(place);
        loop {
            if cancel.is_cancelled() {
                state.waiting.remove(&place);
                self.changed.notify_all();
                return Err(Fault::cancelled());
            }
            let now = clock.now();
            if now < state.not_before {
                let wait = GLANCE.min(state.not_before - now);
                drop(state);
                clock.sleep(wait);
                state = self.lock();
            } else if (state.under_way as f64) < state.allowed.floor() && state.waiting.first() == Some(&place) {
                state.waiting.remove(&place);
                state.under_way += 1;
                self.changed.notify_all();
                return Ok(Turn { host: self, began: now, yielded: None });
            } else {
                state = self.changed.wait_timeout(state, GLANCE).unwrap_or_else(PoisonError::into_inner).0;
            }
        }
    }

    /// One request fewer is under way; how many there were.
    fn leave(&self) -> usize {
        let mut state = self.lock();
        state.under_way -= 1;
        self.changed.notify_all();
        state.under_way + 1
    }

    /// Nobody asks this host before `until`.
    pub(super) fn hold(&self, until: Duration) {
        let mut state = self.lock();
        state.not_before = state.not_before.max(until);
    }

    /// Requests that may be under way now.
    #[cfg(test)]
    fn allowed(&self) -> usize {
        self.lock().allowed as usize
    }
}

impl Turn<'_> {
    /// Makes room for the next request, before it is known how this one went.
    pub(super) fn yield_early(&mut self) {
        if self.yielded.is_none() {
            self.yielded = Some(self.host.leave());
        }
    }

    /// The request is over.
    pub(super) fn end(self, went: Went, now: Duration) {
        let took = now.saturating_sub(self.began).as_secs_f64();
        let mut state = self.host.lock();
        // Where only a few are wanted at once, their success says nothing of more.
        let busy = 2.0 * self.yielded.unwrap_or(state.under_way) as f64 >= state.allowed.floor();
        match went {
            Went::Unsaid => {}
            Went::Badly => state.cut(0.5, self.began, now),
            Went::Well(bytes) if bytes < TELLING_BYTES => state.grow(busy),
            Went::Well(_) => {
                let usual = state.usual.unwrap_or(took);
                state.usual = Some(usual + 0.1 * (took - usual));
                if took > 2.0 * usual + 0.5 { state.cut(0.8, self.began, now) } else { state.grow(busy) }
            }
        }
    }
}

impl State {
    fn grow(&mut self, busy: bool) {
        if busy {
            // Twice as many a round until something went badly for the first time, and then one more a round.
            let step = if self.cut.is_zero() { 1.0 } else { 1.0 / self.allowed };
            let before = self.allowed.floor();
            self.allowed = (self.allowed + step).min(self.most);
            if self.allowed.floor() > before {
                tracing::debug!("pace: {} requests at once", self.allowed.floor());
            }
        }
    }

    fn cut(&mut self, to: f64, began: Duration, now: Duration) {
        if began >= self.cut {
            self.allowed = (self.allowed * to).max(1.0);
            self.cut = now;
            tracing::info!("pace: the server is slow or has too much to do; {} requests at once", self.allowed.floor());
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if self.yielded.is_none() {
            self.host.leave();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Time that stands still but for sleep.
    #[derive(Default)]
    struct Still(Mutex<Duration>);

    impl Clock for Still {
        fn now(&self) -> Duration {
            *self.0.lock().unwrap()
        }
        fn sleep(&self, wait: Duration) {
            *self.0.lock().unwrap() += wait;
        }
        fn jitter(&self) -> f64 {
            1.0
        }
    }

    fn round(host: &Host, clock: &Still, went: Went, millis: u64) {
        let turns: Vec<Turn<'_>> =
            (0..host.allowed()).map(|_| host.turn(host.place(), clock, &Cancel::default()).unwrap()).collect();
        clock.sleep(Duration::from_millis(millis));
        turns.into_iter().for_each(|turn| turn.end(went, clock.now()));
        // Later than the cut.
        clock.sleep(Duration::from_millis(1));
    }

    #[test]
    fn connections_grow_on_success_to_the_bound_and_no_further() {
        for (most, first) in [(16, 4), (6, 4), (2, 2)] {
            let (pacer, clock) = (Pacer::new(most), Still::default());
            let host = pacer.host("h");
            assert_eq!(host.allowed(), first);
            (0..100).for_each(|_| round(&host, &clock, Went::Well(100), 10));
            assert_eq!(host.allowed(), most);
        }
    }

    #[test]
    fn they_are_halved_once_for_a_round_of_failures_and_never_below_one() {
        let (pacer, clock) = (Pacer::new(16), Still::default());
        let host = pacer.host("h");
        (0..100).for_each(|_| round(&host, &clock, Went::Well(100), 10));
        for expected in [8, 4, 2, 1, 1] {
            round(&host, &clock, Went::Badly, 10);
            assert_eq!(host.allowed(), expected);
        }
    }

    #[test]
    fn pages_that_suddenly_take_much_longer_shrink_them() {
        let (pacer, clock) = (Pacer::new(16), Still::default());
        let host = pacer.host("h");
        (0..100).for_each(|_| round(&host, &clock, Went::Well(100_000), 200));
        assert_eq!(host.allowed(), 16);
        round(&host, &clock, Went::Well(100_000), 3000);
        assert!(host.allowed() < 14, "{}", host.allowed());
        // A server that is slow once and for all is not starved.
        (0..200).for_each(|_| round(&host, &clock, Went::Well(100_000), 3000));
        assert_eq!(host.allowed(), 16);
    }

    #[test]
    fn hold_stops_everybody_and_other_hosts_go_on() {
        let (pacer, clock) = (Pacer::new(16), Still::default());
        pacer.host("busy").hold(Duration::from_secs(7));
        drop(pacer.host("other").turn(1, &clock, &Cancel::default()).unwrap());
        assert_eq!(clock.now(), Duration::ZERO);
        drop(pacer.host("busy").turn(1, &clock, &Cancel::default()).unwrap());
        assert_eq!(clock.now(), Duration::from_secs(7));
    }

    #[test]
    fn the_first_in_the_queue_comes_first_and_the_cancelled_leave_it() {
        let (pacer, clock) = (Pacer::new(1), Still::default());
        let host = pacer.host("h");
        let order = Mutex::new(Vec::new());
        let running = host.turn(host.place(), &clock, &Cancel::default()).unwrap();
        let given_up = Cancel::default();
        let places: Vec<u64> = (0..3).map(|_| host.place()).collect();
        std::thread::scope(|scope| {
            for (at, place) in places.into_iter().enumerate().rev() {
                let (host, clock, order) = (&host, &clock, &order);
                let cancel = if at == 0 { given_up.clone() } else { Cancel::default() };
                scope.spawn(move || {
                    if let Ok(turn) = host.turn(place, clock, &cancel) {
                        order.lock().unwrap().push(at);
                        drop(turn);
                    }
                });
            }
            while host.lock().waiting.len() < 3 {
                std::thread::yield_now();
            }
            given_up.cancel();
            drop(running);
        });
        assert_eq!(order.into_inner().unwrap(), [1, 2]);
    }
}
