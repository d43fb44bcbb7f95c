//! `clean`: removes what killed runs have left.

use std::process::ExitCode;

use super::Outcome;
use super::print::print;
use crate::isolation;

pub(super) fn run() -> Outcome {
    let removed = isolation::clean(&isolation::runtime_dir()?)?;
    if removed.is_empty() {
        print("nothing to remove\n")?;
    }
    for line in removed {
        print(format_args!("removed {line}\n"))?;
    }
    Ok(ExitCode::SUCCESS)
}
