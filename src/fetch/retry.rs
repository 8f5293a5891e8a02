//! Asking again: which failures are worth another try, how often, and after what wait.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::clock::{Clock, SystemClock};
use super::http::{Cancel, Fault, FaultKind, Request, Response, SharedTransport};
use super::pacer::{Host, MOST_CONNECTIONS, Pace, Pacer, TELLING_BYTES, Went};
use crate::error::Error;
use crate::esri::failure::Failure;
use crate::report::{Progress, Silent};

/// How often and how long to ask again: whichever budget is used up first ends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// The most times that a request is sent.
    pub tries: u32,
    /// The same for a request that may simply be too much, and that the caller can make smaller.
    pub heavy_tries: u32,
    /// The longest time from the first try to the last.
    pub time: Duration,
    /// The wait before the second try; it doubles from there.
    pub first_wait: Duration,
    /// The longest wait, also where the server asks for a longer one.
    pub longest_wait: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            tries: 6,
            heavy_tries: 2,
            time: Duration::from_secs(600),
            first_wait: Duration::from_secs(1),
            longest_wait: Duration::from_secs(120),
        }
    }
}

/// Why a request brought no data.
#[derive(Debug, Clone)]
pub struct Refused {
    /// The error to show.
    pub error: Error,
    /// What happened.
    pub cause: Cause,
}

/// What stands behind a [`Refused`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// No whole answer came.
    Fault(FaultKind),
    /// The server said no.
    Failure(Failure),
}

impl Refused {
    /// A smaller request may pass.
    pub fn is_heavy(&self) -> bool {
        match &self.cause {
            Cause::Fault(kind) => matches!(kind, FaultKind::TimedOut | FaultKind::CutOff | FaultKind::TooLarge),
            Cause::Failure(failure) => failure.is_heavy(),
        }
    }

    /// The server understood the request and won't have it; another form of it may pass.
    pub fn is_refusal(&self) -> bool {
        match &self.cause {
            Cause::Fault(_) => false,
            Cause::Failure(failure) => !failure.wants_sign_in() && !failure.is_overload(),
        }
    }

    /// The service is not there. One that gave data a moment ago may be started anew.
    fn is_without_service(&self) -> bool {
        matches!(&self.cause, Cause::Failure(failure) if failure.is_without_service())
    }

    /// What it says of the server's strength.
    fn went(&self) -> Went {
        match &self.cause {
            Cause::Fault(FaultKind::TimedOut | FaultKind::CutOff) => Went::Badly,
            Cause::Failure(failure) if failure.is_overload() || failure.code.is_some_and(|code| (500..600).contains(&code)) => {
                Went::Badly
            }
            _ => Went::Unsaid,
        }
    }

    /// The same request may pass later. `reached` is `true` once this server has answered anything.
    /// The server may answer the same question later: the network failed, or it has too much to do.
    pub fn is_passing_by(&self) -> bool {
        self.is_passing(true)
    }

    /// Nobody is there, as with an address that is good inside another network only.
    pub fn is_unreachable(&self) -> bool {
        matches!(
            &self.cause,
            Cause::Fault(FaultKind::NoConnection | FaultKind::UnknownHost | FaultKind::TimedOut | FaultKind::Tls)
        )
    }

    fn is_passing(&self, reached: bool) -> bool {
        match &self.cause {
            Cause::Fault(FaultKind::TimedOut | FaultKind::CutOff) => true,
            // A wrong address is told at once; a server that was there a moment ago may come back.
            Cause::Fault(FaultKind::NoConnection | FaultKind::UnknownHost) => reached,
            Cause::Fault(_) => false,
            Cause::Failure(failure) => failure.is_overload() || (failure.is_heavy() && failure.code != Some(413)),
        }
    }
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        refused.error
    }
}

/// Sends requests, again where that may help. Cheap to clone.
#[derive(Clone)]
pub struct Retry {
    transport: SharedTransport,
    policy: RetryPolicy,
    clock: Arc<dyn Clock>,
    progress: Arc<dyn Progress>,
    pacer: Arc<Pacer>,
    tally: Arc<Tally>,
    reached: Arc<AtomicBool>,
    served: Arc<AtomicBool>,
}

/// What was sent and received for one piece of work.
#[derive(Debug, Default)]
struct Tally {
    sent: AtomicU64,
    repeated: AtomicU64,
    bytes: AtomicU64,
    /// The server's clock at the first answer.
    clock: OnceLock<i64>,
}

impl Retry {
    /// Sends through `transport` by `policy`, in silence.
    pub fn new(transport: SharedTransport, policy: RetryPolicy) -> Self {
        Self {
            transport,
            policy,
            clock: Arc::new(SystemClock),
            progress: Arc::new(Silent),
            pacer: Arc::new(Pacer::new(MOST_CONNECTIONS)),
            tally: Arc::default(),
            reached: Arc::default(),
            served: Arc::default(),
        }
    }

    /// The same with another clock.
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// The same with at most this many requests under way to one host, at least 1.
    #[must_use]
    pub fn with_connections(self, most: usize) -> Self {
        Self { pacer: Arc::new(Pacer::new(most)), ..self }
    }

    /// The most requests that may be under way to one host.
    pub(super) fn connections(&self) -> usize {
        self.pacer.most()
    }

    /// The same at a pace that it shares with others.
    #[must_use]
    pub fn at_pace(self, pace: &Pace) -> Self {
        Self { pacer: Arc::clone(&pace.0), ..self }
    }

    /// The same, saying to `progress` what is repeated, and counting requests from 0. The pace stays shared.
    #[must_use]
    pub fn watched_by(&self, progress: Arc<dyn Progress>) -> Self {
        Self { progress, tally: Arc::default(), ..self.clone() }
    }

    /// Requests sent, retries included.
    pub fn sent(&self) -> u64 {
        self.tally.sent.load(Ordering::Relaxed)
    }

    /// How many of the requests were repetitions.
    pub fn repeated(&self) -> u64 {
        self.tally.repeated.load(Ordering::Relaxed)
    }

    /// Bytes of the bodies that came, decompressed.
    pub fn bytes(&self) -> u64 {
        self.tally.bytes.load(Ordering::Relaxed)
    }

    /// The server's clock at the first answer, in seconds since 1970, where it showed it.
    pub fn server_time(&self) -> Option<i64> {
        self.tally.clock.get().copied()
    }

    /// Sends `request` until `check` takes its answer or the budgets are used up. `shrinkable`: the caller can
    /// ask for less, so what smells of "too much" is soon handed back to it.
    ///
    /// # Errors
    /// What the last try gave; a request that may not be repeated has one.
    pub fn run<T>(
        &self,
        request: &Request,
        shrinkable: bool,
        check: impl Fn(Response) -> Result<T, Failure>,
    ) -> Result<T, Refused> {
        self.run_timed(request, shrinkable, check).map(|(answer, _)| answer)
    }

    /// The same, with the time that the request took which brought the answer.
    pub(super) fn run_timed<T>(
        &self,
        request: &Request,
        shrinkable: bool,
        check: impl Fn(Response) -> Result<T, Failure>,
    ) -> Result<(T, Duration), Refused> {
        let host = self.pacer.host(&request.url.origin().ascii_serialization());
        let place = host.place();
        let start = self.clock.now();
        let mut tried = 0;
        loop {
            tried += 1;
            let (refused, retry_after) = match self.send_once(request, &host, place, &check) {
                Ok(answer) => return Ok(answer),
                Err(refused) => refused,
            };
            let tries = if shrinkable && refused.is_heavy() { self.policy.heavy_tries } else { self.policy.tries };
            let wait = self.wait(tried, retry_after);
            let spent = self.clock.now().saturating_sub(start);
            let served = self.served.load(Ordering::Relaxed);
            let passing = refused.is_passing(self.reached.load(Ordering::Relaxed)) && (served || !refused.is_without_service());
            if !request.repeatable || !passing || tried >= tries || spent + wait > self.policy.time {
                return Err(conclude(refused, tried, spent));
            }
            tracing::info!("asking again in {:.1} s, try {}: {}", wait.as_secs_f64(), tried + 1, refused.error);
            self.progress.retry(&format!("{}; asking again in {:.0} s", refused.error, wait.as_secs_f64().ceil()));
            if retry_after.is_some() {
                host.hold(self.clock.now() + wait);
            }
            self.tally.repeated.fetch_add(1, Ordering::Relaxed);
            self.pause(wait, &request.cancel)?;
        }
    }

    fn send_once<T>(
        &self,
        request: &Request,
        host: &Host,
        place: u64,
        check: impl Fn(Response) -> Result<T, Failure>,
    ) -> Result<(T, Duration), (Refused, Option<Duration>)> {
        let no_answer = |Fault { kind, error }| Refused { error, cause: Cause::Fault(kind) };
        let mut turn = host.turn(place, &*self.clock, &request.cancel).map_err(|fault| (no_answer(fault), None))?;
        self.tally.sent.fetch_add(1, Ordering::Relaxed);
        let began = self.clock.now();
        let response = self.transport.send(request);
        let now = self.clock.now();
        let response = match response {
            Ok(response) => response,
            Err(fault) => {
                let refused = no_answer(fault);
                turn.end(refused.went(), now);
                return Err((refused, None));
            }
        };
        self.reached.store(true, Ordering::Relaxed);
        let (retry_after, bytes) = (response.retry_after, response.body.len());
        self.tally.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        // Later ones change nothing.
        let _ = response.server_time.map(|time| self.tally.clock.set(time));
        if bytes >= TELLING_BYTES {
            // The server has done its part, and reading this takes a while. A refusal is short and read first: it may
            // hold back what comes next.
            turn.yield_early();
        }
        match check(response) {
            Ok(answer) => {
                turn.end(Went::Well(bytes), now);
                self.served.store(true, Ordering::Relaxed);
                Ok((answer, now.saturating_sub(began)))
            }
            Err(failure) => {
                let error = request.locate(failure.to_error());
                let refused = Refused { error, cause: Cause::Failure(failure) };
                turn.end(refused.went(), now);
                Err((refused, retry_after))
            }
        }
    }

    fn wait(&self, tried: u32, retry_after: Option<Duration>) -> Duration {
        let doubled = self.policy.first_wait.saturating_mul(1 << (tried - 1).min(16));
        let spread = doubled.min(self.policy.longest_wait).mul_f64(0.5 + 0.5 * self.clock.jitter().clamp(0.0, 1.0));
        // The server's word is the least, never the jittered part of it.
        spread.max(retry_after.unwrap_or_default()).min(self.policy.longest_wait)
    }

    fn pause(&self, wait: Duration, cancel: &Cancel) -> Result<(), Refused> {
        let until = self.clock.now() + wait;
        loop {
            let left = until.saturating_sub(self.clock.now());
            if left.is_zero() {
                return Ok(());
            }
            if cancel.is_cancelled() {
                let Fault { kind, error } = Fault::cancelled();
                return Err(Refused { error, cause: Cause::Fault(kind) });
            }
            self.clock.sleep(left.min(Duration::from_millis(100)));
        }
    }
}

/// The last word on a request: what it was, and how long it was tried.
fn conclude(refused: Refused, tried: u32, spent: Duration) -> Refused {
    if tried == 1 {
        return refused;
    }
    let why = refused.error.why().unwrap_or("no reason given");
    let why = format!("{why} (after {tried} tries in {} s)", spent.as_secs());
    Refused { error: refused.error.because(why), cause: refused.cause }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::sync::Mutex;

    use bytes::Bytes;

    use super::super::http::{Method, Transport};
    use super::*;
    use crate::error::ErrorKind;

    /// A status and a `Retry-After` in seconds, or no answer.
    type Scripted = Result<(u16, Option<u64>), FaultKind>;

    /// Answers by a script, in a time of its own.
    #[derive(Default)]
    struct Script {
        answers: Mutex<VecDeque<Scripted>>,
        slept: Mutex<Duration>,
    }

    impl Transport for Script {
        fn send(&self, request: &Request) -> Result<Response, Fault> {
            let answer = self.answers.lock().unwrap().pop_front().unwrap_or(Ok((200, None)));
            answer
                .map(|(status, wait)| Response {
                    status,
                    url: request.url.clone(),
                    content_type: None,
                    retry_after: wait.map(Duration::from_secs),
                    server_time: None,
                    body: Bytes::new(),
                })
                .map_err(|kind| Fault { kind, error: Error::new(ErrorKind::Network, format!("{kind:?}")) })
        }
    }

    impl Clock for Script {
        fn now(&self) -> Duration {
            *self.slept.lock().unwrap()
        }
        fn sleep(&self, wait: Duration) {
            *self.slept.lock().unwrap() += wait;
        }
        fn jitter(&self) -> f64 {
            1.0
        }
    }

    /// `(outcome, requests, seconds slept)`
    fn run(answers: &[Scripted], change: impl Fn(&mut Request)) -> (Result<u16, Refused>, u64, u64) {
        let script = Arc::new(Script { answers: Mutex::new(answers.iter().copied().collect()), ..Script::default() });
        let retry =
            Retry::new(Arc::clone(&script) as SharedTransport, RetryPolicy::default()).with_clock(Arc::clone(&script) as _);
        let mut request = Request {
            method: Method::Get,
            url: "http://h.example/".parse().unwrap(),
            params: Vec::new(),
            file: None,
            secrets: Default::default(),
            repeatable: true,
            idle_limit: Duration::MAX,
            total_limit: Duration::MAX,
            most_bytes: 0,
            cancel: Cancel::default(),
        };
        change(&mut request);
        let shrinkable = request.most_bytes == 1;
        let outcome = retry.run(&request, shrinkable, |response| match Failure::of_status(response.status) {
            Some(failure) => Err(failure),
            None => Ok(response.status),
        });
        let slept = script.slept.lock().unwrap().as_secs();
        (outcome, retry.sent(), slept)
    }

    #[test]
    fn waits_double_and_the_servers_word_is_the_least() {
        let (outcome, sent, slept) = run(&[Ok((503, None)), Ok((503, None)), Ok((429, Some(7)))], |_| ());
        assert_eq!((outcome.unwrap(), sent, slept), (200, 4, 1 + 2 + 7));
    }

    #[test]
    fn a_very_long_retry_after_is_capped() {
        let (outcome, _, slept) = run(&[Ok((429, Some(86_400)))], |_| ());
        assert_eq!((outcome.unwrap(), slept), (200, 120));
    }

    #[test]
    fn tries_are_bounded_and_the_error_says_how_many_there_were() {
        let (outcome, sent, _) = run(&[Ok((503, None)); 20], |_| ());
        let error = outcome.unwrap_err().error;
        assert_eq!(sent, 6);
        assert!(error.to_string().contains("503 (after 6 tries in 31 s)"), "{error}");
    }

    #[test]
    fn the_time_budget_ends_it_before_the_tries_do() {
        let (outcome, sent, slept) = run(&[Ok((429, Some(120))); 20], |_| ());
        assert!(outcome.is_err());
        assert_eq!((sent, slept), (6, 600));
    }

    #[test]
    fn what_may_be_too_much_is_soon_handed_back_where_it_can_be_made_smaller() {
        let heavy = [Ok((504, None)); 20];
        assert_eq!(run(&heavy, |request| request.most_bytes = 1).1, 2);
        assert_eq!(run(&heavy, |_| ()).1, 6);
    }

    #[test]
    fn a_request_that_may_not_be_repeated_is_sent_once() {
        let (outcome, sent, _) = run(&[Err(FaultKind::CutOff)], |request| request.repeatable = false);
        assert!(outcome.is_err() && sent == 1);
    }

    #[test]
    fn a_server_that_was_never_there_is_not_waited_for_and_one_that_was_is() {
        let (outcome, sent, _) = run(&[Err(FaultKind::NoConnection)], |_| ());
        assert!(outcome.is_err() && sent == 1);
        let (outcome, sent, _) = run(&[Ok((503, None)), Err(FaultKind::NoConnection)], |_| ());
        assert!(outcome.is_ok() && sent == 3);
    }

    #[test]
    fn refusals_and_sign_ins_are_not_repeated() {
        for status in [400, 401, 404, 498, 499] {
            assert_eq!(run(&[Ok((status, None)); 3], |_| ()).1, 1, "{status}");
        }
    }
}
