//! The threads that parse and encode.

use std::thread::Builder;

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::error::{Error, ErrorKind, Result};

/// Lends `work` a pool of so many threads, and waits until they are gone: each takes its PROJ objects along, and a process
/// that ends at the same time would take PROJ itself from under them.
///
/// # Errors
/// [`ErrorKind::Internal`] where no threads can be had.
pub(super) fn with_workers<R>(number: usize, work: impl FnOnce(&ThreadPool) -> R) -> Result<R> {
    let mut threads = Vec::with_capacity(number);
    let pool = ThreadPoolBuilder::new()
        .num_threads(number)
        .spawn_handler(|thread| {
            let name = format!("geohaul-{}", thread.index());
            threads.push(Builder::new().name(name).spawn(|| thread.run())?);
            Ok(())
        })
        .build()
        .map_err(|why| Error::new(ErrorKind::Internal, "can't start the workers").because(why))?;
    let done = work(&pool);
    drop(pool);
    // What went wrong on one of them was told with its page.
    threads.into_iter().for_each(|thread| drop(thread.join()));
    Ok(done)
}
