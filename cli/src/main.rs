//! The program: all of it is in the library, so that the end-to-end tests are built with it.

fn main() -> std::process::ExitCode {
    autoissue::main()
}
