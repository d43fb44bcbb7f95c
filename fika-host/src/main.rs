//! The `fika-host` command.

fn main() {}
