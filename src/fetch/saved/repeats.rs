//! Object ids that several files hold, where they are the pages of one query.

use crate::esri::{object_ids, pbf};
use crate::fetch::id_set::{IdSet, IdSpan, in_words};
use crate::model::Wire;

/// Finds object ids that several files hold: a page that was saved twice, or pages that overlap. Within one file an id may
/// stand on many rows, as those of a join do.
pub(super) struct Repeats {
    /// The field of the object ids.
    field: String,
    /// The file under way, and its ids so far.
    file: usize,
    ids: IdSet,
    /// Those of the files before it.
    before: IdSet,
    repeated: IdSet,
}

impl Repeats {
    /// None so far, by the ids in this field.
    pub(super) fn of(field: &str) -> Self {
        Self { field: field.to_owned(), file: 0, ids: IdSet::default(), before: IdSet::default(), repeated: IdSet::default() }
    }

    /// Looks at a page of the file of this number.
    pub(super) fn look(&mut self, file: usize, wire: Wire, bytes: &[u8]) {
        if file != self.file {
            self.file = file;
            for id in std::mem::take(&mut self.ids).iter() {
                self.before.insert(id);
            }
        }
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

    /// What was found, in words.
    pub(super) fn words(&self) -> Option<String> {
        let count = self.repeated.count(IdSpan::ALL);
        (count > 0).then(|| in_words(count, self.repeated.iter()))
    }
}
