//! All or nothing: files are written in a temporary directory beside the target and renamed at the end.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, TryLockError};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use tempfile::TempDir;

use crate::error::{Error, ErrorKind, Result};

/// Endings of the files that readers pick up by name beside a `.shp`; a stale one makes them read wrong rows.
/// Among them are the indexes of ArcGIS (`sbn` to `mxs`), of GDAL (`qix`, `idm`, `ind`) and of GeoTools (`fix`).
const SHAPEFILE_ENDINGS: [&str; 22] = [
    "shp",
    "shx",
    "dbf",
    "prj",
    "cpg",
    "cst",
    "qpj",
    "qix",
    "sbn",
    "sbx",
    "fbn",
    "fbx",
    "ain",
    "aih",
    "ixs",
    "mxs",
    "idm",
    "ind",
    "fix",
    "atx",
    "shp.xml",
    "names.csv",
];

/// Ends the names of what SQLite keeps beside a database: changes that are not in it yet or that it takes back, and the
/// index of them. Beside another database of the same name they are read into that one.
const DATABASE_ENDINGS: [&str; 3] = ["-wal", "-journal", "-shm"];

/// Begins the name of the directory in a stage that takes the files that are being replaced.
const ASIDE: &str = ".geohaul-old-";

/// A disk that takes so many bytes more is not full: of a write that it refused, it took what there was room for.
const ROOM: usize = 1 << 16;

/// So much of an output's name is in that of its stage, which may be no longer than 255 bytes.
const NAME_IN_STAGE: usize = 100;

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
    /// Held while the stage is in use, so that what a killed run left can be told from what is under way.
    _lock: Option<File>,
    is_stdout: bool,
    layers: AtomicUsize,
}

impl Stage {
    /// Makes the stage beside the target, so that a bad path fails before anything is fetched.
    ///
    /// # Errors
    /// The target exists and may not be replaced, is no regular file, or its directory can't be written to.
    pub fn open(mut target: Target) -> Result<Self> {
        // A link stays one: what it points to is replaced.
        target.path = resolved(&target.path);
        let path = &target.path;
        let (Some(_), Some(stem)) = (path.file_name(), path.file_stem()) else {
            return Err(Error::new(ErrorKind::Usage, format!("{} names no file", path.display()))
                .hint("give -o a file name with an ending, such as roads.geojson"));
        };
        let replaces_folder = path.is_dir() && is_folder_data_set(path);
        if replaces_folder && !path.join("gdb").is_file() {
            return Err(Error::new(ErrorKind::Usage, "the output is an existing directory that is no File Geodatabase")
                .in_file(path)
                .hint("choose another name"));
        }
        if path.is_dir() && !replaces_folder {
            return Err(Error::new(ErrorKind::Usage, "the output is an existing directory")
                .in_file(path)
                .hint("give -o a file name inside it"));
        }
        if path.metadata().is_ok_and(|there| !there.is_file() && !replaces_folder) {
            return Err(Error::new(ErrorKind::Usage, "the output is a device or pipe")
                .in_file(path)
                .hint("outputs are renamed into place when they are whole; give -o a file name, or - for standard output"));
        }
        let stem = stem.to_owned();
        let parent = directory_of(path);
        if parent.is_file() {
            return Err(Error::new(ErrorKind::File, "the output's directory is a file")
                .in_file(parent)
                .hint("choose another directory"));
        }
        if !parent.is_dir() {
            return Err(Error::new(ErrorKind::File, "the output's directory does not exist")
                .in_file(parent)
                .hint(format!("make it first: mkdir -p {}", parent.display())));
        }
        if !target.overwrite {
            refuse_existing(&data_set_files(path))?;
        }
        // Without dots: GDAL takes a directory called `a.xlsx` on the way to a file for an archive, and writes nothing.
        let name = path.file_name().unwrap_or(&stem).to_string_lossy().replace('.', "_");
        let prefix = OsString::from(format!(".geohaul-{}-", &name[..name.floor_char_boundary(NAME_IN_STAGE)]));
        remove_abandoned(parent, &prefix);
        let (dir, lock) =
            held_directory(parent, &prefix).map_err(|why| Error::file("can't write to the output's directory", parent, &why))?;
        Ok(Self { target, stem, dir, _lock: lock, is_stdout: false, layers: AtomicUsize::new(0) })
    }

    /// A stage whose main file is standard output: what is written to it is out, and stays.
    ///
    /// # Errors
    /// Where there is no place for temporary files.
    pub fn stdout() -> Result<Self> {
        let path = PathBuf::from("-");
        let dir = TempDir::new().map_err(|why| Error::file("can't make a temporary directory", &path, &why))?;
        let target = Target { path, overwrite: false };
        Ok(Self { target, stem: OsString::from("-"), dir, _lock: None, is_stdout: true, layers: AtomicUsize::new(0) })
    }

    /// Passes on what was written so far, where somebody reads along.
    pub(super) fn flush_stream(&self, file: &mut impl std::io::Write) -> Result<()> {
        if self.is_stdout { file.flush().map_err(|why| self.write_error(&why)) } else { Ok(()) }
    }

    /// Makes the stage for a data set that is added to what stands there: its writer finds a copy.
    ///
    /// # Errors
    /// As [`Stage::open`], and where the copy can't be made or would lack what another program has not written into it yet.
    pub fn open_to_append(path: PathBuf) -> Result<Self> {
        let stage = Self::open(Target { path, overwrite: true })?;
        let there = &stage.target.path;
        let is_index = |file: &Path| file.as_os_str().as_encoded_bytes().ends_with(b"-shm");
        let holds_some = |file: &PathBuf| !is_index(file) && file.metadata().is_ok_and(|there| there.len() > 0);
        if let Some(changes) = database_files(there).find(holds_some) {
            return Err(Error::new(ErrorKind::File, "another program has changes of the output that are not in it yet")
                .in_file(&changes)
                .hint("close the program that has it open, then run the same command again"));
        }
        if there.exists() {
            copy(there, &stage.main_file()).map_err(|why| Error::file("can't read the output to add to it", there, &why))?;
        }
        Ok(stage)
    }

    /// Told when a layer is to be kept: from here on its writer takes it back no more.
    pub(crate) fn keep_layer(&self) {
        self.layers.fetch_add(1, Ordering::Relaxed);
    }

    /// Number of layers that its data set may hold beside what was there before.
    pub(crate) fn layers(&self) -> usize {
        self.layers.load(Ordering::Relaxed)
    }

    /// The target's main file name, for the writer to create in the stage.
    pub fn file_name(&self) -> &OsStr {
        self.target.path.file_name().unwrap_or(&self.stem)
    }

    /// The target's name without its ending.
    pub fn stem(&self) -> &OsStr {
        &self.stem
    }

    /// The staged path of the main file.
    pub fn main_file(&self) -> PathBuf {
        self.dir.path().join(self.file_name())
    }

    /// A place in the stage for data that is no output.
    pub fn scratch(&self) -> Result<File> {
        tempfile::tempfile_in(self.dir.path()).map_err(|why| Error::file("can't write a temporary file", &self.target.path, &why))
    }

    /// A directory in the stage for files that are no output, until it is dropped.
    pub(super) fn scratch_directory(&self) -> Result<TempDir> {
        let made = TempDir::with_prefix_in(".geohaul-", self.dir.path());
        made.map_err(|why| Error::file("can't write temporary files", &self.target.path, &why))
    }

    /// Refuses a staged file that is to stand beside the main one where something stands that may not be replaced: told
    /// before it is written.
    pub(super) fn refuse_beside(&self, staged: &Path) -> Result<()> {
        let outside = staged.parent() != Some(self.dir.path());
        match staged.file_name() {
            Some(name) if !self.target.overwrite && !outside => {
                refuse_existing(&data_set_files(&self.target.path.with_file_name(name)))
            }
            _ => Ok(()),
        }
    }

    /// Whether a file of this name stands where the main one goes.
    pub(super) fn has_beside(&self, name: &OsStr) -> bool {
        self.target.path.with_file_name(name).exists()
    }

    /// Creates a staged file, buffered.
    ///
    /// # Errors
    /// When the file can't be created.
    pub fn create(&self, path: &Path) -> Result<BufWriter<File>> {
        let file = if self.is_stdout && path == self.main_file() { duplicate_stdout() } else { File::create(path) };
        let file = file.map_err(|why| self.write_error(&why))?;
        Ok(BufWriter::with_capacity(1 << 20, file))
    }

    /// The error for a failed write to a staged file, in terms of the target.
    pub fn write_error(&self, why: &std::io::Error) -> Error {
        let error = Error::file("can't write the output", &self.target.path, why);
        match self.is_stdout && why.kind() == std::io::ErrorKind::BrokenPipe {
            true => Error::new(ErrorKind::Closed, error.what()),
            false => error,
        }
    }

    /// The error of a writer, which may not say (GDAL and SQLite do not) that the disk takes no more.
    pub fn explained(&self, error: Error) -> Error {
        if error.hint_text().is_some() || !matches!(error.kind(), ErrorKind::File | ErrorKind::Format) {
            return error;
        }
        self.has_room().err().unwrap_or(error)
    }

    /// For a writer that may not notice that the disk takes no more.
    ///
    /// # Errors
    /// Where it takes no more.
    pub fn has_room(&self) -> Result<()> {
        let mut file = self.scratch()?;
        file.write_all(&vec![0; ROOM]).and_then(|()| file.sync_data()).map_err(|why| self.write_error(&why))
    }

    /// Renames everything into place, the main file last, and removes what a replaced data set left behind.
    /// Returns all files of the data set, the main one first.
    ///
    /// # Errors
    /// When a rename fails; what was renamed by then is taken back, and what was replaced is put back.
    pub fn commit(self) -> Result<Vec<PathBuf>> {
        self.commit_beside(|_| false)
    }

    /// [`Stage::commit`] of a run that has put other files in place, which are never replaced.
    ///
    /// # Errors
    /// As there, and where one of those files would be.
    pub(crate) fn commit_beside(self, is_of_this_run: impl Fn(&Path) -> bool) -> Result<Vec<PathBuf>> {
        if self.is_stdout {
            return Ok(Vec::new());
        }
        let mut staged = Vec::new();
        for entry in fs::read_dir(self.dir.path()).map_err(|why| self.write_error(&why))? {
            staged.push(entry.map_err(|why| self.write_error(&why))?.file_name());
        }
        // The main file last, and before it those of further parts: readers that see one see its whole data set.
        let main = self.file_name().to_owned();
        staged.sort();
        staged.sort_by_key(|name| (is_shapefile(Path::new(name)), *name == main));
        let parent = self.target.path.parent().unwrap_or(Path::new("")).to_owned();

        let mut old = data_set_files(&self.target.path);
        for path in staged.iter().map(|name| parent.join(name)).filter(|path| *path != self.target.path) {
            // Of a further Shapefile, its side files as well.
            let there = data_set_files(&path).into_iter().filter(|path| !old.contains(path)).collect::<Vec<_>>();
            old.extend(there);
        }
        if !self.target.overwrite {
            // It may have appeared while we were busy.
            refuse_existing(&old)?;
        }
        if let Some(theirs) = old.iter().find(|path| is_of_this_run(path)) {
            return Err(Error::new(ErrorKind::File, "the file is another output of this run, and would be replaced")
                .in_file(theirs)
                .hint("write one of the two to another directory"));
        }
        for name in &staged {
            hand_permissions_on(&parent.join(name), &self.dir.path().join(name));
        }
        let folders = self.target.path.is_dir() || self.main_file().is_dir();
        if staged == [main] && old.iter().all(|path| *path == self.target.path) && !folders {
            // One file for one file: at no moment is there none.
            fs::rename(self.main_file(), &self.target.path).map_err(|why| self.write_error(&why))?;
            return Ok(files_of(vec![self.target.path]));
        }

        let aside = tempfile::Builder::new().prefix(ASIDE).tempdir_in(self.dir.path()).map_err(|why| self.write_error(&why))?;
        let mut moves = Moves::default();
        let done = (|| {
            for path in &old {
                if let Some(name) = path.file_name() {
                    moves.rename(path, &aside.path().join(name))?;
                }
            }
            for name in &staged {
                moves.rename(&self.dir.path().join(name), &parent.join(name))?;
            }
            Ok(())
        })();
        if let Err(why) = done {
            let error = self.write_error(&why);
            if moves.undo() {
                return Err(error);
            }
            // Never delete what could not be put back.
            let kept = aside.keep();
            let _ = self.dir.keep();
            return Err(error.hint(format!("the files that were replaced are in {}", kept.display())));
        }
        staged.reverse();
        Ok(files_of(staged.into_iter().map(|name| parent.join(name)).collect()))
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

    /// `false` where a file could not be brought back.
    fn undo(&mut self) -> bool {
        let mut whole = true;
        for (from, to) in self.0.drain(..).rev() {
            whole &= fs::rename(&to, &from).is_ok();
        }
        whole
    }
}

/// Standard output as a file, without the buffer that the standard library has before it.
#[cfg(unix)]
fn duplicate_stdout() -> std::io::Result<File> {
    use std::os::fd::AsFd;
    std::io::stdout().as_fd().try_clone_to_owned().map(File::from)
}

/// The same.
#[cfg(windows)]
fn duplicate_stdout() -> std::io::Result<File> {
    use std::os::windows::io::AsHandle;
    std::io::stdout().as_handle().try_clone_to_owned().map(File::from)
}

/// Copies a file, or a folder with all that is in it.
fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    if !from.is_dir() {
        return fs::copy(from, to).map(drop);
    }
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        copy(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}

/// A new directory and the lock on it, where directories can be locked. Another run may take it for abandoned before it is
/// locked, and remove it: then the next one is made.
fn held_directory(parent: &Path, prefix: &OsStr) -> std::io::Result<(TempDir, Option<File>)> {
    loop {
        let dir = tempfile::Builder::new().prefix(prefix).tempdir_in(parent)?;
        let lock = match File::open(dir.path()).map(|handle| (handle.try_lock(), handle)) {
            Ok((Ok(()), handle)) => Some(handle),
            Ok((Err(TryLockError::WouldBlock), _)) => continue,
            Ok((Err(TryLockError::Error(_)), _)) | Err(_) => None,
        };
        if dir.path().is_dir() {
            return Ok((dir, lock));
        }
    }
}

/// Removes the stages of this name that killed runs left, but for those that hold replaced files. Where directories
/// can't be locked (Windows), nothing is known of them and they stay.
fn remove_abandoned(parent: &Path, prefix: &OsStr) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    let ours = |name: &OsStr| name.as_encoded_bytes().starts_with(prefix.as_encoded_bytes());
    for path in entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| path.file_name().is_some_and(ours)) {
        // Held until it is gone, so that whoever has just made it sees that.
        let abandoned = File::open(&path).ok().filter(|handle| handle.try_lock().is_ok());
        let aside = |entry: fs::DirEntry| entry.file_name().as_encoded_bytes().starts_with(ASIDE.as_bytes());
        let holds_replaced = fs::read_dir(&path).is_ok_and(|mut entries| entries.any(|entry| entry.is_ok_and(aside)));
        if abandoned.is_some() && !holds_replaced {
            // What can't be removed is in nobody's way.
            let _ = fs::remove_dir_all(&path);
        }
    }
}

/// Whether a path names a data set that is a folder: a File Geodatabase.
pub fn is_folder_data_set(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("gdb"))
}

/// The paths, with the files of a folder in its place.
fn files_of(paths: Vec<PathBuf>) -> Vec<PathBuf> {
    let files = |path: PathBuf| match fs::read_dir(&path) {
        Ok(entries) => {
            let mut files: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
            files.sort();
            files
        }
        Err(_) => vec![path],
    };
    paths.into_iter().flat_map(files).collect()
}

/// What a link points to; a link to nothing is itself.
fn resolved(path: &Path) -> PathBuf {
    let points_to = path.is_symlink().then(|| path.canonicalize().ok()).flatten();
    points_to.unwrap_or_else(|| path.to_owned())
}

/// Where a file is, for comparing two paths: links resolved, the name in lower case, since many file systems do not
/// tell cases apart.
///
/// ```
/// use geohaul::write::place_of;
///
/// assert_eq!(place_of("roads.shp".as_ref()), place_of("./Roads.SHP".as_ref()));
/// ```
pub fn place_of(path: &Path) -> PathBuf {
    let path = resolved(path);
    let directory = directory_of(&path);
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    directory.canonicalize().unwrap_or_else(|_| directory.to_owned()).join(name)
}

fn directory_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Gives a file the permissions of the one that it replaces.
fn hand_permissions_on(old: &Path, new: &Path) {
    if let (true, Some(there)) = (new.is_file(), old.metadata().ok().filter(fs::Metadata::is_file)) {
        // A file system that keeps none has none to lose.
        let _ = fs::set_permissions(new, there.permissions());
    }
}

fn refuse_existing(old: &[PathBuf]) -> Result<()> {
    let Some(there) = old.first() else { return Ok(()) };
    Err(Error::new(ErrorKind::File, "the output exists already")
        .in_file(there)
        .hint("choose another name, or replace it with --overwrite"))
}

/// The existing files of the data set at `path`, the main one first: itself, those of a database, and for a Shapefile
/// its side files, whatever the case of their endings.
fn data_set_files(path: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    if path.symlink_metadata().is_ok() {
        files.push(path.to_owned());
    }
    files.extend(database_files(path));
    if let (true, Some(stem), Ok(entries)) = (is_shapefile(path), path.file_stem(), fs::read_dir(directory_of(path))) {
        let names = entries.filter_map(|entry| Some(entry.ok()?.file_name()));
        let mut side_files: Vec<_> = names
            .filter(|name| is_side_file(name, stem))
            .map(|name| path.with_file_name(name))
            .filter(|side| side != path)
            .collect();
        side_files.sort();
        files.append(&mut side_files);
    }
    files
}

/// What SQLite keeps beside a database, where it is there.
fn database_files(path: &Path) -> impl Iterator<Item = PathBuf> {
    let with = |ending| {
        let mut name = path.as_os_str().to_owned();
        name.push(ending);
        PathBuf::from(name)
    };
    DATABASE_ENDINGS.map(with).into_iter().filter(|file| file.symlink_metadata().is_ok())
}

fn is_shapefile(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("shp"))
}

fn is_side_file(name: &OsStr, stem: &OsStr) -> bool {
    let ending = name.as_encoded_bytes().strip_prefix(stem.as_encoded_bytes()).and_then(|rest| rest.strip_prefix(b"."));
    let Some(ending) = ending.and_then(|ending| std::str::from_utf8(ending).ok()).map(str::to_ascii_lowercase) else {
        return false;
    };
    // ArcGIS names the index of an attribute `roads.FIELD.atx`.
    let attribute_index = ending.strip_suffix(".atx").is_some_and(|field| !field.contains('.'));
    attribute_index || SHAPEFILE_ENDINGS.contains(&ending.as_str())
}

#[cfg(test)]
mod tests;
