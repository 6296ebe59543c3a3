//! The executable. Everything is in the library so that the end-to-end tests can link it.

fn main() -> std::process::ExitCode {
    autoissue::main()
}
