//! The command `kunder`.
#![forbid(unsafe_code)]

/// Checks of many customers allocate on every thread at once.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    kunder::cli::main()
}
