//! The pipeline of one layer: pages from the source to workers, which convert and encode them, and from there to one
//! writer for each output, in order.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use rayon::ThreadPool;

use super::workers::with_workers;
use crate::convert::{self, OutputPlan, PlanOptions};
use crate::error::{Error, ErrorKind, Result};
use crate::fetch::Pages;
use crate::fetch::http::{Cancel, Fault};
use crate::model::{Batch, Evidence, Header, OnArc, Page, ReadPlan, ShapeKind, Sketch, WritePlan};
use crate::pipe::{Permit, Permits, in_order};
use crate::report::{Clipped, LossKind, Losses};
use crate::write::{AnyChunk, AnyFormat, Encoded, Event, Rows, Stage, Written};

/// One output while the rows flow.
pub(super) struct Lane<'a> {
    pub(super) format: &'static dyn AnyFormat,
    pub(super) plan: &'a OutputPlan,
    pub(super) stage: &'a Stage,
}

/// What the rows of one layer pass through.
pub(super) struct Way<'a> {
    pub(super) header: &'a Header,
    pub(super) read: &'a ReadPlan,
    pub(super) clip: Option<&'a convert::Clip>,
    pub(super) domains: Option<&'a convert::Domains>,
    pub(super) options: &'a PlanOptions,
    pub(super) lanes: Vec<Lane<'a>>,
    pub(super) sketch: Option<&'a Mutex<Sketch>>,
    pub(super) cancel: &'a Cancel,
}

pub(super) struct Hauled {
    pub(super) evidence: Evidence,
    pub(super) losses: Losses,
    pub(super) without_geometry: u64,
    pub(super) clipped: Clipped,
    /// Rows that came of multipart geometries.
    pub(super) added: u64,
    pub(super) written: Vec<Written>,
}

/// What became of the rows of a page before any output.
#[derive(Default)]
struct Tally {
    losses: Losses,
    without_geometry: u64,
    clipped: Clipped,
    added: u64,
}

/// What a worker sends to a writer: an encoded page, with the permit that goes back when it is written.
type Packet = (u64, Result<(Encoded<AnyChunk>, Arc<Permit>)>);

/// Runs the pipeline: pages from here to the workers, from them to one writer thread per lane.
pub(super) fn haul(mut pages: Box<dyn Pages>, way: &Way<'_>, threads: usize, permits: &Permits) -> Result<Hauled> {
    let tallies = Mutex::new(BTreeMap::new());
    let (senders, receivers): (Vec<Sender<Packet>>, Vec<Receiver<Packet>>) = way.lanes.iter().map(|_| mpsc::channel()).unzip();

    let gate = &Gate::of(way.lanes.len());
    let pipeline = |pool: &ThreadPool| {
        std::thread::scope(|scope| {
            let writers: Vec<_> = way
                .lanes
                .iter()
                .zip(receivers)
                .enumerate()
                .map(|(at, (lane, packets))| scope.spawn(move || write_lane(lane, packets, permits, (gate, at))))
                .collect();
            pool.in_place_scope(|workers| {
                let mut seq = 0;
                let unless_cancelled = || if way.cancel.is_cancelled() { Err(Fault::cancelled().error) } else { Ok(()) };
                // A page out of its place would be waited for for ever.
                let in_place = |seq, (page, permit): (Page, Permit)| {
                    if page.seq == seq {
                        Ok((page, permit))
                    } else {
                        Err(Error::new(ErrorKind::Internal, "the source mixed up its pages"))
                    }
                };
                while let Some(next) = guarded("the source", || Ok(pages.next())).unwrap_or_else(|error| Some(Err(error))) {
                    match unless_cancelled().and(next).and_then(|next| in_place(seq, next)) {
                        Ok((page, permit)) => {
                            seq += 1;
                            let (senders, tallies) = (senders.clone(), &tallies);
                            workers.spawn(move |_| work(page, permit, way, &senders, tallies));
                        }
                        Err(error) => {
                            senders.iter().for_each(|sender| drop(sender.send((seq, Err(error.clone().on_page(seq))))));
                            break;
                        }
                    }
                }
            });
            drop(senders);
            let panicked = || Err(Error::new(ErrorKind::Internal, "a writer stopped"));
            writers.into_iter().map(|writer| writer.join().unwrap_or_else(|_| panicked())).collect()
        })
    };
    let results: Vec<Result<Written>> = with_workers(threads, pipeline)?;

    let mut written = Vec::new();
    let mut errors = Vec::new();
    for result in results {
        match result {
            Ok(done) => written.push(done),
            Err(error) => errors.push(error),
        }
    }
    // The first in page order is the one that the user can act on; the others were stopped by it.
    if let Some(error) = errors.into_iter().min_by_key(|error| (error.kind() == ErrorKind::Cancelled, error.place().page)) {
        return Err(error);
    }
    if permits.is_cancelled() {
        return Err(Error::new(ErrorKind::Cancelled, "the work was stopped"));
    }
    let evidence = guarded("the source", || pages.finish())?;
    let mut all = Tally::default();
    for page in tallies.into_inner().unwrap_or_else(PoisonError::into_inner).into_values() {
        all.losses.append(page.losses);
        all.without_geometry += page.without_geometry;
        all.clipped.add(page.clipped);
        all.added += page.added;
    }
    let Tally { losses, without_geometry, clipped, added } = all;
    Ok(Hauled { evidence, losses, without_geometry, clipped, added, written })
}

/// Does a step whose panic is an error like any other.
fn guarded<T>(who: &str, step: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(step)).unwrap_or_else(|_| {
        Err(Error::new(ErrorKind::Internal, format!("{who} stopped")).hint("please report this with the page's data"))
    })
}

/// One page on a worker: parsed once, then encoded for each lane. Never blocks.
fn work(page: Page, permit: Permit, way: &Way<'_>, senders: &[Sender<Packet>], tallies: &Mutex<BTreeMap<u64, Tally>>) {
    let (seq, permit) = (page.seq, Arc::new(permit));
    let parsed = guarded("a worker", || {
        let (batch, mut losses) = convert::parse_page(page, way.header, way.read)?;
        let is_null = |row: &usize| batch.geometry.shape(*row).kind == ShapeKind::Null;
        let without_geometry = (0..batch.rows()).filter(is_null).count() as u64;
        let (mut batch, clipped) = match way.clip {
            Some(clip) => clip.apply(batch),
            None => (batch, Clipped::default()),
        };
        if way.options.make_valid {
            convert::make_valid(&mut batch, way.header.object_id, &mut losses);
        }
        if let Some(domains) = way.domains {
            domains.apply(&mut batch, way.header, &mut losses);
        }
        if let Some(sketch) = way.sketch {
            sketch.lock().unwrap_or_else(PoisonError::into_inner).add(seq, &batch.geometry);
        }
        let added = if way.options.explode { convert::explode(&mut batch) } else { 0 };
        tallies.lock().unwrap_or_else(PoisonError::into_inner).insert(seq, Tally { losses, without_geometry, clipped, added });
        Ok(batch)
    });
    for (lane, sender) in way.lanes.iter().zip(senders) {
        let encoded = match &parsed {
            Ok(batch) => guarded("a worker", || encode(lane, batch)),
            Err(error) => Err(error.clone()),
        };
        let packet = encoded.map(|encoded| (encoded, Arc::clone(&permit))).map_err(|error| error.on_page(seq));
        // A writer that is gone has said why.
        let _ = sender.send((seq, packet));
    }
}

fn encode(lane: &Lane<'_>, batch: &Batch) -> Result<Encoded<AnyChunk>> {
    let plan = &lane.plan.write;
    let (geometry, mut losses) = convert::for_output(batch, plan)?;
    count_dropped_ordinates(plan, batch, &mut losses);
    count_densified(plan, batch, &mut losses);
    let mut encoded = lane.format.encode_any(plan, Rows { batch, geometry: &geometry })?;
    losses.append(encoded.losses);
    encoded.losses = losses;
    Ok(encoded)
}

/// Z and m that the output does not write, whether its format can't or the layer did not announce them.
fn count_dropped_ordinates(plan: &WritePlan, batch: &Batch, losses: &mut Losses) {
    let geometry = &batch.geometry;
    for (kept, all, kind) in [(plan.z, &geometry.z, LossKind::ZDropped), (plan.m, &geometry.m, LossKind::MDropped)] {
        if !kept && !all.is_empty() {
            let side = |row: usize| if kind == LossKind::ZDropped { geometry.shape(row).z() } else { geometry.shape(row).m() };
            for row in (0..geometry.rows()).filter(|row| side(*row).iter().any(|value| value.is_finite())) {
                losses.add(kind, None, || Some(batch.feature_words(plan.object_id, row)));
            }
        }
    }
}

/// Arcs that another output keeps, and this one has as straight segments.
fn count_densified(plan: &WritePlan, batch: &Batch, losses: &mut Losses) {
    if plan.keep_curves || batch.geometry.arcs.is_empty() {
        return;
    }
    for row in 0..batch.rows() {
        let places = batch.geometry.shape(row).parts().flat_map(|part| part.arcs);
        for _ in places.filter(|place| **place == OnArc::Middle) {
            losses.add(LossKind::Densified, None, || Some(batch.feature_words(plan.object_id, row)));
        }
    }
}

/// One writer: takes the packets in page order, and gives a page's permit back once the next one is asked for.
fn write_lane(lane: &Lane<'_>, packets: Receiver<Packet>, permits: &Permits, (gate, at): (&Gate, usize)) -> Result<Written> {
    let mut under_way = None;
    let rows = in_order(packets).map(move |packet| {
        drop(under_way.take());
        packet.map(|(encoded, permit)| {
            under_way = Some(permit);
            Event::Rows(encoded)
        })
    });
    let begin = std::iter::once(Ok(Event::Begin(Arc::clone(&lane.plan.write))));
    // Dropped the other way round: who fails cancels before the others go on.
    let _gone = Arrive(gate, at);
    let unless_done = CancelOnDrop(permits);
    let end = std::iter::once_with(|| {
        gate.pass(at);
        if permits.is_cancelled() {
            return Err(Error::new(ErrorKind::Cancelled, "the work was stopped"));
        }
        lane.stage.keep_layer();
        Ok(Event::End)
    });
    let mut events = begin.chain(rows).chain(end);
    let written = lane.format.write_any(lane.stage, &mut events).map_err(|error| lane.stage.explained(error))?;
    std::mem::forget(unless_done);
    Ok(written)
}

/// Where writers wait for each other: none says that the layer is whole before all have its rows, so that an output which
/// holds many layers keeps none of one that failed in another.
struct Gate {
    arrived: Mutex<Vec<bool>>,
    changed: Condvar,
}

impl Gate {
    fn of(writers: usize) -> Self {
        Self { arrived: Mutex::new(vec![false; writers]), changed: Condvar::new() }
    }

    /// Arrives, or is gone.
    fn arrive(&self, at: usize) {
        self.arrived.lock().unwrap_or_else(PoisonError::into_inner)[at] = true;
        self.changed.notify_all();
    }

    /// Arrives, and waits for the others.
    fn pass(&self, at: usize) {
        self.arrive(at);
        let arrived = self.arrived.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.changed.wait_while(arrived, |arrived| arrived.contains(&false)));
    }
}

/// A writer that ends, however it does, is waited for no longer.
struct Arrive<'a>(&'a Gate, usize);

impl Drop for Arrive<'_> {
    fn drop(&mut self) {
        self.0.arrive(self.1);
    }
}

/// Stops the pager when a writer ends early, by an error or a panic.
struct CancelOnDrop<'a>(&'a Permits);

impl Drop for CancelOnDrop<'_> {
    fn drop(&mut self) {
        self.0.cancel();
    }
}
