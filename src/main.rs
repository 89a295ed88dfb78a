//! The `dozvon` command.

fn main() -> std::process::ExitCode {
    dozvon::cli::main()
}
