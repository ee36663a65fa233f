//! The `docent` program: see [`docent::commands`].

use std::process::ExitCode;

fn main() -> ExitCode {
    docent::commands::main()
}
