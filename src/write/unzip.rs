//! Unpacks an archive that a server sent into a folder: all of it or nothing, nothing beside the folder, and no more
//! than a disk can take.

use std::fs::{self, File};
use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};

use zip::ZipArchive;

use crate::error::{Error, ErrorKind, Result};

/// More files than that, or more bytes, are no result of a tool.
const MOST_FILES: usize = 100_000;
const MOST_BYTES: u64 = 64 << 30;

/// An archive of real data may shrink to a hundredth; up to this size nobody minds more.
const MOST_RATIO: u64 = 250;
const SMALL: u64 = 256 << 20;

/// Unpacks `archive` into `folder`, which appears whole or not at all, and gives its files.
///
/// # Errors
/// [`ErrorKind::Input`] for what is no ZIP archive, for names that leave the folder and for archives that unpack to
/// far more than they hold; [`ErrorKind::File`] where the folder exists (unless `overwrite`) or can't be written.
pub fn unzip(archive: &[u8], folder: &Path, overwrite: bool) -> Result<Vec<PathBuf>> {
    if folder.symlink_metadata().is_ok() && !overwrite {
        return Err(Error::new(ErrorKind::File, "the output exists already")
            .in_file(folder)
            .hint("choose another name, or replace it with --overwrite"));
    }
    let failed = |why: io::Error| Error::file("can't unpack the archive", folder, &why);
    let parent = folder.parent().unwrap_or(Path::new("."));
    let stage = tempfile::Builder::new().prefix(".geohaul-unzip-").tempdir_in(parent).map_err(failed)?;
    let unpacked = stage.path().join("new");
    let names = unpack(archive, &unpacked, folder)?;
    if folder.symlink_metadata().is_ok() {
        fs::rename(folder, stage.path().join("old")).map_err(failed)?;
    }
    fs::rename(&unpacked, folder).map_err(failed)?;
    Ok(names.into_iter().map(|name| folder.join(name)).collect())
}

/// The names of the files that were unpacked into `target`.
fn unpack(archive: &[u8], target: &Path, shown: &Path) -> Result<Vec<PathBuf>> {
    let refuse = |why: String| {
        Error::new(ErrorKind::Input, "the archive is not unpacked").because(why).in_file(shown).hint("the archive itself is kept")
    };
    let failed = |why: io::Error| Error::file("can't unpack the archive", shown, &why);
    let mut zip = ZipArchive::new(Cursor::new(archive)).map_err(|why| refuse(why.to_string()))?;
    if zip.len() > MOST_FILES {
        return Err(refuse(format!("it holds {} files", zip.len())));
    }
    let most = (archive.len() as u64).saturating_mul(MOST_RATIO).clamp(SMALL, MOST_BYTES);
    let mut left = most;
    let mut names = Vec::new();
    fs::create_dir_all(target).map_err(failed)?;
    for index in 0..zip.len() {
        let entry = zip.by_index(index).map_err(|why| refuse(why.to_string()))?;
        let shown = entry.name().map_err(|why| refuse(why.to_string()))?.into_owned();
        let name = inside(&shown).ok_or_else(|| refuse(format!("the name {shown:?} leads out of it")))?;
        if entry.is_symlink() {
            return Err(refuse(format!("{shown:?} is a link")));
        }
        let path = target.join(&name);
        if entry.is_dir() {
            fs::create_dir_all(&path).map_err(failed)?;
            continue;
        }
        fs::create_dir_all(path.parent().unwrap_or(target)).map_err(failed)?;
        let mut file = File::create_new(&path).map_err(failed)?;
        // What the archive says of its sizes is not believed.
        let written = io::copy(&mut entry.take(left + 1), &mut file).map_err(|why| refuse(format!("{name:?}: {why}")))?;
        left = left.checked_sub(written).ok_or_else(|| refuse(format!("it unpacks to more than {most} bytes")))?;
        names.push(name);
    }
    Ok(names)
}

/// A name of the archive as a path below its folder; `None` where it would leave it, on any system.
fn inside(name: &str) -> Option<PathBuf> {
    let mut path = PathBuf::new();
    for part in name.trim_end_matches(['/', '\\']).split(['/', '\\']) {
        if part.is_empty() || part == ".." || part.contains([':', '\0']) {
            return None;
        }
        if part != "." {
            path.push(part);
        }
    }
    (!path.as_os_str().is_empty()).then_some(path)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, body) in files {
            zip.start_file(*name, SimpleFileOptions::default()).unwrap();
            zip.write_all(body).unwrap();
        }
        zip.finish().unwrap().into_inner()
    }

    #[test]
    fn an_archive_is_unpacked_with_its_folders() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("Out");
        let zip = archive(&[("a.txt", b"1"), ("data.gdb/t.gdbtable", b"22"), ("windows\\b.txt", b"3")]);
        assert_eq!(unzip(&zip, &target, false).unwrap().len(), 3);
        assert_eq!(fs::read(target.join("data.gdb/t.gdbtable")).unwrap(), b"22");
        assert_eq!(fs::read(target.join("windows/b.txt")).unwrap(), b"3");
        assert_eq!(unzip(&zip, &target, false).unwrap_err().kind(), ErrorKind::File);
        unzip(&archive(&[("only.txt", b"")]), &target, true).unwrap();
        assert_eq!(fs::read_dir(&target).unwrap().count(), 1, "the old content is gone");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn an_archive_with_a_path_that_leaves_the_folder_is_refused_whole() {
        let folder = tempfile::tempdir().unwrap();
        for evil in ["../../evil.txt", "/etc/evil", "C:\\evil.txt", "..\\evil.txt", "a/../../evil", "C:evil"] {
            let zip = archive(&[("good.txt", b"1"), (evil, b"2")]);
            let error = unzip(&zip, &folder.path().join("Out"), false).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Input, "{evil}");
            assert!(error.why().unwrap().contains("leads out of it"), "{error}");
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "{evil}");
        }
    }

    #[test]
    fn an_archive_that_unpacks_to_far_more_than_it_holds_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let zip = archive(&[("zeros", &vec![0; (SMALL + 1) as usize])]);
        assert!((zip.len() as u64) < SMALL / 500);
        let error = unzip(&zip, &folder.path().join("Out"), false).unwrap_err();
        assert!(error.why().unwrap().contains("unpacks to more than"), "{error}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_is_no_archive_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(unzip(b"no zip", &folder.path().join("Out"), false).unwrap_err().kind(), ErrorKind::Input);
    }
}
