//! What the object ids of several files tell, where those are the pages of one query: that pages overlap, or that one
//! between them is missing.

use crate::esri::{object_ids, pbf};
use crate::fetch::id_set::{IdSet, IdSpan, in_words};
use crate::model::Wire;

/// Finds object ids that several files hold: a page that was saved twice, or pages that overlap. Within one file an id may
/// stand on many rows, as those of a join do. And those that none holds, where a page seems to be missing.
pub(super) struct PageIds {
    /// The field of the object ids.
    field: String,
    /// The file under way, whether it says that there is more than it holds, and its ids so far.
    file: usize,
    exceeded: bool,
    ids: IdSet,
    /// Those of the files before it.
    before: IdSet,
    repeated: IdSet,
    spans: Vec<Span>,
}

/// The ids of a file.
struct Span {
    first: i64,
    last: i64,
    count: u64,
    /// Between the first and the last at most so many in a row are missing.
    widest: u64,
    /// The file says that there is more.
    exceeded: bool,
}

impl PageIds {
    /// None so far, by the ids in this field.
    pub(super) fn of(field: &str) -> Self {
        let [ids, before, repeated] = std::array::from_fn(|_| IdSet::default());
        Self { field: field.to_owned(), file: 0, exceeded: false, ids, before, repeated, spans: Vec::new() }
    }

    /// Looks at rows of the file of this number, which may say that there is more than it holds.
    pub(super) fn look(&mut self, file: usize, exceeded: bool, wire: Wire, bytes: &[u8]) {
        if file != self.file {
            self.end_file();
        }
        (self.file, self.exceeded) = (file, exceeded);
        let ids = match wire {
            Wire::Json => object_ids(bytes, 0..bytes.len(), &self.field),
            Wire::Pbf => pbf::rows(bytes, 0..bytes.len()).and_then(|rows| rows.object_ids(bytes, &self.field)),
        };
        // Whoever reads the rows says what is wrong with them.
        for id in ids.into_iter().flatten().flatten() {
            self.ids.insert(id);
            if self.before.contains(id) {
                self.repeated.insert(id);
            }
        }
    }

    fn end_file(&mut self) {
        let ids = std::mem::take(&mut self.ids);
        let runs: Vec<(i64, i64)> = ids.within(IdSpan::ALL).collect();
        if let (Some((first, _)), Some((_, last))) = (runs.first(), runs.last()) {
            let widest = runs.windows(2).map(|pair| between(pair[0].1, pair[1].0)).max().unwrap_or(0);
            let (first, last, count) = (*first, *last, ids.count(IdSpan::ALL));
            self.spans.push(Span { first, last, count, widest, exceeded: self.exceeded });
        }
        for id in ids.iter() {
            self.before.insert(id);
        }
    }

    /// Ids that several files hold, in words, and ids that none holds although a page with smaller ones says that there is
    /// more: as many as that page has at least, and more in a row than are missing within any page.
    pub(super) fn finish(mut self) -> (Option<String>, Option<String>) {
        self.end_file();
        let count = self.repeated.count(IdSpan::ALL);
        let repeated = (count > 0).then(|| in_words(count, self.repeated.iter()));
        self.spans.sort_by_key(|span| span.first);
        let widest = self.spans.iter().map(|span| span.widest).max().unwrap_or(0);
        let gap = self.spans.windows(2).find(|pair| {
            let hole = if pair[0].last < pair[1].first { between(pair[0].last, pair[1].first) } else { 0 };
            pair[0].exceeded && hole >= pair[0].count && hole > widest
        });
        (repeated, gap.map(|pair| format!("object id {} to {}", pair[0].last + 1, pair[1].first - 1)))
    }
}

/// How many ids there are between two of them.
fn between(before: i64, after: i64) -> u64 {
    after.abs_diff(before).saturating_sub(1)
}
