//! Arguments of `batch`.

use std::path::PathBuf;

use crate::fetch;

/// Arguments of `batch`.
#[derive(Debug, clap::Args)]
pub struct BatchArgs {
    /// The jobs, as TOML or JSON. Paths in it begin at its folder, and the reports go there.
    #[arg(value_name = "FILE", required_unless_present = "schema")]
    pub file: Option<PathBuf>,
    /// Go on with the last run: do only what is missing of it.
    #[arg(long, conflicts_with_all = ["check", "schema"])]
    pub resume: bool,
    /// Leave out layers that have not changed since the job was last done: the same last edit, as many rows, the same
    /// question. What does not say when it was edited is fetched.
    #[arg(long)]
    pub only_changed: bool,
    /// Fetch only rows that were added or changed since this time, or since each job was last done (`last`), into files
    /// with the run's id in their names.
    #[arg(long, value_name = "TIME|last")]
    pub since: Option<String>,
    /// Keep dated copies of the outputs of so many runs, beside the file in NAME.kept/.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pub keep: Option<u64>,
    /// Jobs under way at once. All of them together keep one pace for each host.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..=64))]
    pub jobs: u64,
    /// The most requests under way at once to one host, of all jobs together.
    #[arg(long, value_name = "N", default_value_t = fetch::MOST_CONNECTIONS as u64, value_parser = clap::value_parser!(u64).range(1..=64))]
    pub connections: u64,
    /// Begin no further job once one has failed.
    #[arg(long)]
    pub fail_fast: bool,
    /// Say what is wrong with the file, by line, and do nothing. No server is asked.
    #[arg(long)]
    pub check: bool,
    /// Print the JSON Schema of the file, for editors.
    #[arg(long, conflicts_with_all = ["file", "check"])]
    pub schema: bool,
}
