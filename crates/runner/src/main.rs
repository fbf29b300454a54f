//! The command `kunder`.
#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    kunder::cli::main()
}
