//! Sorting in bounded memory: what does not fit goes to a scratch file in sorted runs, which are merged as they are read.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{BufWriter, Read, Result, Seek, SeekFrom, Write};

/// Bytes of records that are held in memory, and bytes of all runs that are read ahead.
const HELD: usize = 8 << 20;

/// Bytes of one run that are read ahead, at least.
const READ_AHEAD: usize = 4 << 10;

/// Before each record of a run: its key and its length.
const HEAD: usize = 12;

/// Takes records in any order; [`Sorter::sorted`] gives them back by their keys.
pub(crate) struct Sorter {
    scratch: File,
    /// What is held before a run of it is written.
    limit: usize,
    records: Vec<u8>,
    /// The key of each record held, where it begins and its length.
    order: Vec<(u64, u32, u32)>,
    runs: Vec<Run>,
    /// Where the next run begins in the scratch file.
    end: u64,
}

impl Sorter {
    /// Whose runs go to an empty file that is nobody else's.
    pub(crate) fn new(scratch: File) -> Self {
        Self { scratch, limit: HELD, records: Vec::new(), order: Vec::new(), runs: Vec::new(), end: 0 }
    }

    /// Takes a record of less than 4 GiB.
    pub(crate) fn push(&mut self, key: u64, record: &[u8]) -> Result<()> {
        self.order.push((key, self.records.len() as u32, record.len() as u32));
        self.records.extend_from_slice(record);
        if self.records.len() + size_of_val(self.order.as_slice()) < self.limit {
            return Ok(());
        }
        let mut out = BufWriter::with_capacity(1 << 20, &self.scratch);
        let length = write_run(&self.records, &mut self.order, &mut out)?;
        out.flush()?;
        self.runs.push(Run { next: self.end, end: self.end + length, ..Run::default() });
        self.end += length;
        self.records.clear();
        self.order.clear();
        Ok(())
    }

    /// All records by their keys, those of one key as they came.
    pub(crate) fn sorted(mut self) -> Result<Sorted> {
        // The last run needs no file.
        let mut last = Run::default();
        last.bytes.reserve_exact(self.records.len() + HEAD * self.order.len());
        write_run(&self.records, &mut self.order, &mut last.bytes)?;
        (self.records, self.order) = (Vec::new(), Vec::new());
        self.runs.push(last);
        let ahead = (self.limit / self.runs.len()).max(READ_AHEAD);
        let mut sorted = Sorted { scratch: self.scratch, ahead, runs: self.runs, heads: BinaryHeap::new(), taken: None };
        for run in 0..sorted.runs.len() {
            sorted.read_head(run)?;
        }
        Ok(sorted)
    }
}

/// Writes records by their keys; the number of bytes.
fn write_run(records: &[u8], order: &mut [(u64, u32, u32)], out: &mut impl Write) -> Result<u64> {
    // No two begin at one place but empty ones, which are alike.
    order.sort_unstable();
    let mut written = 0;
    for (key, start, length) in order {
        out.write_all(&key.to_le_bytes())?;
        out.write_all(&length.to_le_bytes())?;
        out.write_all(&records[*start as usize..][..*length as usize])?;
        written += HEAD as u64 + u64::from(*length);
    }
    Ok(written)
}

/// Records by their keys.
pub(crate) struct Sorted {
    scratch: File,
    ahead: usize,
    runs: Vec<Run>,
    /// The key of the first record of each run that is left. Runs are in the order in which their records came.
    heads: BinaryHeap<Reverse<(u64, usize)>>,
    /// The run whose first record was handed over, and its length with its head.
    taken: Option<(usize, usize)>,
}

impl Sorted {
    /// The next record, with its key.
    pub(crate) fn next(&mut self) -> Result<Option<(u64, &[u8])>> {
        if let Some((run, length)) = self.taken.take() {
            self.runs[run].at += length;
            self.read_head(run)?;
        }
        let Some(Reverse((key, run))) = self.heads.pop() else { return Ok(None) };
        let head = self.runs[run].first(&mut self.scratch, HEAD, self.ahead)?;
        let length = HEAD + u32::from_le_bytes([head[8], head[9], head[10], head[11]]) as usize;
        self.taken = Some((run, length));
        Ok(Some((key, &self.runs[run].first(&mut self.scratch, length, self.ahead)?[HEAD..])))
    }

    fn read_head(&mut self, run: usize) -> Result<()> {
        if !self.runs[run].is_empty() {
            let head = self.runs[run].first(&mut self.scratch, HEAD, self.ahead)?;
            let key = head.iter().take(8).rev().fold(0, |key, byte| key << 8 | u64::from(*byte));
            self.heads.push(Reverse((key, run)));
        }
        Ok(())
    }
}

/// Records by their keys, of which the first are read.
#[derive(Default)]
struct Run {
    /// Where the rest stands in the scratch file.
    next: u64,
    end: u64,
    bytes: Vec<u8>,
    /// Before it, the bytes are done with.
    at: usize,
}

impl Run {
    fn is_empty(&self) -> bool {
        self.at == self.bytes.len() && self.next == self.end
    }

    /// So many bytes from its beginning; `ahead` are read where some must be.
    fn first(&mut self, scratch: &mut File, length: usize, ahead: usize) -> Result<&[u8]> {
        let there = self.bytes.len() - self.at;
        if there < length {
            self.bytes.drain(..self.at);
            self.at = 0;
            let more = (length - there).max(ahead).min((self.end - self.next) as usize);
            self.bytes.resize(there + more, 0);
            scratch.seek(SeekFrom::Start(self.next))?;
            scratch.read_exact(&mut self.bytes[there..])?;
            self.next += more as u64;
        }
        self.bytes.get(self.at..self.at + length).ok_or_else(|| std::io::ErrorKind::UnexpectedEof.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorter(limit: usize) -> Sorter {
        Sorter { limit, ..Sorter::new(tempfile::tempfile().unwrap()) }
    }

    fn all(mut sorted: Sorted) -> Vec<(u64, Vec<u8>)> {
        let mut all = Vec::new();
        while let Some((key, record)) = sorted.next().unwrap() {
            all.push((key, record.to_vec()));
        }
        all
    }

    /// Keys that come in no order, and several times; records of 0 to 9,999 bytes.
    fn records() -> Vec<(u64, Vec<u8>)> {
        (0..5000_u64).map(|n| (n * 7919 % 311, vec![n as u8; (n * n % 10_000) as usize])).collect()
    }

    #[test]
    fn records_come_back_by_their_keys_and_else_as_they_came_whether_or_not_they_fit_in_memory() {
        let mut expected = records();
        expected.sort_by_key(|record| record.0);
        for limit in [1, 5000, 1 << 20, 1 << 30] {
            let mut sorter = sorter(limit);
            for (key, record) in records() {
                sorter.push(key, &record).unwrap();
            }
            assert_eq!(sorter.runs.is_empty(), limit == 1 << 30);
            assert!(all(sorter.sorted().unwrap()) == expected, "{limit}");
        }
    }

    #[test]
    fn none_are_none() {
        assert!(all(sorter(1).sorted().unwrap()).is_empty());
    }
}
