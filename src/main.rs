//! The `geohaul` command: see [`geohaul::cli`].

fn main() -> std::process::ExitCode {
    geohaul::cli::main()
}
