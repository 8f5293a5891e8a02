//! All or nothing: files are written in a temporary directory beside the target and renamed at the end.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::error::{Error, ErrorKind, Result};

/// Side files that readers pick up by name beside a `.shp`; a stale one makes them read wrong rows.
const SHAPEFILE_SIDE_FILES: [&str; 16] =
    ["shp", "shx", "dbf", "prj", "cpg", "qix", "qpj", "sbn", "sbx", "fbn", "fbx", "ain", "aih", "atx", "shp.xml", "names.csv"];

/// Where an output goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The main file.
    pub path: PathBuf,
    /// An existing data set may be replaced.
    pub overwrite: bool,
}

/// A place to write a data set in, which becomes the target at [`Stage::commit`] or leaves no trace.
pub struct Stage {
    target: Target,
    stem: OsString,
    dir: TempDir,
}

impl Stage {
    /// Makes the stage beside the target, so that a bad path fails before anything is fetched.
    ///
    /// # Errors
    /// The target exists and may not be replaced, or its directory can't be written to.
    pub fn open(target: Target) -> Result<Self> {
        let path = &target.path;
        let (Some(_), Some(stem)) = (path.file_name(), path.file_stem()) else {
            return Err(Error::new(ErrorKind::Usage, format!("{} names no file", path.display()))
                .hint("give -o a file name with an ending, such as roads.geojson"));
        };
        if path.is_dir() {
            return Err(Error::new(ErrorKind::Usage, "the output is an existing directory")
                .in_file(path)
                .hint("give -o a file name inside it"));
        }
        let stem = stem.to_owned();
        let parent = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        if !parent.is_dir() {
            return Err(Error::new(ErrorKind::File, "the output's directory does not exist")
                .in_file(parent)
                .hint(format!("make it first: mkdir -p {}", parent.display())));
        }
        if !target.overwrite
            && let Some(there) = data_set_files(path).into_iter().find(|file| file.exists())
        {
            return Err(Error::new(ErrorKind::File, "the output exists already")
                .in_file(&there)
                .hint("choose another name, or replace it with --overwrite"));
        }
        let dir = tempfile::Builder::new()
            .prefix(".geohaul-")
            .tempdir_in(parent)
            .map_err(|why| Error::file("can't write to the output's directory", parent, &why))?;
        Ok(Self { target, stem, dir })
    }

    /// The target's main file name, for the writer to create in the stage.
    pub fn file_name(&self) -> &OsStr {
        self.target.path.file_name().unwrap_or(&self.stem)
    }

    /// The target's name without its ending.
    pub fn stem(&self) -> &OsStr {
        &self.stem
    }

    /// The staged path of the data set's file with this ending (`shx` gives `STAGE/roads.shx`).
    pub fn with_ending(&self, ending: &str) -> PathBuf {
        let mut name = self.stem.clone();
        name.push(".");
        name.push(ending);
        self.dir.path().join(name)
    }

    /// The staged path of the main file.
    pub fn main_file(&self) -> PathBuf {
        self.dir.path().join(self.file_name())
    }

    /// A place in the stage for data that is no output.
    pub fn scratch(&self) -> Result<File> {
        tempfile::tempfile_in(self.dir.path()).map_err(|why| Error::file("can't write a temporary file", &self.target.path, &why))
    }

    /// Creates a staged file, buffered.
    ///
    /// # Errors
    /// When the file can't be created.
    pub fn create(&self, path: &Path) -> Result<BufWriter<File>> {
        let file = File::create(path).map_err(|why| self.write_error(&why))?;
        Ok(BufWriter::with_capacity(1 << 20, file))
    }

    /// The error for a failed write to a staged file, in terms of the target.
    pub fn write_error(&self, why: &std::io::Error) -> Error {
        Error::file("can't write the output", &self.target.path, why)
    }

    /// Renames everything into place, the main file last, and removes what a replaced data set left behind.
    /// Returns all files of the data set, the main one first.
    ///
    /// # Errors
    /// When a rename fails; what was renamed by then is taken back, and what was replaced is put back.
    pub fn commit(self) -> Result<Vec<PathBuf>> {
        let mut staged = Vec::new();
        for entry in fs::read_dir(self.dir.path()).map_err(|why| self.write_error(&why))? {
            staged.push(entry.map_err(|why| self.write_error(&why))?.file_name());
        }
        // The main file last: readers that see it see the whole data set.
        let main = self.file_name().to_owned();
        staged.sort();
        staged.sort_by_key(|name| *name == main);
        let parent = self.target.path.parent().unwrap_or(Path::new("")).to_owned();

        let mut moves = Moves::default();
        let aside =
            tempfile::Builder::new().prefix(".geohaul-old-").tempdir_in(self.dir.path()).map_err(|why| self.write_error(&why))?;
        let done = (|| {
            let mut old = data_set_files(&self.target.path);
            old.extend(staged.iter().map(|name| parent.join(name)));
            for path in old {
                if path.symlink_metadata().is_ok()
                    && let Some(name) = path.file_name()
                {
                    moves.rename(&path, &aside.path().join(name))?;
                }
            }
            for name in &staged {
                moves.rename(&self.dir.path().join(name), &parent.join(name))?;
            }
            Ok(())
        })();
        if let Err(why) = done {
            moves.undo();
            return Err(self.write_error(&why));
        }
        staged.reverse();
        Ok(staged.into_iter().map(|name| parent.join(name)).collect())
    }
}

/// Renames done so far, so that they can be taken back.
#[derive(Default)]
struct Moves(Vec<(PathBuf, PathBuf)>);

impl Moves {
    fn rename(&mut self, from: &Path, to: &Path) -> std::io::Result<()> {
        fs::rename(from, to)?;
        self.0.push((from.to_owned(), to.to_owned()));
        Ok(())
    }

    fn undo(&mut self) {
        for (from, to) in self.0.drain(..).rev() {
            // The first failure is the one to report; this one can only leave the file where it is.
            let _ = fs::rename(&to, &from);
        }
    }
}

/// The files that belong to the data set at `path`: itself, and for a Shapefile its side files.
fn data_set_files(path: &Path) -> Vec<PathBuf> {
    let is_shapefile = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("shp"));
    if is_shapefile {
        SHAPEFILE_SIDE_FILES.iter().map(|ending| path.with_extension(ending)).collect()
    } else {
        vec![path.to_owned()]
    }
}
