//! The zip archive (APPNOTE 6.3): one large deflated entry, and small ones behind it.
//!
//! Made here and not by the `zip` crate for two reasons. Pages are deflated by the workers, which is most of a
//! KMZ's work: deflated pieces that end at a byte stand one after another. And the sizes are known before the
//! header is written, so that it is of the old kind up to 4 GiB: libkml, and with it GDAL, can't open an
//! archive that has the ZIP64 header without need, and a header that is written first must take it in case.

use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, Write};

use crc32fast::Hasher;
use flate2::{Compress, Compression, FlushCompress};

/// On coordinates as small as level 6 within 1 %, in half the time.
const LEVEL: Compression = Compression::new(3);

/// An empty last block: the end of a deflated stream.
const STREAM_END: [u8; 2] = [0x03, 0x00];

/// A stretch of an entry, deflated by itself.
pub struct Piece {
    deflated: Vec<u8>,
    /// Of the text, and knows its length.
    crc: Hasher,
}

impl Piece {
    /// Deflates a text.
    pub(super) fn of(text: &[u8]) -> Self {
        let mut crc = Hasher::new();
        crc.update(text);
        let mut deflated = Vec::with_capacity(text.len() / 3 + 64);
        let mut state = Compress::new(LEVEL, false);
        loop {
            let rest = &text[state.total_in() as usize..];
            // The one error of deflating is a dictionary in the wrong place, and there is none.
            let _ = state.compress_vec(rest, &mut deflated, FlushCompress::Sync);
            // A flush that leaves room behind it is complete.
            if state.total_in() as usize == text.len() && deflated.len() < deflated.capacity() {
                return Self { deflated, crc };
            }
            deflated.reserve(deflated.len() / 2 + 64);
        }
    }
}

/// The middle of an entry while it grows; what comes before it is known only at its end.
pub(super) struct Body {
    file: BufWriter<File>,
    deflated: u64,
    crc: Hasher,
}

impl Body {
    /// An empty body, kept in `scratch`.
    pub(super) fn new(scratch: File) -> Self {
        Self { file: BufWriter::with_capacity(1 << 20, scratch), deflated: 0, crc: Hasher::new() }
    }

    /// Adds a piece at the end.
    pub(super) fn append(&mut self, piece: &Piece) -> io::Result<()> {
        self.deflated += piece.deflated.len() as u64;
        self.crc.combine(&piece.crc);
        self.file.write_all(&piece.deflated)
    }

    /// Writes the archive: one entry of head, body and tail, then the others, each with its name.
    pub(super) fn finish(
        self,
        name: &str,
        head: &Piece,
        tail: &Piece,
        others: &[(String, Vec<u8>)],
        out: &mut impl Write,
    ) -> io::Result<()> {
        let mut crc = head.crc.clone();
        crc.combine(&self.crc);
        crc.combine(&tail.crc);
        let deflated = head.deflated.len() as u64 + self.deflated + tail.deflated.len() as u64 + STREAM_END.len() as u64;
        let entry = Entry { name, size: crc.total_len(), deflated, crc: crc.finalize() };

        let local = entry.local_header();
        out.write_all(&local)?;
        out.write_all(&head.deflated)?;
        let mut body = self.file.into_inner()?;
        body.rewind()?;
        io::copy(&mut body.take(self.deflated), out)?;
        out.write_all(&tail.deflated)?;
        out.write_all(&STREAM_END)?;
        let mut directory = entry.central_header(0);
        let mut offset = local.len() as u64 + deflated;
        for (name, bytes) in others {
            let piece = Piece::of(bytes);
            let deflated = piece.deflated.len() as u64 + STREAM_END.len() as u64;
            let entry = Entry { name, size: bytes.len() as u64, deflated, crc: piece.crc.finalize() };
            let local = entry.local_header();
            out.write_all(&local)?;
            out.write_all(&piece.deflated)?;
            out.write_all(&STREAM_END)?;
            directory.extend_from_slice(&entry.central_header(offset));
            offset += local.len() as u64 + deflated;
        }
        let count = 1 + others.len() as u64;
        out.write_all(&directory)?;
        out.write_all(&end_of_archive(directory.len() as u64, offset, count))?;
        out.flush()
    }
}

/// What the headers say of the entry, which stands at the start of the archive.
struct Entry<'a> {
    name: &'a str,
    size: u64,
    deflated: u64,
    crc: u32,
}

impl Entry<'_> {
    /// Sizes that 32 bits can't hold stand in an extra field.
    fn is_large(&self) -> bool {
        self.size.max(self.deflated) >= u64::from(u32::MAX)
    }

    fn local_header(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put(&mut out, &[0x0403_4b50], 4);
        self.put_facts(&mut out, if self.is_large() { 20 } else { 0 });
        out.extend_from_slice(self.name.as_bytes());
        self.put_sizes(&mut out);
        out
    }

    /// The entry in the central directory; its local header is at `offset`.
    fn central_header(&self, offset: u64) -> Vec<u8> {
        let far = offset >= FIELD_FULL;
        let mut extra = Vec::new();
        if self.is_large() {
            put(&mut extra, &[self.size, self.deflated], 8);
        }
        if far {
            put(&mut extra, &[offset], 8);
        }
        let mut out = Vec::new();
        put(&mut out, &[0x0201_4b50], 4);
        put(&mut out, &[self.version()], 2); // made by
        self.put_facts(&mut out, if extra.is_empty() { 0 } else { extra.len() as u64 + 4 });
        put(&mut out, &[0, 0, 0], 2); // comment, disk, internal attributes
        put(&mut out, &[0, offset.min(FIELD_FULL)], 4); // external attributes, where the entry starts
        out.extend_from_slice(self.name.as_bytes());
        if !extra.is_empty() {
            put(&mut out, &[1, extra.len() as u64], 2);
            out.extend_from_slice(&extra);
        }
        out
    }

    /// What the two headers have in common.
    fn put_facts(&self, out: &mut Vec<u8>, extra: u64) {
        const DEFLATE: u64 = 8;
        const FIRST_OF_1980: u64 = 0x21; // the same input gives the same bytes, so no clock
        let sizes = if self.is_large() { [u64::from(u32::MAX); 2] } else { [self.deflated, self.size] };
        put(out, &[self.version(), 0, DEFLATE, 0, FIRST_OF_1980], 2);
        put(out, &[u64::from(self.crc), sizes[0], sizes[1]], 4);
        put(out, &[self.name.len() as u64, extra], 2);
    }

    /// The extra field.
    fn put_sizes(&self, out: &mut Vec<u8>) {
        if self.is_large() {
            put(out, &[1, 16], 2);
            put(out, &[self.size, self.deflated], 8);
        }
    }

    /// The version of zip that a reader needs, times ten.
    fn version(&self) -> u64 {
        if self.is_large() { 45 } else { 20 }
    }
}

/// A field of 32 bits that says that the number stands elsewhere.
const FIELD_FULL: u64 = u32::MAX as u64;

/// The end of the archive, behind a central directory of this length and number of entries that begins at `offset`.
fn end_of_archive(length: u64, offset: u64, entries: u64) -> Vec<u8> {
    let mut out = Vec::new();
    if offset >= FIELD_FULL {
        put(&mut out, &[0x0606_4b50], 4);
        put(&mut out, &[44], 8); // length of what follows
        put(&mut out, &[45, 45], 2);
        put(&mut out, &[0, 0], 4); // disks
        put(&mut out, &[entries, entries, length, offset], 8);
        put(&mut out, &[0x0706_4b50, 0], 4);
        put(&mut out, &[offset + length], 8);
        put(&mut out, &[1], 4); // disks
    }
    put(&mut out, &[0x0605_4b50], 4);
    put(&mut out, &[0, 0, entries, entries], 2); // disks, entries
    put(&mut out, &[length, offset.min(FIELD_FULL)], 4);
    put(&mut out, &[0], 2); // comment
    out
}

/// Appends numbers, `width` bytes each, the lowest byte first.
fn put(out: &mut Vec<u8>, numbers: &[u64], width: usize) {
    for number in numbers {
        out.extend_from_slice(&number.to_le_bytes()[..width]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Python's zip reader on an archive of head, `count` bodies and tail.
    fn judge(head: &[u8], body: &[u8], count: usize, tail: &[u8], script: &str) -> String {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.zip");
        let mut middle = Body::new(tempfile::tempfile().unwrap());
        let piece = Piece::of(body);
        for _ in 0..count {
            middle.append(&piece).unwrap();
        }
        middle.finish("doc.kml", &Piece::of(head), &Piece::of(tail), &[], &mut File::create(&path).unwrap()).unwrap();
        let script = format!("import sys, zipfile\nz = zipfile.ZipFile(sys.argv[1])\ni, = z.infolist()\n{script}");
        let run = std::process::Command::new("python3").arg("-c").arg(script).arg(&path).output().unwrap();
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
        String::from_utf8(run.stdout).unwrap()
    }

    #[test]
    fn pieces_make_one_entry() {
        let noise: Vec<u8> = (0..300_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        let script = "t = z.read('doc.kml')\nprint(z.testzip(), len(t), t[:4], t[-3:], i.extract_version)";
        assert_eq!(judge(b"head", &noise, 3, b"end", script), "None 900007 b'head' b'end' 20\n");
        assert_eq!(judge(b"head", b"", 0, b"end", script), "None 7 b'head' b'end' 20\n");
    }

    #[test]
    fn an_entry_beyond_4_gib_is_written_in_zip64() {
        let script = "print(i.file_size, i.extract_version, z.open('doc.kml').read(6))";
        let mebibyte = vec![b' '; 1 << 20];
        assert_eq!(judge(b"head", &mebibyte, 4097, b"end", script), format!("{} 45 b'head  '\n", 7 + (4097_u64 << 20)));
    }
}
