//! The thesis's session: a network in the background, and people who look inside.

use std::io::Write;
use std::process::Stdio;

use super::{Host, eventually, experiment, text};

/// A network in the background that ends with the test.
pub(super) struct Session {
    pub(super) host: Host,
    pub(super) name: String,
}

impl Session {
    pub(super) fn start(name: &str, options: &[&str]) -> Session {
        let host = Host::new();
        let named = format!("experiment.name='{name}'");
        let path = experiment("thesis.toml");
        let endless = ["--detach", "--set", &named, "--set", "load=[]", "--set", "experiment.stop_height=none"];
        let output = host.output(&[&endless, options, &[&path]].concat());
        assert_eq!(output.status.code(), Some(0), "{}", text(&output));
        Session { host, name: name.into() }
    }

    /// A subcommand about this run that must succeed.
    pub(super) fn says(&self, command: &str, arguments: &[&str]) -> String {
        self.host.says(&[&[command, "--run", &self.name], arguments].concat())
    }

    /// What a wallet answers to these lines.
    pub(super) fn wallet(&self, node: &str, lines: &str) -> String {
        let mut command = self.host.command(&["wallet", "--run", &self.name, node]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{lines}: {}", text(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    /// The height that `ps` shows for a node.
    pub(super) fn height(&self, node: &str) -> Option<u64> {
        let table = self.host.says(&["ps"]);
        let run = table.split(&format!("{}: ", self.name)).nth(1)?;
        let line = run.lines().find(|line| line.split_whitespace().next() == Some(node))?;
        line.split_whitespace().nth(2)?.parse().ok()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // Some tests have ended it already.
        let _ = self.host.output(&["down", &self.name]);
    }
}

#[test]
fn a_client_pays_and_the_other_sees_it() {
    let session = Session::start("e2e-session", &[]);
    let paid = session.wallet("client1", "balance\ntx client2 40 1\nbalance\nexit\n");
    let mut lines = paid.lines();
    assert_eq!(lines.next(), Some("90"));
    assert!(lines.next().unwrap().starts_with("paid 40 to client2"), "{paid}");
    assert!(lines.next().unwrap().starts_with("49"), "{paid}");
    eventually("client2 sees its 130 coins", || {
        session.wallet("client2", "upbc\nbalance\nexit\n").lines().any(|line| line == "130").then_some(())
    });
    let log = session.says("logs", &["server1"]);
    let place =
        |words: &str| log.lines().position(|line| line.contains(words)).unwrap_or_else(|| panic!("{words}: {log}"));
    let (received, verified) = (place("received transaction"), place("verified transaction"));
    assert!(received < verified && verified < place("forwarded transaction"), "{log}");
    let history = session.wallet("client1", "upbc\nhistory\nexit\n");
    assert!(history.contains("client2"), "{history}");
    if session.host.says(&["ps"]).contains("engine netns") {
        let links = session.says("exec", &["client1", "--", "ip", "-o", "-4", "addr"]);
        assert_eq!(links.lines().filter(|line| line.contains("192.168.")).count(), 1, "one cable of its own: {links}");
        assert_eq!(session.says("exec", &["client1", "--", "hostname"]).trim(), "client1");
    }
    session.host.says(&["down", &session.name]);
    assert!(!session.host.says(&["ps"]).contains(&session.name));
    assert!(session.host.summary("e2e-session")["coins"]["gap"] == 0, "results are kept");
}
