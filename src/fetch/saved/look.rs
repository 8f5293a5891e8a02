//! The first look at a file, for where its rows are: at a large one in parts at once.
//!
//! A part begins where the text of a feature seems to begin. Whether one did is known when the part before it ends, and
//! where none did, the part is looked at again behind that one: a wrong guess costs time and nothing else. The parts
//! are the same on every machine, so that the pages are.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::num::NonZero;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, available_parallelism};

use memchr::memmem;

use crate::error::{Error, ErrorKind, Result};
use crate::esri::Scanner;
use crate::model::{Crs, SpatialReference};

/// Read at once. A disk that has to seek from part to part should not do it often.
const PIECE: usize = 1 << 20;

/// About the size of a part.
const PART: u64 = 32 << 20;

/// A part begins within so many bytes, or is none of its own.
const WINDOW: usize = 1 << 16;

/// The text that features begin with ends within so many bytes.
const LONGEST_OPENING: usize = 64;

/// A disk serves so many at once.
const MOST_THREADS: usize = 4;

/// Takes all of the file, and leaves its position anywhere.
pub(super) fn scan(file: &File, scanner: Scanner) -> Result<Scanner> {
    Input { file, piece: PIECE, part: PART }.scan(scanner)
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Gives what is in line to `work`, one after the other: several threads may, and work at once.
fn empty<T>(line: &Mutex<impl Iterator<Item = T>>, work: impl Fn(T)) {
    loop {
        // As the condition of a `while let` it would be locked until the work is done.
        let Some(next) = locked(line).next() else { return };
        work(next);
    }
}

/// Reads from a place without waiting for others who read elsewhere.
fn read_at(file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    #[cfg(unix)]
    return std::os::unix::fs::FileExt::read_at(file, buffer, at);
    #[cfg(windows)]
    return std::os::windows::fs::FileExt::seek_read(file, buffer, at);
}

/// A file that several threads read.
struct Input<'a> {
    file: &'a File,
    piece: usize,
    part: u64,
}

impl Input<'_> {
    fn scan(&self, mut scanner: Scanner) -> Result<Scanner> {
        // The beginning says what features look like.
        let (mut piece, mut at) = (Vec::new(), 0);
        let first = loop {
            self.read(at, self.piece, &mut piece)?;
            if piece.is_empty() {
                return Ok(scanner);
            }
            scanner.push(&piece)?;
            at += piece.len() as u64;
            if let Some(first) = scanner.first_feature() {
                break first;
            }
        };
        let clue = scanner.clue("spatialReference").as_ref().and_then(SpatialReference::from_json);
        let starts = self.starts(first, at)?;
        let ends = starts.iter().copied().chain([u64::MAX]);
        let parts = starts.iter().copied().zip(ends.clone().skip(1));
        let queue =
            Mutex::new(parts.map(|(from, to)| (scanner.fork(from), from, to)).collect::<Vec<_>>().into_iter().enumerate());
        let looked_at = Mutex::new(BTreeMap::new());
        let look = || {
            empty(&queue, |(index, (mut fork, from, to))| {
                let taken = self.feed(&mut fork.scanner, from, to).is_ok();
                locked(&looked_at).insert(index, (fork, taken, from, to));
            });
        };
        let threads = available_parallelism().map_or(1, NonZero::get).min(MOST_THREADS).min(starts.len() + 1);
        thread::scope(|scope| {
            // PROJ takes its time as well, and what it finds is remembered. Where the clue is wrong, nothing is lost.
            let known = thread::Builder::new().spawn_scoped(scope, move || drop(clue.map(|system| Crs::of(&system))));
            // What no thread can be had for is done by the others.
            (1..threads).for_each(|_| drop(thread::Builder::new().spawn_scoped(scope, look)));
            let fed = self.feed(&mut scanner, at, starts.first().copied().unwrap_or(u64::MAX));
            if fed.is_err() {
                // The rest of a broken file is not worth a look.
                locked(&queue).by_ref().for_each(drop);
            }
            look();
            // The scope alone does not wait until PROJ has put away what is this thread's own.
            drop(known.map(thread::ScopedJoinHandle::join));
            fed
        })?;
        for (fork, taken, from, to) in looked_at.into_inner().unwrap_or_else(PoisonError::into_inner).into_values() {
            // What a fork met is worth nothing where no feature began.
            if !(taken && scanner.join(fork)) {
                self.feed(&mut scanner, from, to)?;
            }
        }
        Ok(scanner)
    }

    /// Reads `bytes` from `at` on, fewer at the end of the file.
    fn read(&self, at: u64, bytes: usize, into: &mut Vec<u8>) -> Result<()> {
        into.resize(bytes, 0);
        let mut filled = 0;
        while filled < bytes {
            match read_at(self.file, &mut into[filled..], at + filled as u64) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(why) if why.kind() == io::ErrorKind::Interrupted => {}
                Err(why) => return Err(Error::new(ErrorKind::File, "can't read the input").because(why)),
            }
        }
        into.truncate(filled);
        Ok(())
    }

    /// Gives the bytes between `from` and `to`, or the end of the file, to a scanner.
    fn feed(&self, scanner: &mut Scanner, mut from: u64, to: u64) -> Result<()> {
        let mut piece = Vec::new();
        while from < to {
            self.read(from, usize::try_from(to - from).map_or(self.piece, |left| left.min(self.piece)), &mut piece)?;
            if piece.is_empty() {
                break;
            }
            scanner.push(&piece)?;
            from += piece.len() as u64;
        }
        Ok(())
    }

    /// Where parts may begin behind `at`, ascending. `first` is where a feature begins.
    fn starts(&self, first: u64, at: u64) -> Result<Vec<u64>> {
        let (mut starts, mut text, mut target) = (Vec::new(), Vec::new(), at + self.part);
        self.read(first, LONGEST_OPENING, &mut text)?;
        let Some(colon) = memchr::memchr(b':', &text) else { return Ok(starts) };
        let opening = memmem::Finder::new(&text[..=colon]);
        let mut window = Vec::new();
        loop {
            self.read(target, WINDOW, &mut window)?;
            if window.len() < WINDOW {
                return Ok(starts);
            }
            starts.extend(opening.find(&window).map(|found| target + found as u64));
            target += self.part;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::Condvar;
    use std::time::Duration;

    use super::*;

    #[test]
    fn parts_are_looked_at_at_once() {
        let (line, (begun, both)) = (Mutex::new(0..2), (Mutex::new(0), Condvar::new()));
        let work = |_| {
            *locked(&begun) += 1;
            both.notify_all();
            let (begun, _) = both.wait_timeout_while(locked(&begun), Duration::from_secs(10), |begun| *begun < 2).unwrap();
            assert_eq!(*begun, 2);
        };
        thread::scope(|scope| (0..2).for_each(|_| drop(scope.spawn(|| empty(&line, work)))));
    }

    #[test]
    fn a_file_is_looked_at_in_parts_and_wrong_guesses_do_no_harm() {
        let plain = r#"{"attributes":{"a":1},"geometry":null},"#;
        // One that is longer than a part, and some that hold what looks like others.
        let long = format!(r#"{{"attributes":{{"a":"{}"}}}},"#, r#",{\"attributes\":{}}  {{{ "#.repeat(6_000));
        let nested = r#"{"attributes":{"b":{"attributes":{"c":[{"attributes":{}}]}}}},"#;
        for features in [plain.repeat(20_000), [&long, &plain.repeat(10_000)[..], &long].concat(), nested.repeat(10_000)] {
            let text = format!(r#"{{"features":[{}],"fields":[{{"name":"a"}}]}}"#, features.trim_end_matches(','));
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(text.as_bytes()).unwrap();
            let mut whole = Scanner::new(1000);
            whole.push(text.as_bytes()).unwrap();
            let in_parts = Input { file: &file, piece: 5000, part: 70_000 }.scan(Scanner::new(1000)).unwrap();
            let [in_parts, whole] = [in_parts, whole].map(|scanner| scanner.finish().unwrap());
            assert_eq!((&in_parts.value, in_parts.rows()), (&whole.value, whole.rows()));
        }
    }
}
