//! One run at a time: a lock that the system takes back when the process ends, however it ends.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::path::Path;

use crate::error::{Error, ErrorKind, Result};

/// Held while a run goes on.
#[derive(Debug)]
pub struct Lock {
    _held: File,
}

impl Lock {
    /// Takes the lock, and writes into its file who has it.
    ///
    /// # Errors
    /// [`ErrorKind::File`] where another process has it; the error says which.
    pub fn take(path: &Path) -> Result<Self> {
        let failed = |why: &std::io::Error| Error::file("can't lock the batch", path, why);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|why| failed(&why))?;
        }
        let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
        let mut file = open.map_err(|why| failed(&why))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // Where the lock keeps readers out as well, nobody is named.
                let _ = file.read_to_string(&mut holder);
                let error = Error::new(ErrorKind::File, "another run of this batch is under way").in_file(path);
                let error = if holder.trim().is_empty() { error } else { error.because(holder.trim()) };
                return Err(error.hint("wait until it ends, or stop it"));
            }
            Err(TryLockError::Error(why)) => return Err(failed(&why)),
        }
        let who = format!("process {}, since {}\n", std::process::id(), crate::model::time::now());
        file.set_len(0).and_then(|()| file.write_all(who.as_bytes())).map_err(|why| failed(&why))?;
        Ok(Self { _held: file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_run_is_refused_until_the_first_is_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("work/lock");
        let first = Lock::take(&path).unwrap();
        let refused = Lock::take(&path).unwrap_err();
        assert!(refused.to_string().contains(&format!("process {}", std::process::id())), "{refused}");
        drop(first);
        Lock::take(&path).unwrap();
    }
}
