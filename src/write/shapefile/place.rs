//! Where the files of a part stand.

use std::ffi::OsString;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use crate::error::Result;
use crate::write::Stage;

/// Where the files of a part go.
pub(super) struct Place<'s> {
    pub(super) stage: &'s Stage,
    pub(super) directory: PathBuf,
    /// The files' name without ending.
    pub(super) stem: OsString,
}

impl Place<'_> {
    /// The file with this ending.
    pub(super) fn path(&self, ending: &str) -> PathBuf {
        let main = self.stage.main_file();
        if ending == "shp" && self.stem == self.stage.stem() && main.parent() == Some(&self.directory) {
            // As it was asked for, whatever the case of its ending.
            return main;
        }
        let mut name = self.stem.clone();
        name.push(".");
        name.push(ending);
        self.directory.join(name)
    }

    pub(super) fn create(&self, ending: &str) -> Result<BufWriter<File>> {
        self.stage.create(&self.path(ending))
    }

    pub(super) fn write_whole(&self, ending: &str, text: &str) -> Result<()> {
        let mut file = self.create(ending)?;
        file.write_all(text.as_bytes()).and_then(|()| file.flush()).map_err(|why| self.stage.write_error(&why))
    }
}
