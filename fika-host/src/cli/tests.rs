//! The command line as it is understood.

use clap::{CommandFactory, Parser};

use super::{Command, CommandLine};

fn parse(line: &str) -> Result<CommandLine, String> {
    let words = ["fika-host"].into_iter().chain(line.split_whitespace());
    CommandLine::try_parse_from(words).map_err(|error| error.to_string())
}

#[test]
fn a_file_is_an_experiment_and_a_command_is_a_command() {
    for line in ["a.toml", "--consensus pos a.toml", "a.toml --set chain.tick=1s --detach"] {
        assert!(parse(line).expect(line).command.is_none(), "{line}");
    }
    assert!(matches!(parse("ps").expect("a command").command, Some(Command::Ps(_))));
    assert!(matches!(parse("check --keys rsa a.toml").expect("a command").command, Some(Command::Check(_))));
    assert!(matches!(parse("exec n1 --run x -- ls -l").expect("a command").command, Some(Command::Exec(_))));
}

#[test]
fn wrong_use_is_refused() {
    for line in ["", "a.toml b.toml", "exec n1", "wallet", "kill", "logs --what n1", "--consensus"] {
        assert!(parse(line).is_err(), "{line}");
    }
}

#[test]
fn options_become_overrides_and_set_comes_last() {
    let line = parse("--consensus pos --results out --set consensus.plugin=pow --engine process a.toml").expect("good");
    let overrides = line.start.changes.overrides().expect("good");
    let text = "[network]\nnodes = 2\n";
    let experiment = crate::experiment::Experiment::parse("a.toml", text, &overrides).expect("good");
    assert_eq!(experiment.plugins.consensus.plugin, "pow");
    assert_eq!(experiment.output.dir, "out");
    assert_eq!(experiment.engine, Some(crate::experiment::Engine::Process));
}

#[test]
fn the_command_line_is_sound() {
    CommandLine::command().debug_assert();
}
