//! Many jobs as one run: what is kept of it on the disk, how jobs go side by side, and what is told of them at the end.
//!
//! A run has an id and a [`Journal`] beside the jobs file, so that an interrupted one can be gone on with: jobs that are
//! done stay done. A [`Lock`] keeps two runs of one file apart. What came of each job is a [`JobRecord`], and all of them
//! together a [`Summary`], as JSON, as one page of HTML and as JUnit's XML.
//!
//! What a job does is no matter of this module: it is handed in.

mod copies;
mod crew;
mod html;
mod journal;
mod junit;
mod lock;
mod picture;
mod record;
mod summary;

pub use copies::keep_copies;
pub use crew::side_by_side;
pub use journal::{Journal, Last, Run, digest};
pub use lock::Lock;
pub use picture::Picture;
pub use record::{JobRecord, LayerRecord, Outcome, OutputRecord};
pub use summary::{Summary, Totals};

use std::fs::File;
use std::io::Write;
use std::path::Path;

use crate::error::{Error, Result};

/// Replaces a file at one moment: whoever reads it sees the old text or the new.
fn replace(path: &Path, text: &str) -> Result<()> {
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let write = || {
        let mut file = File::create(&part)?;
        file.write_all(text.as_bytes())?;
        file.sync_data()?;
        std::fs::rename(&part, path)
    };
    write().map_err(|why| {
        // Half a file is of no use, and on a full disk in the way.
        let _ = std::fs::remove_file(&part);
        Error::file("can't write the file", path, &why)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_can_not_be_replaced_leaves_no_part_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("b.report.html");
        std::fs::create_dir_all(path.join("in the way")).unwrap();
        assert!(replace(&path, "text").is_err());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
