//! The `fika-host` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    fika_host::run(fika_host::Registry::stock())
}
