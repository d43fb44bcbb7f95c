//! Whether a run can reach its end, as far as its experiment tells.

use std::collections::BTreeMap;

use super::{Experiment, NodeIndex, Role};

/// Payments that are looked at.
const PAYMENTS_MAX: u64 = 100_000;
/// Payers that are named.
const PAYERS_SHOWN: usize = 3;

impl Experiment {
    /// Why the stop height cannot be reached, in one line, if that is known before the run.
    pub(crate) fn unreachable(&self) -> Option<String> {
        self.stop.height?;
        let full = self.nodes.iter().filter(|node| node.role == Role::Full).count();
        if full == 0 {
            return Some("stop_height cannot be reached: there is no full node, and wallets make no blocks".into());
        }
        let parts = self.parts();
        let [first, second, ..] = &parts[..] else { return None };
        let name = |part: &[NodeIndex]| &self.nodes[part[0] as usize].name;
        let (count, one, other) = (parts.len(), name(first), name(second));
        Some(format!(
            "stop_height cannot be reached: the full nodes are not connected; they are in {count} parts (one has {one}, \
             another {other}), and all of them must agree on a block"
        ))
    }

    /// What will most likely not be as it was meant, a line for each.
    pub(crate) fn doubts(&self) -> Vec<String> {
        self.payments_without_coins().into_iter().collect()
    }

    /// The full nodes of each part that hangs together. A wallet passes nothing on.
    fn parts(&self) -> Vec<Vec<NodeIndex>> {
        let neighbours = self.neighbours();
        let is_full = |node: &NodeIndex| self.nodes[*node as usize].role == Role::Full;
        let mut seen = vec![false; self.nodes.len()];
        let mut parts = vec![];
        for start in (0..self.nodes.len() as NodeIndex).filter(is_full) {
            if std::mem::replace(&mut seen[start as usize], true) {
                continue;
            }
            let (mut part, mut next) = (vec![start], 0);
            while let Some(node) = part.get(next).copied() {
                next += 1;
                for peer in neighbours[node as usize].iter().copied().filter(is_full) {
                    if !std::mem::replace(&mut seen[peer as usize], true) {
                        part.push(peer);
                    }
                }
            }
            parts.push(part);
        }
        parts
    }

    /// Wallets earn nothing but what they are paid: those that are to pay more than they can ever have.
    fn payments_without_coins(&self) -> Option<String> {
        let count = self.payments_scheduled();
        if count == 0 || count > PAYMENTS_MAX {
            return None;
        }
        let mut balance: BTreeMap<NodeIndex, i128> = BTreeMap::new();
        for (index, load) in self.load.iter().enumerate() {
            // Nobody knows how much an endless load brings.
            for n in 0..load.count()? {
                let Some(payment) = self.payment(index, n) else { continue };
                let (amount, fee) = (i128::from(payment.amount.0), i128::from(payment.fee.0));
                *balance.entry(payment.from).or_default() -= amount + fee;
                *balance.entry(payment.to).or_default() += amount;
            }
        }
        let coins =
            |node: NodeIndex| self.nodes[node as usize].coins.iter().map(|coin| i128::from(coin.0)).sum::<i128>();
        let earns = |node: NodeIndex| self.nodes[node as usize].role == Role::Full;
        let poor = balance.into_iter().filter(|(node, sum)| !earns(*node) && coins(*node) + sum < 0);
        let poor: Vec<&str> = poor.map(|(node, _)| self.nodes[node as usize].name.as_str()).collect();
        let more = if poor.len() > PAYERS_SHOWN { ", ..." } else { "" };
        let names = poor.iter().take(PAYERS_SHOWN).copied().collect::<Vec<_>>().join(", ");
        (!poor.is_empty()).then(|| {
            format!(
                "not all payments can be made: more is to be paid than there will be, fees included, by {names}{more}"
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Experiment {
        Experiment::parse("test.toml", text, &[]).unwrap_or_else(|errors| panic!("{errors}"))
    }

    const APART: &str = "[[nodes]]\nname = 'a1'\npeers = ['a2', 'w']\n[[nodes]]\nname = 'a2'\n[[nodes]]\nname = 'b1'\n\
        peers = ['b2', 'w']\n[[nodes]]\nname = 'b2'\n[[nodes]]\nname = 'w'\nrole = 'wallet'\n";

    #[test]
    fn full_nodes_in_two_parts_never_agree() {
        assert_eq!(read(APART).unreachable(), None, "without a stop height nobody waits for that");
        let why =
            read(&format!("[experiment]\nstop_height = 5\n{APART}")).unreachable().expect("a wallet joins nobody");
        assert!(why.contains("2 parts (one has a1, another b1)"), "{why}");
        let joined = format!("[experiment]\nstop_height = 5\n{APART}[[links]]\na = 'a2'\nb = 'b2'\n");
        assert_eq!(read(&joined).unreachable(), None);
    }

    #[test]
    fn wallets_alone_make_no_block() {
        let text = "[experiment]\nstop_height = 5\n[[nodes]]\nname = 'v'\nrole = 'wallet'\npeers = ['w']\n\
            [[nodes]]\nname = 'w'\nrole = 'wallet'\n";
        assert!(read(text).unreachable().is_some_and(|why| why.contains("no full node")));
    }

    #[test]
    fn payments_that_nobody_can_make_are_told() {
        let text = |amount: u64| {
            format!(
                "[[nodes]]\nname = 'm'\npeers = ['w']\n[[nodes]]\nname = 'w'\nrole = 'wallet'\ncoins = [10]\n\
                 [[load]]\nat = '1 s'\nfrom = 'w'\nto = 'm'\namount = {amount}\nfee = 1\n"
            )
        };
        assert!(read(&text(9)).doubts().is_empty());
        let doubts = read(&text(10)).doubts();
        assert!(doubts.len() == 1 && doubts[0].ends_with("by w"), "{doubts:?}");
    }
}
