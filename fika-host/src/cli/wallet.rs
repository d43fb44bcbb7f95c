//! `wallet NODE`: a node's owner at the keyboard, or a script at its standard input.

use std::io::{IsTerminal, stdin};
use std::process::ExitCode;

use fika_core::amount::Amount;
use rustyline::error::ReadlineError;

use super::pick::NodeArgs;
use super::print::{print, say};
use super::{INPUT, Outcome, Stop};
use crate::live::control::{Client, Reply, Request};
use crate::live::{Member, NodeSetup};
use crate::results::{short, table};
use crate::run::node_setup;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Without a terminal it reads commands from standard input: echo balance | fika-host wallet client1"
)]
pub(super) struct Args {
    #[command(flatten)]
    node: NodeArgs,
}

const HELP: &str = "\
  tx [TO AMOUNT [FEE]]  pay: TO is a node's name or an address; asks for what is missing
  upbc                  get the newest chain from the neighbours
  chain [COUNT]         the last blocks, newest first
  balance [NODE]        what this node has, or what another has by this node's chain
  history               this node's payments
  help                  this
  exit                  leave; the node goes on
";

/// Blocks that `chain` shows unless told otherwise.
const CHAIN_COUNT: u32 = 10;

pub(super) fn run(args: &Args) -> Outcome {
    let client = args.node.connect()?;
    let (_, record, node) = args.node.find()?;
    let setup = record.results.map(|results| node_setup(&results, &node.name));
    let members = setup.and_then(|path| NodeSetup::read(&path).ok()).map_or(vec![], |setup| setup.nodes);
    let input = if stdin().is_terminal() { Input::terminal()? } else { Input::Pipe };
    let mut wallet = Wallet { client, node: args.node.node.clone(), members, input };
    if wallet.input.is_terminal() {
        let known = format!("wallet of {}; help tells the commands\n", wallet.node);
        print(known)?;
    }
    let mut failed = false;
    while let Some(line) = wallet.read("> ")? {
        let words: Vec<&str> = line.split_whitespace().collect();
        match wallet.obey(&words) {
            Ok(Next::GoOn) => {}
            Ok(Next::Leave) => break,
            Err(Trouble::Stop(stop)) => return Err(stop),
            Err(Trouble::Here(why)) => {
                failed = true;
                say(&format!("error: {why}"));
            }
        }
    }
    // At a terminal the user has seen it; a script wants to know.
    let code = if failed && !wallet.input.is_terminal() { INPUT } else { 0 };
    Ok(ExitCode::from(code))
}

enum Input {
    Terminal(Box<rustyline::DefaultEditor>),
    Pipe,
}

impl Input {
    fn terminal() -> Result<Input, Stop> {
        let editor = rustyline::DefaultEditor::new();
        editor.map(|editor| Input::Terminal(Box::new(editor))).map_err(|error| Stop::Environment(error.to_string()))
    }

    fn is_terminal(&self) -> bool {
        matches!(self, Input::Terminal(_))
    }
}

enum Next {
    GoOn,
    Leave,
}

enum Trouble {
    /// This command failed; the next one may not.
    Here(String),
    Stop(Stop),
}

impl From<Stop> for Trouble {
    fn from(stop: Stop) -> Trouble {
        Trouble::Stop(stop)
    }
}

struct Wallet {
    client: Client,
    node: String,
    /// Who is called what; empty if that is not known.
    members: Vec<Member>,
    input: Input,
}

impl Wallet {
    /// A line from the user; none at the end of the input.
    fn read(&mut self, prompt: &str) -> Result<Option<String>, Stop> {
        let failed = |error: &dyn std::fmt::Display| Stop::Environment(format!("standard input: {error}"));
        match &mut self.input {
            Input::Terminal(editor) => match editor.readline(prompt) {
                Ok(line) => {
                    // A line that is too long for the history is still a line.
                    let _ = editor.add_history_entry(&line);
                    Ok(Some(line))
                }
                Err(ReadlineError::Eof | ReadlineError::Interrupted) => Ok(None),
                Err(error) => Err(failed(&error)),
            },
            Input::Pipe => {
                let mut line = String::new();
                let count = stdin().read_line(&mut line).map_err(|error| failed(&error))?;
                Ok((count > 0).then_some(line))
            }
        }
    }

    fn obey(&mut self, words: &[&str]) -> Result<Next, Trouble> {
        match words {
            [] => {}
            ["tx" | "pay", rest @ ..] if rest.len() <= 3 => self.pay(rest)?,
            ["upbc" | "update"] => {
                let mut reply = self.ask(&Request::Status)?;
                if matches!(&reply, Reply::Status(status) if status.peers > 0) {
                    reply = self.ask(&Request::Update)?;
                }
                let Reply::Status(status) = reply else { return Err(unexpected()) };
                if status.peers == 0 {
                    let (height, balance) = (status.height, status.balance);
                    return Err(Trouble::Here(format!(
                        "no neighbour is connected: height {height} and balance {balance} are those of the last update"
                    )));
                }
                print(format_args!("height {}, balance {}\n", status.height, status.balance))?;
            }
            ["chain"] => self.chain(CHAIN_COUNT)?,
            ["chain", count] => {
                let number = || Trouble::Here(format!("expected a number of blocks, found '{count}'"));
                self.chain(count.parse().map_err(|_| number())?)?;
            }
            ["balance"] => self.balance(None)?,
            ["balance", who] => self.balance(Some(who))?,
            ["history"] => self.history()?,
            ["help" | "?"] => print(HELP)?,
            ["exit" | "quit"] => return Ok(Next::Leave),
            [first, ..] => {
                return Err(Trouble::Here(format!(
                    "expected tx, upbc, chain, balance, history, help or exit, found '{first}' with {} words after it",
                    words.len() - 1
                )));
            }
        }
        Ok(Next::GoOn)
    }

    fn pay(&mut self, words: &[&str]) -> Result<(), Trouble> {
        let mut words = words.iter().map(ToString::to_string);
        let to = self.word(words.next(), "to: ", "a recipient")?;
        let amount = self.word(words.next(), "amount: ", "an amount")?;
        let amount: Amount = amount.parse().map_err(Trouble::Here)?;
        let fee = match words.next() {
            Some(fee) => fee,
            None if self.input.is_terminal() => self.word(None, "fee: ", "a fee")?,
            None => "0".into(),
        };
        let fee: Amount = fee.parse().map_err(Trouble::Here)?;
        let Reply::Paid { hash, fee } = self.ask(&Request::Pay { to: to.clone(), amount, fee })? else {
            return Err(unexpected());
        };
        print(format_args!("paid {amount} to {to}, fee {fee}: {hash}\n"))?;
        Ok(())
    }

    /// What was given, or else what the user answers.
    fn word(&mut self, given: Option<String>, prompt: &str, what: &str) -> Result<String, Trouble> {
        let word = match given {
            Some(word) => word,
            None => self.read(prompt)?.unwrap_or_default(),
        };
        let word = word.trim();
        match word.is_empty() {
            true => Err(Trouble::Here(format!("expected {what}, found nothing"))),
            false => Ok(word.into()),
        }
    }

    fn chain(&mut self, count: u32) -> Result<(), Trouble> {
        let Reply::Chain { blocks } = self.ask(&Request::Chain { count })? else { return Err(unexpected()) };
        let head = ["height", "id", "producer", "txs", "bytes"].map(String::from).to_vec();
        let row = |block: &crate::live::control::BlockLine| {
            let (id, producer) = (short(block.id), block.producer.clone());
            vec![block.height.to_string(), id, producer, block.txs.to_string(), block.bytes.to_string()]
        };
        let rows: Vec<_> = [head].into_iter().chain(blocks.iter().map(row)).collect();
        Ok(print(table(&rows))?)
    }

    fn balance(&mut self, who: Option<&str>) -> Result<(), Trouble> {
        let address =
            match who {
                None => None,
                Some(who) => match self.members.iter().find(|member| member.name == who) {
                    Some(member) => Some(member.address),
                    None => Some(who.parse().map_err(|_| {
                        Trouble::Here(format!("expected the name of a node or an address, found '{who}'"))
                    })?),
                },
            };
        let Reply::Balance { confirmed, spendable, locked } = self.ask(&Request::Balance { address })? else {
            return Err(unexpected());
        };
        // Payments in the mempool are already spent or received, so this is what the owner has.
        let mut text = format!("{spendable}");
        if spendable != confirmed {
            text += &format!(" (confirmed: {confirmed})");
        }
        if locked != Amount::ZERO {
            text += &format!(", deposits: {locked}");
        }
        Ok(print(text + "\n")?)
    }

    fn history(&mut self) -> Result<(), Trouble> {
        let Reply::History { payments } = self.ask(&Request::History)? else { return Err(unexpected()) };
        let head = ["to", "amount", "fee", "block", "transaction"].map(String::from).to_vec();
        let row = |payment: &crate::live::control::PaymentLine| {
            let block = match payment.confirmed {
                Some(height) => height.to_string(),
                None if payment.lost => "lost".into(),
                None if payment.waits => "mempool".into(),
                None => "evicted".into(),
            };
            let (amount, fee) = (payment.amount.to_string(), payment.fee.to_string());
            vec![payment.to.clone(), amount, fee, block, short(payment.hash)]
        };
        let rows: Vec<_> = [head].into_iter().chain(payments.iter().map(row)).collect();
        Ok(print(table(&rows))?)
    }

    fn ask(&mut self, request: &Request) -> Result<Reply, Trouble> {
        match self.client.ask(request) {
            Ok(Reply::Error { why }) => Err(Trouble::Here(why)),
            Ok(reply) => Ok(reply),
            Err(error) => Err(Trouble::Stop(Stop::Environment(format!("node {}: {error}", self.node)))),
        }
    }
}

fn unexpected() -> Trouble {
    Trouble::Here("the node gave another answer than was asked for".into())
}
